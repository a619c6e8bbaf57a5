#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/enum_names.h"
#include "core/time.h"
#include "dcs/store_times.h"
#include "ha/model/operation_view.h"

/// What a member has counted since its daemon was started, for metrics; nothing is decided on it.
namespace tanist::ha {

/// How long something took, and how often it happened.
struct Spent {
  std::uint64_t count = 0;
  Duration sum{};

  void add(Duration took) {
    ++count;
    sum += took;
  }
};

/// Why this member became the primary. The names are those of the metrics.
enum class TakeoverKind {
  failover,         // the leader was lost
  switchover,       // somebody asked for another leader
  manual_failover,  // somebody asked for this one, and there was no leader
};

struct Takeover {
  /// From the moment the leader key was seen to be gone, or another's time was over, until it was won here.
  Spent election;
  /// From then until PostgreSQL was seen to accept writes.
  Spent promotion;
};

struct Tallies {
  dcs::StoreTimes store;
  /// Of the operations, wherever they ended.
  std::array<Spent, enum_names::count<Phase>()> phases{};
  std::array<Takeover, enum_names::count<TakeoverKind>()> takeovers{};
  /// What was left of the lease when it was renewed, at its smallest; zero: it ended once. nullopt: it was
  /// never renewed.
  std::optional<Duration> smallest_lease_margin;
};

}  // namespace tanist::ha
