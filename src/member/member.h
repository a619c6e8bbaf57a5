#pragma once

#include <string>

namespace tanist::member {

struct Options {
  /// A YAML file, or a directory of them; empty: the environment alone.
  std::string config_path;
};

/// Runs the daemon until it is told to end. Returns the exit code (config.md §11.7).
int run(const Options& options);

}  // namespace tanist::member
