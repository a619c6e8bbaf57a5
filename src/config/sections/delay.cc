#include "config/sections/delay.h"

#include <algorithm>
#include <string>

#include "core/document.h"
#include "core/text.h"

namespace tanist::config {

bool replays_late(const Postgresql& postgresql) {
  constexpr std::string_view kDelay = "recovery_min_apply_delay";
  const auto& parameters = postgresql.parameters;
  const bool replaced = std::ranges::any_of(
      kRecoveryParameters, [&](std::string_view name) { return parameters.contains(std::string(name)); });
  const auto& all = replaced ? parameters : postgresql.recovery_conf;
  return std::ranges::any_of(all, [&](const auto& entry) {
    return lower(entry.first) == kDelay && parse_int(Document(entry.second), "ms").value_or(0) > 0;
  });
}

}  // namespace tanist::config
