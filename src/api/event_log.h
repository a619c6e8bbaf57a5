#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "api/picture.h"

namespace tanist::api {

/// The last events, as they are sent, each with an id that no other run of the daemon gives. Bounded by
/// number and bytes. Pure.
class EventLog {
 public:
  struct Limits {
    std::size_t events = 2048;
    std::size_t bytes = 256 * 1024;
  };
  /// `run`: tells this run of the daemon from others; letters and digits.
  EventLog(std::string run, Limits limits) : run_(std::move(run)), limits_(limits) {}

  /// `at` stands in each event as the time of it.
  void append(const Change& change, const std::string& at);

  /// A place between two events: behind the one with this number.
  using Place = std::uint64_t;
  /// Behind the last event.
  Place end() const { return last_; }
  /// Behind the event that a Last-Event-ID names; nullopt: there is no telling what came after it.
  std::optional<Place> behind(std::string_view id) const;
  /// The event that precedes `place` as its id.
  std::string id(Place place) const;
  /// Some of what came after `place`, at most `most` bytes unless one event has more, and moves it behind;
  /// nullopt: some of that is gone.
  std::optional<std::string> take(Place& place, std::size_t most) const;

  /// One event on the wire.
  std::string text(std::string_view type, const Document& data, Place number) const;

 private:
  std::string run_;
  Limits limits_;
  std::deque<std::string> events_;
  std::size_t bytes_ = 0;
  Place last_ = 0;
};

}  // namespace tanist::api
