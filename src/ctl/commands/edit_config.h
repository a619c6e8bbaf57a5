#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/environment.h"
#include "ctl/cluster_store.h"
#include "ctl/terminal.h"

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

/// The programs the command runs, in the foreground; their exit code. Throw Failure where there is none to
/// run.
struct Programs {
  /// Edits the file at `path`.
  std::function<int(const std::string& path)> edit;
  /// Shows `text`.
  std::function<void(const std::string& text)> page;
};
/// By $EDITOR, $PAGER and what is commonly there.
Programs usual_programs(const config::Environment& environment);

/// Changes the dynamic configuration, in the order replace, apply, settings, parameters, or in an editor when
/// none of them is given; shows the difference, asks, and writes it where nobody else has meanwhile (ctl.md
/// §7). Throws Failure and Aborted.
void run_edit_config(const EditConfigCommand& command, ClusterStore& store, const Terminal& terminal,
                     const Programs& programs);

/// One `key.path=value` on `config`: the value is YAML, null deletes, missing levels are made, empty ones
/// removed; below postgresql.parameters the rest of the path is one name. Throws Failure.
void apply_setting(Document& config, const std::string& pair);

}  // namespace tanist::ctl
