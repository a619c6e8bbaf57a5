#include "chaos.h"

/// Faults of parts that a service manager, an archive, a file system or an operator has a hand in.
namespace tanist::sim {

using namespace std::chrono_literals;

bool Chaos::may_be_left_alone() const {
  return cluster_.options().guardian || cluster_.options().audit;
}

void Chaos::draw_start(Member& m) {
  if (!cluster_.options().audit) return;
  auto& start = m.start_timing();
  start = {};
  if (dice_.chance(0.5)) return;
  const auto draw = [&](Duration longest) {
    return dice_.chance(0.4) ? dice_.between(0s, longest) : Duration{};
  };
  start.look = draw(6s);
  start.version = draw(12s);
  start.control = draw(4s);
  start.file = draw(2s);
  start.rest = draw(1s);
  start.rest_fails = dice_.chance(0.02);
}

bool Chaos::crash_backends() {
  Member& m = victim();
  if (!m.postgres().answers()) return false;
  cluster_.forget_handover();
  m.postgres().crash_backends(dice_.chance(0.7) ? dice_.between(50ms, 3s) : dice_.between(3s, 120s));
  return true;
}

bool Chaos::fail_promotion() {
  anybody().postgres().failing_promotions = 1 + static_cast<int>(dice_.below(2));
  cluster_.forget_handover();
  return true;
}

bool Chaos::hide_data() {
  Member& m = victim();
  auto& p = m.postgres();
  if (p.disk().data != Postgres::Data::ok) return false;
  cluster_.forget_handover();
  p.seen_as = dice_.chance(0.5) ? postgres::DataDirectory::foreign : postgres::DataDirectory::unreadable;
  p.wrong_looks.reset();
  if (dice_.chance(0.5)) {
    p.wrong_looks = 1 + static_cast<int>(dice_.below(2));
    return true;
  }
  later(spell(2 * cluster_.options().ttl), [&p] { p.seen_as.reset(); });
  return true;
}

bool Chaos::hide_control() {
  auto& p = victim().postgres();
  cluster_.forget_handover();
  p.control_unreadable = true;
  later(spell(2 * cluster_.options().ttl), [&p] { p.control_unreadable = false; });
  return true;
}

/// As long as nobody founds a cluster: a founder that does not know yet that its result was stored finds
/// another one there, and puts aside what it has made. Somebody puts it right again.
bool Chaos::change_initialize() {
  for (Endpoint host = 1; host <= cluster_.size(); ++host)
    if (cluster_.member(host).disk().files.contains("/data.tanist/bootstrap.json")) return false;
  const auto view = cluster_.store().snapshot();
  if (!view->initialize.valid_system_id() || !cluster_.is_known(view->initialize.value)) return false;
  cluster_.forget_handover();
  const auto right = view->initialize.value;
  (void)cluster_.store().write(dcs::InitializeRecord{"7000000000000000001"}, dcs::Always{});
  cluster_.when_healed(
      [this, right] { (void)cluster_.store().write(dcs::InitializeRecord{right}, dcs::Always{}); });
  later(spell(cluster_.options().ttl),
        [this, right] { (void)cluster_.store().write(dcs::InitializeRecord{right}, dcs::Always{}); });
  return true;
}

/// Whoever leads puts it back at once. Where he dies before that an empty host would found another cluster:
/// the one who removed it sees to it then.
bool Chaos::remove_initialize() {
  if (!cluster_.converged()) return false;
  const auto right = cluster_.store().snapshot()->initialize.value;
  cluster_.store().delete_initialize_by_hand();
  const auto put_back = [this, right] {
    if (!cluster_.store().snapshot()->initialize.valid_system_id())
      (void)cluster_.store().write(dcs::InitializeRecord{right}, dcs::Always{});
  };
  later(1s, put_back);
  cluster_.when_healed(put_back);
  return true;
}

/// To and fro between that of the beginning and twice that.
bool Chaos::change_ttl() {
  const auto view = cluster_.store().snapshot();
  if (!view->config.valid) return false;
  cluster_.forget_handover();
  Options changed = cluster_.options();
  changed.ttl *= 2;
  const bool back = view->config.data == changed.dynamic();
  cluster_.note_ttl(changed.ttl);
  (void)cluster_.store().write(dcs::ConfigRecord{back ? cluster_.options().dynamic() : changed.dynamic()},
                               dcs::Always{});
  return true;
}

}  // namespace tanist::sim
