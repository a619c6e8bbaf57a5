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
  /// Everything is shown, nothing is stored.
  bool dry_run = false;
  /// As the tool was called.
  std::string program = "tanistctl";
};

/// Changes the dynamic configuration, in the order replace, apply, settings, parameters, or in an editor when
/// none of them is given; shows the difference, tells what is unwise about it and what it takes on each
/// member, asks, and writes it where nobody else has meanwhile (ctl.md §7). `api`: to ask members for the
/// versions of their servers; nullptr: nobody is asked. What the output of patronictl does not have goes to
/// the error stream, but for a dry run. Throws Failure and Aborted.
Ending run_edit_config(const EditConfigCommand& command, ClusterStore& store, MemberApi* api,
                       const Terminal& terminal, const Programs& programs);

/// One `key.path=value` on `config`: the value is YAML, null deletes, missing levels are made, empty ones
/// removed; below postgresql.parameters the rest of the path is one name. Throws Failure.
void apply_setting(Document& config, const std::string& pair);

Command edit_config_command();

}  // namespace tanist::ctl
