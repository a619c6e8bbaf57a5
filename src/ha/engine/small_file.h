#pragma once

#include <string>

#include "ha/ports.h"

namespace tanist::ha {

/// Empty: it is not there, or cannot be read, which is logged.
Task<std::string> read_small(Ports ports, std::string path);

}  // namespace tanist::ha
