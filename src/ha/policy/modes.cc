#include "ha/policy/modes.h"

#include <utility>

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

void tell_failover_not_served(Draft& d) {
  const auto& failover = d.cluster.failover;
  // Once for each request.
  const auto told =
      std::exchange(d.memory.told.failover, failover.present() ? failover.version : dcs::Version{});
  if (!failover.present() || told == failover.version) return;
  const auto shown = [](const std::string& name) { return name.empty() ? std::string("none") : name; };
  d.say(log::Level::error, Code::failover_not_served, {shown(failover.leader), shown(failover.candidate)});
}

}  // namespace tanist::ha::policy
