#include "ha/policy/modes.h"

namespace tanist::ha::policy {
namespace {

constexpr std::string_view kFailsafe = "failsafe_mode";

}  // namespace

std::string mode_not_served(const PolicySettings& settings) {
  // Without failsafe_mode a primary is demoted sooner, which is safe: nothing else is held back for it.
  for (const auto& mode : settings.modes_not_served)
    if (mode != kFailsafe) return mode;
  return {};
}

void tell_modes_not_served(Draft& d) {
  for (const auto& mode : d.settings.modes_not_served) {
    if (mode == kFailsafe) {
      d.say_each_minute(log::Level::error, Code::failsafe_not_served);
    } else {
      d.say_each_minute(log::Level::error, Code::mode_not_served, {mode}, mode);
    }
  }
}

}  // namespace tanist::ha::policy
