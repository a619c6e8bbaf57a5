#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/errors.h"
#include "core/document.h"

namespace tanist::config {

/// Environment variables by name.
using Environment = std::map<std::string, std::string>;

/// What the variables `PATRONI_*` and `TANIST_*` say; `TANIST_*` wins over `PATRONI_*` of the same name.
struct EnvironmentConfig {
  /// To be patched onto the files.
  Document overlay = Document::map();
  /// `PATRONI_CONFIGURATION`: a whole configuration, used when no file is given; then `overlay` is dropped.
  std::optional<std::string> whole;
  /// The variable each dotted path of `overlay` came from, and the one of `whole` under "".
  std::map<std::string, std::string> variables;
  /// Recognised variables: secrets and settings that child processes must not see.
  std::vector<std::string> consumed;
  Problems problems;
};

EnvironmentConfig read_environment(const Environment& environment);

/// The environment of this process.
Environment process_environment();
/// Removes variables from the environment of this process. Not thread-safe: at start only.
void remove_from_process(const std::vector<std::string>& names);

}  // namespace tanist::config
