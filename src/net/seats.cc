#include "net/seats.h"

#include <tuple>

namespace tanist::net {

void Seats::occupy(Seat* seat) {
  seat->place_ = seats_.insert(seats_.end(), seat);
  seat->of_source_ = &of_source_[seat->source];
  ++*seat->of_source_;
  ++(seat->favoured ? favoured_ : others_);
}

void Seats::uncount(const Seat& seat) {
  if (--*seat.of_source_ == 0) of_source_.erase(seat.source);
  --(seat.favoured ? favoured_ : others_);
}

void Seats::vacate(Seat* seat) {
  seats_.erase(seat->place_);
  if (!seat->leaving) uncount(*seat);
}

Seat* Seats::who_leaves(const std::string* only_source, bool favoured_too) {
  Seat* out = nullptr;
  const auto rank = [](const Seat& seat) {
    // Larger leaves first.
    return std::tuple(*seat.of_source_, seat.phase == Seat::Phase::waiting, -seat.since.time_since_epoch());
  };
  for (Seat* seat : seats_) {
    if (seat->leaving || seat->phase == Seat::Phase::busy) continue;
    if (only_source ? seat->source != *only_source : seat->favoured && !favoured_too) continue;
    if (out == nullptr || rank(*seat) > rank(*out)) out = seat;
  }
  return out;
}

Seats::Answer Seats::ask(const std::string& source, bool favoured) {
  const std::size_t beyond_reserve = favoured_ > limits_.reserved ? favoured_ - limits_.reserved : 0;
  const auto same = of_source_.find(source);
  const bool too_many = !favoured && same != of_source_.end() && same->second >= limits_.most_of_source;
  const bool full = favoured ? favoured_ + others_ >= limits_.most + limits_.reserved
                             : others_ + beyond_reserve >= limits_.most;
  if (!too_many && !full) return {.room = true, .leaves = nullptr};
  Seat* leaves = who_leaves(too_many ? &source : nullptr, favoured || beyond_reserve > 0);
  if (leaves == nullptr) return {};
  uncount(*leaves);
  leaves->leaving = true;
  return {.room = true, .leaves = leaves};
}

}  // namespace tanist::net
