#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/time.h"

namespace tanist::dcs {

/// What a member asks of its store, as it is counted. The names are those of the metrics.
enum class StoreOperation {
  read,       // a view that is asked for, not the watched copy
  renew,      // the proof of the lease
  acquire,    // the leader key, in a race
  release,    // the leader key, given back
  member,     // the member's own key, and the lease that keeps it
  write,      // every other key
  bootstrap,  // begun, finished, given up
};
inline constexpr std::size_t kStoreOperations = 7;

/// How long requests took, counted by class, and how many brought no answer that counts. Of the whole life of
/// the daemon.
struct StoreTimes {
  /// The upper bounds; what took longer is counted last.
  static constexpr std::array<Duration, 8> kBounds = {
      std::chrono::milliseconds(1),    std::chrono::milliseconds(2),   std::chrono::milliseconds(5),
      std::chrono::milliseconds(25),   std::chrono::milliseconds(100), std::chrono::milliseconds(500),
      std::chrono::milliseconds(2000), std::chrono::seconds(5)};
  struct Operation {
    std::array<std::uint64_t, kBounds.size() + 1> counts{};
    Duration sum{};
    /// Without an answer in time, or with one that is none: what came of them is not known, or nothing was
    /// done. What the store refused because somebody was faster is an answer.
    std::uint64_t errors = 0;
  };
  std::array<Operation, kStoreOperations> of{};

  void add(StoreOperation operation, Duration took, bool error) {
    auto& to = of.at(static_cast<std::size_t>(operation));
    std::size_t i = 0;
    while (i < kBounds.size() && took > kBounds[i]) ++i;
    ++to.counts[i];
    to.sum += took;
    if (error) ++to.errors;
  }
};

}  // namespace tanist::dcs
