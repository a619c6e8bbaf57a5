#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/lsn.h"

/// Files of pg_wal, and the commands that take them to an archive and back (postgres.md §24, §25).
namespace tanist::postgres {

// Sizes that PostgreSQL fixes for all usual builds.
inline constexpr std::uint64_t kWalPageBytes = 8192;
/// Records begin at multiples of it.
inline constexpr std::uint64_t kWalAlignment = 8;

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
/// How many bytes of WAL, from first_record() on, hold the first `bytes` of that record, at most a page: the
/// header of the next page lies between them where they go on there. 0: they go on in the next segment.
std::uint64_t wal_of_record(Lsn record, std::uint64_t bytes, std::uint64_t segment_bytes);

}  // namespace tanist::postgres
