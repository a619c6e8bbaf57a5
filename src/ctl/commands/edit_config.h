#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ctl/command.h"

namespace tanist::ctl {

struct EditConfigCommand {
  std::string cluster;
  /// Files; `-`: the input.
  std::optional<std::string> replace;
  std::optional<std::string> apply;
  /// `key.path=value`, in their order.
  std::vector<std::string> settings;
  /// `name=value` of PostgreSQL parameters, after `settings`.
  std::vector<std::string> parameters;
  /// Without a diff.
  bool quiet = false;
  /// Without a question.
  bool force = false;
};

/// Changes the dynamic configuration, in the order replace, apply, settings, parameters, or in an editor when
/// none of them is given; shows the difference, asks, and writes it where nobody else has meanwhile (ctl.md
/// §7). Throws Failure and Aborted.
void run_edit_config(const EditConfigCommand& command, ClusterStore& store, const Terminal& terminal,
                     const Programs& programs);

/// One `key.path=value` on `config`: the value is YAML, null deletes, missing levels are made, empty ones
/// removed; below postgresql.parameters the rest of the path is one name. Throws Failure.
void apply_setting(Document& config, const std::string& pair);

Command edit_config_command();

}  // namespace tanist::ctl
