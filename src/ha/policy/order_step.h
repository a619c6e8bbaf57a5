#pragma once

namespace tanist::ha::policy {

/// What a rule does with an order that was not begun yet.
enum class OrderStep {
  refused,
  waits,   // for what the other rules do or ask for
  chosen,  // begun, or something has to be known or ended first: the rule ends the decision
};

}  // namespace tanist::ha::policy
