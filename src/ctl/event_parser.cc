#include "ctl/event_parser.h"

#include <utility>

#include "json/parse.h"

namespace tanist::ctl {

namespace {
/// A snapshot of a cluster of hundreds is below it.
constexpr std::size_t kLongest = 1 << 20;
}  // namespace

std::vector<MemberEvent> EventParser::put(std::string_view bytes) {
  std::vector<MemberEvent> out;
  while (!bytes.empty() && !broken_) {
    const auto end = bytes.find('\n');
    line_ += bytes.substr(0, end);
    if (line_.size() > kLongest) broken_ = true;
    if (end == std::string_view::npos || broken_) break;
    if (line_.ends_with('\r')) line_.pop_back();
    take_line(line_, out);
    line_.clear();
    bytes.remove_prefix(end + 1);
  }
  return out;
}

void EventParser::take_line(std::string_view line, std::vector<MemberEvent>& out) {
  if (line.empty()) {
    MemberEvent event = std::exchange(next_, MemberEvent());
    auto data = parse_json(std::exchange(data_, std::string()));
    if (event.type.empty() || !data || !data->is_map()) return;
    event.data = *std::move(data);
    out.push_back(std::move(event));
    return;
  }
  const auto colon = line.find(':');
  const auto field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "id") next_.id = value;
  if (field == "event") next_.type = value;
  if (field == "data") data_ = value;
}

}  // namespace tanist::ctl
