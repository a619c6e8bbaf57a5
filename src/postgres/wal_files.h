#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/lsn.h"

/// Files of pg_wal, and the commands that take them to an archive and back (postgres.md §24, §25).
namespace tanist::postgres {

/// `00000001000000000000000A`, also one that ends with `.partial`.
bool is_segment_name(std::string_view name);
/// The segment of this timeline that holds `lsn`.
std::string segment_name(Timeline timeline, Lsn lsn, std::uint64_t segment_bytes);

struct WalFile {
  /// What `%p` stands for.
  std::string path;
  /// What `%f` stands for.
  std::string name;
};
/// archive_command or restore_command for one file: `%p`, `%f`, `%%`, and `%r` as the oldest segment there
/// can be; any other `%` stands for itself, as in PostgreSQL.
std::string expand_wal_command(std::string_view command, const WalFile& file);

/// The segment whose absence made pg_rewind end, by what it said (in English).
std::optional<std::string> missing_segment(std::string_view output);

/// Where the record after a switch of timelines at `begin` starts: not in a page's header.
Lsn first_record(Lsn begin, std::uint64_t segment_bytes);
/// How many bytes from first_record() on are certainly of that record on a server that has it whole: its
/// length is `record_bytes`, and only what lies on its first page counts.
std::uint64_t comparable_bytes(Lsn record, std::uint64_t record_bytes);

}  // namespace tanist::postgres
