#pragma once

#include "ctl/command.h"

namespace tanist::ctl {

Command top_command();

}  // namespace tanist::ctl
