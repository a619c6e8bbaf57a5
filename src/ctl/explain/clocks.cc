#include "ctl/explain/clocks.h"

#include <algorithm>

namespace tanist::ctl::explain {
namespace {

constexpr Duration kAgreement = std::chrono::minutes(1);

}  // namespace

std::optional<Offset> offset_of(const std::vector<Round>& rounds) {
  if (rounds.empty()) return std::nullopt;
  Duration least = rounds.back().answered_there - rounds.back().received;
  Duration most = rounds.back().received_there - rounds.back().sent;
  for (auto round = rounds.rbegin(); round != rounds.rend(); ++round) {
    const Duration no_less = std::max(least, Duration(round->answered_there - round->received));
    const Duration no_more = std::min(most, Duration(round->received_there - round->sent));
    if (no_less > no_more) break;
    least = no_less;
    most = no_more;
  }
  return Offset{.ahead = least + (most - least) / 2, .error = (most - least) / 2};
}

WallTime here(const Moment& entry, const Moment& answered, const Offset& offset) {
  const Duration by_boot = answered.boot - entry.boot;
  const Duration by_wall = answered.wall - entry.wall;
  const Duration apart = by_boot > by_wall ? by_boot - by_wall : by_wall - by_boot;
  const Duration ago = by_boot >= Duration::zero() && apart < kAgreement ? by_boot : by_wall;
  return std::chrono::floor<std::chrono::microseconds>(answered.wall - ago - offset.ahead);
}

}  // namespace tanist::ctl::explain
