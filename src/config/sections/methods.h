#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"

/// Commands of the user that make a data directory: `bootstrap.<method>` and `postgresql.<method>`.
namespace tanist::config {

/// What `bootstrap.method` names, if that section has a command; nullopt: initdb. `bootstrap` may be nullptr.
std::optional<CustomBootstrap> custom_bootstrap(const Document* bootstrap);

/// The sections of the `methods` other than `basebackup` in an effective `postgresql` section; a method
/// without a section is a command of its own name.
std::map<std::string, ReplicaMethod> replica_methods(const Document* postgresql,
                                                     const std::vector<std::string>& methods);

}  // namespace tanist::config
