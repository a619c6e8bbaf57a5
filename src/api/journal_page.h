#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "core/time.h"

/// What GET /journal gives of the journal's files. Pure.
namespace tanist::api {

inline constexpr std::size_t kMostJournalEntries = 1000;

struct JournalQuery {
  /// Both are within it; nullopt: no bound.
  std::optional<WallTime> since;
  std::optional<WallTime> until;
  /// The last so many of them.
  std::size_t limit = 100;
};
/// `since=…&until=…&limit=…`; the error says what is wrong with a parameter.
std::expected<JournalQuery, std::string> parse_journal_query(std::string_view query);

struct JournalPage {
  /// Lines of the journal in their order, with commas in between: the items of a list in JSON.
  std::string entries;
  /// There is at least one more within the bounds, before the first of these.
  bool earlier = false;
};

/// Of a journal that goes on from `older` to `newer`; where the file was begun anew between the two looks
/// at it, the one has what the other has. At most `most_bytes`, unless one entry alone has more; what is no
/// JSON object (a write that was torn) is left out.
JournalPage journal_page(std::string_view older, std::string_view newer, const JournalQuery& query,
                         std::size_t most_bytes);

}  // namespace tanist::api
