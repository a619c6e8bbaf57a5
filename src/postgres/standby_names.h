#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "core/fields.h"
#include "core/names.h"

/// The value of synchronous_standby_names (replication.md §13).
namespace tanist::postgres {

/// Stands for a standby that never comes: commits wait. No member may have this name.
inline constexpr std::string_view kStrictPlaceholder = "__patroni_strict_sync_replica_placeholder__";

/// No names and a count of at least 1: nobody is there yet, and commits wait.
struct StandbyNames {
  enum class Kind {
    /// Commits wait for nobody.
    off,
    /// For the first `count` of the list that stream.
    priority,
    /// For any `count` of them.
    quorum
  } kind = Kind::off;
  int count = 0;
  NameSet names;
  /// `*` was among the names: every standby, members or not. `names` is then the placeholder alone, which is
  /// nobody's list, so that the value gets replaced.
  bool any = false;

  bool operator==(const StandbyNames&) const = default;
  TANIST_FIELDS(kind, count, names, any);
};

/// Reads what a server accepts; the error says what it does not. Empty: off.
std::expected<StandbyNames, std::string> parse_standby_names(std::string_view text);

/// As a server of this version (150004; 0: a current one) is told. Empty: the parameter is left out.
std::string to_text(const StandbyNames& value, int server_version);

}  // namespace tanist::postgres
