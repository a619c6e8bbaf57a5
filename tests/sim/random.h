#pragma once

#include <cstdint>

#include "core/time.h"

namespace tanist::sim {

/// Pseudo-random numbers that are the same on every machine and library (splitmix64).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  /// Uniform in [0, 1).
  double roll() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  /// Uniform in [0, n); n > 0.
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  bool chance(double probability) { return roll() < probability; }
  Duration between(Duration low, Duration high) {
    if (high <= low) return low;
    return low +
           Duration(static_cast<Duration::rep>(below(static_cast<std::uint64_t>((high - low).count()))));
  }
  /// A stream of its own, for a part whose draws must not disturb the others.
  Random fork() { return Random(next()); }

 private:
  std::uint64_t state_;
};

}  // namespace tanist::sim
