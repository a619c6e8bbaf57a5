#pragma once

#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>

#include "config/read/environment.h"
#include "setup/world.h"

namespace tanist::setup {

struct GenerateOptions {
  /// File to write; nullopt: standard output.
  std::optional<std::string> output;
  /// Connection string of a running PostgreSQL; nullopt: what libpq's variables say.
  std::optional<std::string> dsn;
};

/// `--generate-sample-config` and `--generate-config` (config.md §9). What fails is said on `err`. They
/// return the exit code.
int generate_sample_config(const GenerateOptions& options, const config::Environment& environment,
                           World& world, std::ostream& out, std::ostream& err);
int generate_config(const GenerateOptions& options, const config::Environment& environment, World& world,
                    std::ostream& out, std::ostream& err);

/// Why there is no configuration, in the words of config.md §9.
class GenerateFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The configuration of a sample, and of a PostgreSQL that runs. They throw GenerateFailed.
Document sample_config(const config::EnvironmentConfig& environment, World& world);
Document running_config(const config::EnvironmentConfig& variables, const config::Environment& environment,
                        const std::optional<std::string>& dsn, World& world);

/// What the environment says, to be patched on a generated configuration.
Document environment_overlay(const config::EnvironmentConfig& environment);

}  // namespace tanist::setup
