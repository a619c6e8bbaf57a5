#include "chaos.h"

/// Operators who change what commits wait for.
namespace tanist::sim {

bool Chaos::change_synchronous() {
  const auto view = cluster_.store().snapshot();
  if (!cluster_.store().up() || !view->config.valid) return false;
  Document data = view->config.data;
  switch (dice_.below(5)) {
    case 0: data.erase("synchronous_mode"); break;
    case 1: data.set("synchronous_mode", true); break;
    case 2: data.set("synchronous_mode", "quorum"); break;
    case 3: data.set("synchronous_node_count", static_cast<std::int64_t>(1 + dice_.below(3))); break;
    default: data.set("synchronous_mode_strict", dice_.chance(0.5)); break;
  }
  if (data == view->config.data) return false;
  (void)cluster_.store().write(dcs::ConfigRecord{std::move(data)}, dcs::Always{});
  return true;
}

/// All that stands where one member does.
bool Chaos::lose_zone() {
  const std::string zone = victim().tags().zone;
  if (zone.empty()) return false;
  cluster_.forget_handover();
  for (Endpoint host = 1; host <= cluster_.size(); ++host) {
    Member& m = cluster_.member(host);
    if (m.tags().zone != zone) continue;
    m.lose_power();
    later(dice_.between(std::chrono::seconds(5), 2 * cluster_.options().ttl), [&m] { m.start(); });
  }
  return true;
}

}  // namespace tanist::sim
