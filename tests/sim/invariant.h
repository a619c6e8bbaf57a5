#pragma once

#include <array>
#include <string_view>

namespace tanist::sim {

/// What must hold whatever is done to the world, checked after every event; docs/safety.md has a paragraph on
/// each.
enum class Invariant {
  single_writer,
  synchronous_commits,
  asynchronous_loss,
  no_self_inflicted_outage,
  progress,
  no_data_destroyed,
  obedience,
  hands_off,
};

/// As failures and docs/safety.md call them, in the order of the enumeration.
inline constexpr std::array<std::string_view, 8> kInvariantNames = {
    "single writer",
    "no acknowledged synchronous commit lost",
    "asynchronous loss bounded",
    "no self-inflicted outage",
    "progress",
    "no data destroyed",
    "obedience",
    "pause means hands off",
};

constexpr std::string_view invariant_name(Invariant invariant) {
  return kInvariantNames.at(static_cast<std::size_t>(invariant));
}

}  // namespace tanist::sim
