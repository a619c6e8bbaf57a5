#include "postgres/files/history.h"

#include <algorithm>
#include <charconv>

#include "core/format.h"

namespace tanist::postgres {
namespace {

constexpr std::string_view kBlank = " \t\r";

std::string_view next_word(std::string_view& text) {
  const auto begin = std::min(text.find_first_not_of(kBlank), text.size());
  const auto end = std::min(text.find_first_of(kBlank, begin), text.size());
  const auto word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

}  // namespace

std::vector<HistoryLine> parse_history(std::string_view text) {
  std::vector<HistoryLine> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    HistoryLine item;
    const auto timeline = next_word(line);
    const auto parsed =
        std::from_chars(timeline.data(), timeline.data() + timeline.size(), item.parent.value);
    const auto lsn = parse_lsn(next_word(line));
    if (parsed.ec != std::errc() || timeline.starts_with('#') || !lsn) continue;
    item.switch_lsn = *lsn;
    const auto begin = std::min(line.find_first_not_of(kBlank), line.size());
    item.reason = line.substr(begin, line.find_last_not_of(kBlank) + 1 - begin);
    lines.push_back(std::move(item));
  }
  return lines;
}

std::string history_file_name(Timeline timeline) {
  return fmt::format("{:08X}.history", timeline.value);
}

}  // namespace tanist::postgres
