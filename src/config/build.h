#pragma once

#include "config/errors.h"
#include "config/read/load.h"
#include "config/settings.h"

namespace tanist::config {

/// The effective configuration: defaults, below the accepted dynamic configuration, below the local one,
/// except what only the dynamic one may say. Values that cannot be used become warnings.
Settings build(const LocalConfig& local, const Document& dynamic, Problems& problems);

}  // namespace tanist::config
