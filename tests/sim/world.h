#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/time.h"
#include "invariant.h"
#include "random.h"

namespace tanist::sim {

class Process;

/// Time of the simulated world: nanoseconds since its beginning. Hosts see it through clocks that run a
/// little fast or slow.
using Time = Duration;

/// An endpoint of the simulated network: the store, or a host (1, 2, …).
using Endpoint = int;
inline constexpr Endpoint kStore = 0;

/// A host's boot clock: where it stood when the world began, and its rate error in parts per billion.
struct HostClock {
  Duration base{};
  std::int64_t rate_error_ppb = 0;
  Instant at(Time world) const;
  /// The first moment of the world at which this clock shows `local` or later.
  Time when(Instant local) const;
};

/// What is wrong with the network between two endpoints, in one direction.
struct Link {
  bool blocked = false;
  double loss = 0;
  /// Added to the latency of each message.
  Duration hold{};
  /// Added to the latency of a fraction of the messages.
  Duration slow{};
  double slow_fraction = 0;
};

/// The simulated world: one queue of events in virtual time, one source of chance, one network, one trace.
/// Everything that happens is a function of the seed. One thread.
class World {
 public:
  explicit World(std::uint64_t seed);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  std::uint64_t seed() const { return seed_; }
  Time now() const { return now_; }
  Random& dice() { return dice_; }

  using EventKey = std::pair<Time, std::uint64_t>;
  EventKey at(Time when, std::function<void()> what);
  EventKey after(Duration delay, std::function<void()> what) { return at(now_ + delay, std::move(what)); }
  void cancel(const EventKey& key) { queue_.erase(key); }

  /// Lets every process run until all wait, then the next event happen. False: nothing is left to happen.
  bool step();
  /// Steps until `until` (of the world) or until `done` says so; the clock then stands at the last event or
  /// at `until`.
  void run_until(Time until, const std::function<bool()>& done = {});
  void run_for(Duration span, const std::function<bool()>& done = {}) { run_until(now_ + span, done); }
  /// Called after every step.
  void on_step(std::function<void()> check) { check_ = std::move(check); }
  /// Lets every process run until all wait; no event happens.
  void settle();

  // Network.
  Link& link(Endpoint from, Endpoint to) { return links_[{from, to}]; }
  bool open(Endpoint from, Endpoint to) { return !link(from, to).blocked; }
  void partition(Endpoint a, Endpoint b, bool blocked);
  void heal_network();
  /// Sends a message: `arrive` runs after the latency unless the link loses it, now or on arrival. Returns
  /// whether it was put on the way.
  bool send(Endpoint from, Endpoint to, std::function<void()> arrive, Duration extra = {});
  std::uint64_t messages_lost() const { return messages_lost_; }

  // Trace.
  /// Adds to the trace hash and to the readable log of the last events. `who`: host or part.
  void note(const std::string& who, std::string text);
  /// Only to the hash.
  void mix(const std::string& who, const std::string& text);
  /// Only for the readable log (text that may hold what differs between runs).
  void remark(const std::string& who, std::string text);
  std::uint64_t hash() const { return hash_; }
  /// The last events, oldest first.
  std::vector<std::string> recent(std::size_t count) const;
  void echo(bool on) { echo_ = on; }

  /// Records a broken invariant; the first one stops the run.
  void violated(Invariant which, const std::string& what);
  const std::string& violation() const { return violation_; }

 private:
  friend class Process;
  void attach(Process* process) { processes_.push_back(process); }
  void detach(Process* process);
  void mix_number(std::uint64_t value);
  void keep(const std::string& who, const std::string& text);

  std::uint64_t seed_;
  Random dice_;
  Time now_{};
  std::uint64_t next_event_ = 0;
  std::map<EventKey, std::function<void()>> queue_;
  std::vector<Process*> processes_;
  std::map<std::pair<Endpoint, Endpoint>, Link> links_;
  std::uint64_t messages_lost_ = 0;
  std::uint64_t hash_ = 1469598103934665603ULL;
  std::deque<std::string> recent_;
  bool echo_ = false;
  std::string violation_;
  std::function<void()> check_;
};

}  // namespace tanist::sim
