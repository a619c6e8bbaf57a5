#include "ha/policy/modes.h"

#include "config/modes.h"

namespace tanist::ha::policy {
namespace {

constexpr std::string_view kFailsafe = "failsafe_mode";

}  // namespace

std::string mode_not_served(const config::Dynamic& dynamic) {
  // Without failsafe_mode a primary is demoted sooner, which is safe: nothing else is held back for it.
  for (auto& mode : config::modes_not_served(dynamic))
    if (mode != kFailsafe) return std::move(mode);
  return {};
}

void tell_modes_not_served(Draft& d) {
  for (const auto& mode : config::modes_not_served(d.settings.dynamic)) {
    if (mode == kFailsafe) {
      d.say_each_minute(mode, log::Level::error, Code::failsafe_not_served);
    } else {
      d.say_each_minute(mode, log::Level::error, Code::mode_not_served, {mode});
    }
  }
}

void tell_failover_not_served(Draft& d) {
  const auto& failover = d.cluster.failover;
  const std::string key = "failover " + std::to_string(failover.version);
  // Once for each request: what was told of earlier ones is forgotten with them.
  const bool told = failover.present() && d.memory.refusals_told.contains(key);
  std::erase_if(d.memory.refusals_told, [&](const auto& told_of) {
    return told_of.first.starts_with("failover ") && told_of.first != key;
  });
  if (!failover.present() || told) return;
  d.memory.refusals_told[key] = d.now();
  const auto shown = [](const std::string& name) { return name.empty() ? std::string("none") : name; };
  d.say(log::Level::error, Code::failover_not_served, {shown(failover.leader), shown(failover.candidate)});
}

}  // namespace tanist::ha::policy
