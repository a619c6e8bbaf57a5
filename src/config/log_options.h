#pragma once

#include "config/settings.h"
#include "core/log.h"

namespace tanist::config {

/// The options of core/log.h that a `log` section means.
log::Options log_options(const Log&);

}  // namespace tanist::config
