#include "postgres/files/wal_files.h"

#include <algorithm>

#include "core/format.h"

namespace tanist::postgres {
namespace {

constexpr std::size_t kNameLength = 24;
constexpr std::string_view kHex = "0123456789ABCDEF";
constexpr std::string_view kOldest = "000000010000000000000001";

constexpr std::uint64_t kPageHeader = 24;
constexpr std::uint64_t kSegmentHeader = 40;

bool is_plain_name(std::string_view name) {
  return name.size() == kNameLength && name.find_first_not_of(kHex) == std::string_view::npos;
}

}  // namespace

bool is_segment_name(std::string_view name) {
  if (name.ends_with(".partial")) name.remove_suffix(8);
  return is_plain_name(name);
}

std::string segment_name(Timeline timeline, Lsn lsn, std::uint64_t segment_bytes) {
  const std::uint64_t each = (std::uint64_t{1} << 32) / segment_bytes;
  const std::uint64_t number = lsn.value / segment_bytes;
  return fmt::format("{:08X}{:08X}{:08X}", timeline.value, number / each, number % each);
}

std::string expand_wal_command(std::string_view command, const WalFile& file) {
  std::string text;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char what = command[i] == '%' && i + 1 < command.size() ? command[i + 1] : '\0';
    switch (what) {
      case 'p': text += file.path; break;
      case 'f': text += file.name; break;
      case 'r': text += kOldest; break;
      case '%': text += '%'; break;
      default: text += command[i]; continue;
    }
    ++i;
  }
  return text;
}

std::optional<std::string> missing_segment(std::string_view output) {
  // could not open file "/data/pg_wal/000000010000000000000004": No such file or directory
  constexpr std::string_view kMark = "could not open file \"";
  for (auto at = output.find(kMark); at != std::string_view::npos; at = output.find(kMark, at + 1)) {
    const auto rest = output.substr(at + kMark.size());
    const auto end = rest.find('"');
    if (end == std::string_view::npos || !rest.substr(end).starts_with("\": ")) continue;
    const auto path = rest.substr(0, end);
    const auto slash = path.rfind('/');
    if (slash == std::string_view::npos) continue;
    const auto directory = path.substr(0, slash);
    const auto name = path.substr(slash + 1);
    const bool of_wal = directory.ends_with("/pg_wal") || directory.ends_with("/pg_xlog") ||
                        directory == "pg_wal" || directory == "pg_xlog";
    if (of_wal && is_plain_name(name)) return std::string(name);
  }
  return std::nullopt;
}

Lsn first_record(Lsn begin, std::uint64_t segment_bytes) {
  if (begin.value % segment_bytes == 0) return {begin.value + kSegmentHeader};
  if (begin.value % kWalPageBytes == 0) return {begin.value + kPageHeader};
  return begin;
}

std::uint64_t wal_of_record(Lsn record, std::uint64_t bytes, std::uint64_t segment_bytes) {
  const std::uint64_t on_page = kWalPageBytes - record.value % kWalPageBytes;
  const std::uint64_t wal = bytes <= on_page ? bytes : bytes + kPageHeader;
  return wal <= segment_bytes - record.value % segment_bytes ? wal : 0;
}

}  // namespace tanist::postgres
