#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "config/errors.h"
#include "config/read/environment.h"
#include "config/read/sources.h"
#include "core/document.h"

/// The local configuration: a file, a directory of files or `PATRONI_CONFIGURATION`, below the environment.
namespace tanist::config {

/// A valid local configuration, merged and in today's shape (old places of keys are moved).
struct LocalConfig {
  Document document = Document::map();
  /// What it was read from, for messages.
  std::string source;
  Problems warnings;
  /// Environment variables that were used; see remove_from_process().
  std::vector<std::string> consumed;
  /// HOME, for `~` in paths.
  std::optional<std::string> home;
};

/// Reads and checks the configuration. `path` is a file or a directory; nullopt: from the environment alone.
/// For a reload, call again with the same arguments. Reads files: not for the control thread. On failure the
/// problems hold at least one error, and the warnings.
std::expected<LocalConfig, Problems> load(const std::optional<std::string>& path,
                                          const Environment& environment);

/// The part of load() that does no I/O: merges and checks `files` in their order.
std::expected<LocalConfig, Problems> load_from(const std::vector<SourceFile>& files,
                                               const std::string& source, const Environment& environment);

}  // namespace tanist::config
