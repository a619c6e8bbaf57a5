#include "api/event_log.h"

#include <charconv>

#include "core/format.h"

namespace tanist::api {

std::string EventLog::id(Place place) const {
  return fmt::format("{}-{}", run_, place);
}

std::string EventLog::text(std::string_view type, const Document& data, Place number) const {
  return fmt::format("id: {}\nevent: {}\ndata: {}\n\n", id(number), type, to_spaced_json(data));
}

void EventLog::append(const Change& change, const std::string& at) {
  Document data = change.data;
  data.set("time", at);
  events_.push_back(text(change.type, data, ++last_));
  bytes_ += events_.back().size();
  // The newest stays, however large it is.
  while (events_.size() > 1 && (events_.size() > limits_.events || bytes_ > limits_.bytes)) {
    bytes_ -= events_.front().size();
    events_.pop_front();
  }
}

std::optional<EventLog::Place> EventLog::behind(std::string_view id) const {
  if (!id.starts_with(run_) || id.size() <= run_.size() || id[run_.size()] != '-') return std::nullopt;
  id.remove_prefix(run_.size() + 1);
  Place number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc() || end != id.data() + id.size()) return std::nullopt;
  if (number > last_ || last_ - number > events_.size()) return std::nullopt;
  return number;
}

std::optional<std::string> EventLog::take(Place& place, std::size_t most) const {
  const std::uint64_t wanted = last_ - place;
  if (wanted > events_.size()) return std::nullopt;
  std::string out;
  for (std::size_t i = events_.size() - wanted; i < events_.size(); ++i) {
    if (!out.empty() && out.size() + events_[i].size() > most) break;
    out += events_[i];
    ++place;
  }
  return out;
}

}  // namespace tanist::api
