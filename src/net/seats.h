#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <string>

#include "core/time.h"

/// Who may stay when a server has more connections than it can serve. Internal to net/. Pure.
namespace tanist::net {

/// One connection.
struct Seat {
  enum class Phase {
    /// Between two requests.
    waiting,
    /// Shaking hands, sending a request, or taking an answer: it is the client that is waited for.
    incomplete,
    /// An answer is being made.
    busy,
    /// It listens to an answer that does not end, and can begin anew elsewhere.
    listening,
  };
  /// What is counted together: an address, or for IPv6 the network that one host has for itself.
  std::string source;
  bool favoured = false;
  Phase phase = Phase::incomplete;
  /// Of the phase.
  Instant since{};
  /// It was told to leave and does not count any more.
  bool leaving = false;

 private:
  friend class Seats;
  /// How many of its source count; there while this one does. Each that is to leave is chosen among all, with
  /// each connection that comes: no name is looked up for that.
  std::size_t* of_source_ = nullptr;
  std::list<Seat*>::iterator place_;
};

struct SeatLimits {
  std::size_t most = 0;
  /// From one source that is not favoured.
  std::size_t most_of_source = 0;
  /// Besides `most`, for those who are favoured.
  std::size_t reserved = 0;
};

/// Nobody who holds a connection open without asking anything keeps others out: he who has most gives one up,
/// one that waits before one that is incomplete, the oldest first.
class Seats {
 public:
  explicit Seats(SeatLimits limits) : limits_(limits) {}

  struct Answer {
    bool room = false;
    /// Has to leave for it; is marked as leaving.
    Seat* leaves = nullptr;
  };
  Answer ask(const std::string& source, bool favoured);
  /// `seat` must stay where it is until vacate().
  void occupy(Seat* seat);
  void vacate(Seat* seat);

 private:
  void uncount(const Seat& seat);
  Seat* who_leaves(const std::string* only_source, bool favoured_too);

  SeatLimits limits_;
  std::list<Seat*> seats_;
  /// Without those that are leaving.
  std::map<std::string, std::size_t> of_source_;
  std::size_t favoured_ = 0;
  std::size_t others_ = 0;
};

}  // namespace tanist::net
