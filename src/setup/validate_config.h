#pragma once

#include <optional>
#include <ostream>
#include <string>

#include "config/read/environment.h"
#include "setup/world.h"

namespace tanist::setup {

struct ValidateOptions {
  /// File or directory; nullopt: the environment alone.
  std::optional<std::string> path;
  /// A port to listen on that is in use is no error.
  bool ignore_listen_port = false;
  /// Show the configuration with the environment on top, secrets masked.
  bool print = false;
  bool print_secrets = false;
  /// One JSON object on standard output instead of lines.
  bool json = false;
  /// Nothing is asked of the network.
  bool offline = false;
};

/// `tanist --validate-config` (config.md §8). Errors and warnings, one per line, go to `err`. Every line
/// begins as config.md §8.1 says; what follows in brackets names the place and what is allowed. Returns the
/// exit code.
int validate_config(const ValidateOptions& options, const config::Environment& environment, World& world,
                    std::ostream& out, std::ostream& err);

}  // namespace tanist::setup
