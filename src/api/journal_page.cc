#include "api/journal_page.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "core/document.h"
#include "core/format.h"
#include "dcs/codec.h"
#include "json/parse.h"
#include "net/http.h"

namespace tanist::api {
namespace {

constexpr std::string_view kAt = "\"at\":\"";
/// Where the time of a line stands, at the latest.
constexpr std::size_t kAtWithin = 64;

/// From the beginning of the line alone: a page is chosen without reading all of the journal as JSON.
std::optional<WallTime> time_of(std::string_view line) {
  const auto at = line.substr(0, kAtWithin).find(kAt);
  if (at == std::string_view::npos) return std::nullopt;
  line.remove_prefix(at + kAt.size());
  return dcs::parse_iso8601(std::string(line.substr(0, line.find('"'))));
}

std::expected<WallTime, std::string> time_parameter(const std::string& name, const std::string& text) {
  if (const auto at = dcs::parse_iso8601(text)) return *at;
  return std::unexpected(fmt::format(
      "{}: '{}' is no time of ISO 8601 with an offset, as 2031-05-01T10:00:00Z (a + is %2B)", name, text));
}

}  // namespace

std::expected<JournalQuery, std::string> parse_journal_query(std::string_view query) {
  JournalQuery out;
  for (const auto& [name, value] : net::parse_query(query)) {
    if (name == "since" || name == "until") {
      const auto at = time_parameter(name, value);
      if (!at) return std::unexpected(at.error());
      (name == "since" ? out.since : out.until) = *at;
    } else if (name == "limit") {
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out.limit);
      if (error != std::errc() || end != value.data() + value.size() || out.limit > kMostJournalEntries)
        return std::unexpected(
            fmt::format("limit: '{}' is no number from 0 to {}", value, kMostJournalEntries));
    } else {
      return std::unexpected(fmt::format("unknown parameter '{}': there are since, until and limit", name));
    }
  }
  return out;
}

JournalPage journal_page(std::string_view older, std::string_view newer, const JournalQuery& query,
                         std::size_t most_bytes) {
  if (!newer.empty() && older.starts_with(newer)) newer = {};
  JournalPage out;
  std::vector<std::string_view> chosen;
  std::size_t bytes = 0;
  // From the last line to the first; what no newline ends is not written yet.
  const auto choose = [&](std::string_view text) {
    text = text.substr(0, text.rfind('\n') + 1);
    while (!text.empty() && !out.earlier) {
      text.remove_suffix(1);
      const auto begin = text.rfind('\n') + 1;
      const std::string_view line = text.substr(begin);
      text = text.substr(0, begin);
      const auto at = time_of(line);
      if (!at || (query.since && *at < *query.since) || (query.until && *at > *query.until)) continue;
      if (chosen.size() >= query.limit || (!chosen.empty() && bytes + line.size() > most_bytes)) {
        out.earlier = true;
        return;
      }
      const auto read = parse_json(std::string(line));
      if (!read || !read->is_map()) continue;
      chosen.push_back(line);
      bytes += line.size() + 1;
    }
  };
  choose(newer);
  choose(older);
  out.entries.reserve(bytes);
  std::ranges::reverse(chosen);
  for (const auto line : chosen) {
    if (!out.entries.empty()) out.entries += ',';
    out.entries += line;
  }
  return out;
}

}  // namespace tanist::api
