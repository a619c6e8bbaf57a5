#include "ha/policy/modes.h"

namespace tanist::ha::policy {

std::string mode_not_served(const config::Dynamic& dynamic) {
  if (dynamic.pause) return "pause";
  if (dynamic.synchronous_mode != config::Dynamic::SyncMode::off) return "synchronous_mode";
  if (dynamic.standby_cluster) return "standby_cluster";
  return {};
}

void tell_modes_not_served(Draft& d) {
  const auto& dynamic = d.settings.dynamic;
  const auto tell = [&d](const char* mode) {
    d.say_each_minute(mode, log::Level::error, Code::mode_not_served, {mode});
  };
  if (dynamic.pause) tell("pause");
  if (dynamic.synchronous_mode != config::Dynamic::SyncMode::off) tell("synchronous_mode");
  if (dynamic.standby_cluster) tell("standby_cluster");
  if (dynamic.failsafe_mode) d.say_each_minute("failsafe_mode", log::Level::error, Code::failsafe_not_served);
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
