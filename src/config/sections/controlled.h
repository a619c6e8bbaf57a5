#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/errors.h"
#include "core/document.h"

/// PostgreSQL parameters that only the dynamic configuration may set, because all members need the same
/// value.
namespace tanist::config {

struct Controlled {
  std::string_view name;
  /// Empty: derived from other keys, never settable.
  std::string_view fallback;
  enum class Rule { never, wal_level, always_on, integer, megabytes, boolean } rule;
  int min = 0;
  /// Part of the postmaster's command line, so that ALTER SYSTEM cannot change it.
  bool on_command_line = true;
};

/// In the order of the command line.
std::span<const Controlled> controlled_parameters();
/// By name in any case.
bool is_controlled(std::string_view name);

/// Why members would not take this value and use their default: names parameter, value and what is allowed;
/// nullopt: they take it, or nobody may set the parameter and all ignore it alike.
std::optional<std::string> refused_value(std::string_view name, const Document& value);

/// Parameters from defaults, dynamic and local configuration (maps, or nullptr), by lower-case name. The
/// derived ones (listen_addresses, port, cluster_name) and unset wal_keep_* are left to the caller. Refused
/// dynamic values become warnings.
std::map<std::string, std::string> merge_parameters(const Document* dynamic, const Document* local,
                                                    Problems& problems);

/// The text a value has in postgresql.conf: booleans as on/off; nullopt for null, lists and mappings.
std::optional<std::string> guc_text(const Document& value);

}  // namespace tanist::config
