#include "chaos.h"

#include "core/format.h"

namespace tanist::sim {

using namespace std::chrono_literals;

Chaos::Chaos(Cluster& cluster, std::uint64_t seed)
    : cluster_(cluster), world_(cluster.world()), dice_(seed ^ 0x5eedfau) {}

const std::vector<Chaos::Fault>& Chaos::faults() {
  static const std::vector<Fault> all = {
      {"kill -9 of a daemon", 8, &Chaos::crash_daemon},
      {"power loss of a host", 6, &Chaos::lose_power},
      {"kill -9 of a postmaster", 10, &Chaos::kill_postmaster},
      {"kill -9 of daemon and postmaster", 5, &Chaos::kill_both},
      {"restart of a daemon", 5, &Chaos::restart_daemon},
      {"SIGTERM of a daemon", 10, &Chaos::hand_over},
      {"SIGTERM of all daemons at once", 2, &Chaos::stop_all},
      {"power loss of all hosts", 1, &Chaos::lose_power_of_all},
      {"restart of PostgreSQL on request", 6, &Chaos::restart_postgres},
      {"SIGSTOP of a daemon", 5, &Chaos::stop_daemon},
      {"SIGSTOP of PostgreSQL", 3, &Chaos::freeze_postgres},
      {"partition of a member from the store", 6, &Chaos::cut_from_store},
      {"one-way partition of a member from the store", 3, &Chaos::cut_one_way},
      {"partition between members", 4, &Chaos::cut_members},
      {"isolation of a member", 4, &Chaos::isolate},
      {"store down", 2, &Chaos::store_down},
      {"lossy way to the store", 4, &Chaos::lossy_store},
      {"lost request or reply", 14, &Chaos::lose_one},
      {"slow way to the store", 4, &Chaos::slow_store},
      {"stale watch", 5, &Chaos::stale_watch},
      {"duplicated messages", 3, &Chaos::duplicates},
      {"lossy network between members", 3, &Chaos::lossy_members},
      {"hung disk", 2, &Chaos::hang_disk},
      {"slow disk", 3, &Chaos::slow_disk},
      {"leader key deleted by hand", 3, &Chaos::delete_leader_key},
      {"session ended by hand", 2, &Chaos::end_session},
      {"data directory of a replica wiped", 2, &Chaos::wipe_replica},
      {"failing start", 3, &Chaos::fail_start},
      {"failing copy", 2, &Chaos::fail_copy},
      {"fence that refuses", 2, &Chaos::refuse_fence},
      {"burst of writes", 4, &Chaos::burst},
      {"stop of PostgreSQL by hand", 4, &Chaos::immediate_stop_by_hand},
      {"kill -9 of a backend", 3, &Chaos::crash_backends, Only::audit},
      {"failing promotion", 3, &Chaos::fail_promotion, Only::audit},
      {"data directory that is not to be read", 4, &Chaos::hide_data, Only::audit},
      {"control file that is not to be read", 2, &Chaos::hide_control, Only::audit},
      {"/initialize changed by hand", 1, &Chaos::change_initialize, Only::audit},
      {"/initialize removed by hand", 1, &Chaos::remove_initialize, Only::audit},
      {"another ttl", 1, &Chaos::change_ttl, Only::audit},
      {"switchover asked for", 22, &Chaos::ask_switchover, Only::operators},
      {"failover asked for", 8, &Chaos::ask_failover, Only::operators},
      {"switchover asked for at a time", 5, &Chaos::ask_scheduled_switchover, Only::operators},
      {"request withdrawn", 3, &Chaos::withdraw_request, Only::operators},
      {"new copy asked for", 9, &Chaos::ask_copy, Only::orders},
      {"restart asked for at a time", 6, &Chaos::schedule_restart, Only::orders},
      {"scheduled restart withdrawn", 2, &Chaos::withdraw_restart, Only::orders},
      {"pause", 6, &Chaos::pause_cluster, Only::administrators},
      {"promotion by hand in pause", 4, &Chaos::promote_by_hand, Only::administrators},
      {"start of PostgreSQL by hand in pause", 10, &Chaos::start_by_hand, Only::administrators},
      {"another synchronous mode", 8, &Chaos::change_synchronous, Only::changes_synchronous},
      {"power loss of a zone", 10, &Chaos::lose_zone, Only::zones},
      {"store down for long", 20, &Chaos::store_down_for_long, Only::failsafe},
      {"full disk", 4, &Chaos::fill_disk, Only::brutal},
  };
  return all;
}

bool Chaos::drawn(const Fault& fault) const {
  const auto& o = cluster_.options();
  switch (fault.only) {
    case Only::always: return true;
    case Only::audit: return o.audit;
    case Only::operators: return o.operators;
    case Only::orders: return o.orders;
    case Only::administrators: return o.administrators;
    case Only::changes_synchronous: return o.changes_synchronous;
    case Only::zones: return o.zones.min_other_zones > 0;
    case Only::failsafe: return o.failsafe;
    case Only::brutal: return o.brutal;
  }
  return false;
}

std::string Chaos::strike() {
  int total = 0;
  for (const auto& fault : faults())
    if (drawn(fault)) total += fault.weight;
  while (true) {
    auto pick = static_cast<int>(dice_.below(static_cast<std::uint64_t>(total)));
    for (const auto& fault : faults()) {
      if (!drawn(fault)) continue;
      pick -= fault.weight;
      if (pick >= 0) continue;
      // The name comes after what the fault itself notes; a fault that cannot be done now is drawn again.
      world_.note("chaos", fault.name);
      if (!(this->*fault.act)()) break;
      cluster_.count_fault();
      return fault.name;
    }
  }
}

Member& Chaos::anybody() {
  return cluster_.member(1 + static_cast<Endpoint>(dice_.below(static_cast<std::uint64_t>(cluster_.size()))));
}

Member& Chaos::victim() {
  Member* leader = cluster_.key_holder();
  return leader && dice_.chance(0.6) ? *leader : anybody();
}

Duration Chaos::spell(Duration longest) {
  // Mostly short, sometimes about as long as a lease.
  return dice_.chance(0.7) ? dice_.between(100ms, longest / 4) : dice_.between(longest / 4, longest);
}

void Chaos::later(Duration delay, std::function<void()> what) {
  world_.after(delay, std::move(what));
}

bool Chaos::crash_daemon() {
  Member& m = victim();
  if (!may_be_left_alone()) return false;
  if (!m.running()) return false;
  cluster_.forget_handover();
  m.crash();
  draw_start(m);
  later(dice_.chance(0.5) ? dice_.between(50ms, 2s) : spell(2 * cluster_.options().ttl), [&m] { m.start(); });
  return true;
}

bool Chaos::lose_power() {
  Member& m = victim();
  if (!m.running()) return false;
  cluster_.forget_handover();
  m.lose_power();
  later(dice_.between(5s, cluster_.options().ttl + 5s), [&m] { m.start(); });
  return true;
}

bool Chaos::kill_postmaster() {
  Member& m = victim();
  if (m.postgres().process() != postgres::Process::running) return false;
  cluster_.forget_handover();
  m.postgres().crash_postmaster();
  return true;
}

bool Chaos::kill_both() {
  Member& m = victim();
  if (!may_be_left_alone()) return false;
  if (!m.running() || m.postgres().process() != postgres::Process::running) return false;
  cluster_.forget_handover();
  m.crash();
  draw_start(m);
  m.postgres().crash_postmaster();
  later(dice_.between(100ms, cluster_.options().ttl), [&m] { m.start(); });
  return true;
}

bool Chaos::restart_daemon() {
  Member& m = anybody();
  if (!may_be_left_alone()) return false;
  if (!m.running() || m.paused()) return false;
  cluster_.forget_handover();
  m.crash();
  draw_start(m);
  m.start();
  return true;
}

bool Chaos::hand_over() {
  Member& m = victim();
  if (!m.running() || m.paused()) return false;
  const auto snapshot = m.snapshot();
  const bool leads =
      snapshot && snapshot->lease_until != Instant{} && snapshot->last_decision_at != Instant{};
  // Where all others stay out there is nobody to hand over to.
  const bool followed = !m.postgres().downstream().empty();
  if (&m == cluster_.primary() && leads && followed && cluster_.converged()) {
    cluster_.expect_clean_handover(m.host());
  } else {
    cluster_.forget_handover();
  }
  m.sigterm(false);
  if (dice_.chance(0.1))
    later(dice_.between(10ms, 2s), [this, &m] {
      cluster_.forget_handover();
      m.sigterm(true);
    });
  later(dice_.between(1s, cluster_.options().ttl), [&m] { m.start(); });
  return true;
}

bool Chaos::stop_all() {
  cluster_.forget_handover();
  for (Endpoint host = 1; host <= cluster_.size(); ++host) {
    Member& m = cluster_.member(host);
    if (!m.running() || m.paused()) continue;
    later(dice_.between(0ms, 20ms), [&m] { m.sigterm(); });
    later(dice_.between(1s, cluster_.options().ttl), [&m] { m.start(); });
  }
  return true;
}

bool Chaos::lose_power_of_all() {
  cluster_.forget_handover();
  for (Endpoint host = 1; host <= cluster_.size(); ++host) {
    Member& m = cluster_.member(host);
    m.lose_power();
    later(dice_.between(5s, cluster_.options().ttl + 5s), [&m] { m.start(); });
  }
  return true;
}

bool Chaos::restart_postgres() {
  Member& m = victim();
  if (!m.running() || m.paused()) return false;
  cluster_.forget_handover();
  ha::order::Restart request;
  if (dice_.chance(0.3)) request.timeout = dice_.between(1s, 20s);
  if (dice_.chance(0.2)) {
    m.order(ha::order::ScheduleRestart{.restart = request, .at = m.wall_now() + 5s});
  } else {
    m.order(request);
  }
  return true;
}

bool Chaos::stop_daemon() {
  Member& m = victim();
  if (!m.running() || m.paused() || !may_be_left_alone()) return false;
  cluster_.forget_handover();
  m.sigstop();
  later(spell(2 * cluster_.options().ttl), [&m] { m.sigcont(); });
  return true;
}

bool Chaos::freeze_postgres() {
  Member& m = victim();
  if (m.postgres().process() != postgres::Process::running) return false;
  cluster_.forget_handover();
  m.postgres().freeze(true);
  later(spell(cluster_.options().ttl), [&m] { m.postgres().freeze(false); });
  return true;
}

bool Chaos::cut_from_store() {
  Member& m = victim();
  cluster_.forget_handover();
  world_.partition(m.host(), kStore, true);
  later(spell(2 * cluster_.options().ttl), [this, &m] { world_.partition(m.host(), kStore, false); });
  return true;
}

bool Chaos::cut_one_way() {
  Member& m = victim();
  cluster_.forget_handover();
  const bool requests = dice_.chance(0.5);
  Link& way = requests ? world_.link(m.host(), kStore) : world_.link(kStore, m.host());
  way.blocked = true;
  later(spell(2 * cluster_.options().ttl), [&way] { way.blocked = false; });
  return true;
}

bool Chaos::cut_members() {
  Member& a = victim();
  Member& b = anybody();
  if (&a == &b) return false;
  cluster_.forget_handover();
  world_.partition(a.host(), b.host(), true);
  later(spell(2 * cluster_.options().ttl), [this, &a, &b] { world_.partition(a.host(), b.host(), false); });
  return true;
}

bool Chaos::isolate() {
  Member& m = victim();
  cluster_.forget_handover();
  for (Endpoint other = 0; other <= cluster_.size(); ++other)
    if (other != m.host()) world_.partition(m.host(), other, true);
  later(spell(2 * cluster_.options().ttl), [this, &m] {
    for (Endpoint other = 0; other <= cluster_.size(); ++other)
      if (other != m.host()) world_.partition(m.host(), other, false);
  });
  return true;
}

bool Chaos::store_down() {
  if (!cluster_.store().up()) return false;
  cluster_.forget_handover();
  cluster_.store().set_up(false);
  later(spell(2 * cluster_.options().ttl), [this] { cluster_.store().set_up(true); });
  return true;
}

/// The leader key ends meanwhile, and what goes on goes on by promises.
bool Chaos::store_down_for_long() {
  if (!cluster_.store().up()) return false;
  cluster_.forget_handover();
  cluster_.store().set_up(false);
  const Duration ttl = cluster_.options().ttl;
  later(dice_.between(ttl, 4 * ttl), [this] { cluster_.store().set_up(true); });
  return true;
}

bool Chaos::lossy_store() {
  Member& m = victim();
  cluster_.forget_handover();
  const double loss = 0.1 + 0.5 * dice_.roll();
  (dice_.chance(0.5) ? m.store_faults().request_loss : m.store_faults().reply_loss) = loss;
  later(spell(cluster_.options().ttl),
        [&m] { m.store_faults().request_loss = m.store_faults().reply_loss = 0; });
  return true;
}

bool Chaos::lose_one() {
  static const std::vector<std::string> kinds = {"acquire", "renew", "release", "write",  "member", "load",
                                                 "keep",    "grant", "begin",   "finish", "cancel"};
  Member& m = victim();
  cluster_.forget_handover();
  const auto& kind = kinds[dice_.below(kinds.size())];
  auto& faults = m.store_faults();
  ++(dice_.chance(0.35) ? faults.lose_request : faults.lose_reply)[kind];
  return true;
}

bool Chaos::slow_store() {
  Member& m = victim();
  cluster_.forget_handover();
  m.store_faults().slow = dice_.between(50ms, 8s);
  later(spell(cluster_.options().ttl), [&m] { m.store_faults().slow = 0s; });
  return true;
}

bool Chaos::stale_watch() {
  Member& m = anybody();
  cluster_.forget_handover();
  m.store_faults().watch_lag = dice_.between(500ms, cluster_.options().ttl);
  later(spell(2 * cluster_.options().ttl), [&m] { m.store_faults().watch_lag = 0s; });
  return true;
}

bool Chaos::duplicates() {
  Member& m = anybody();
  m.store_faults().duplicates = 0.5;
  later(spell(cluster_.options().ttl), [&m] { m.store_faults().duplicates = 0; });
  return true;
}

bool Chaos::lossy_members() {
  Member& a = victim();
  Member& b = anybody();
  if (&a == &b) return false;
  cluster_.forget_handover();
  Link& there = world_.link(a.host(), b.host());
  Link& back = world_.link(b.host(), a.host());
  there.loss = back.loss = 0.3;
  there.slow = back.slow = 2s;
  there.slow_fraction = back.slow_fraction = 0.3;
  later(spell(cluster_.options().ttl), [&there, &back] {
    there.loss = back.loss = 0;
    there.slow_fraction = back.slow_fraction = 0;
  });
  return true;
}

bool Chaos::hang_disk() {
  Member& m = anybody();
  cluster_.forget_handover();
  m.disk().hung = true;
  later(spell(cluster_.options().ttl), [&m] { m.disk().hung = false; });
  return true;
}

/// The daemon can write nothing; PostgreSQL, which finds no place for its WAL, ends as after a crash.
bool Chaos::fill_disk() {
  Member& m = anybody();
  cluster_.forget_handover();
  m.disk().failures = 1;
  if (dice_.chance(0.5)) m.postgres().crash_postmaster();
  later(spell(cluster_.options().ttl), [&m] { m.disk().failures = 0; });
  return true;
}

bool Chaos::slow_disk() {
  Member& m = anybody();
  cluster_.forget_handover();
  m.disk().slow = dice_.between(100ms, 4s);
  m.disk().failures = dice_.chance(0.3) ? 0.3 : 0;
  later(spell(cluster_.options().ttl), [&m] {
    m.disk().slow = 0s;
    m.disk().failures = 0;
  });
  return true;
}

bool Chaos::delete_leader_key() {
  if (cluster_.store().snapshot()->unlocked()) return false;
  cluster_.forget_handover();
  cluster_.excuse_holder();
  cluster_.store().delete_leader_by_hand();
  return true;
}

bool Chaos::end_session() {
  const auto view = cluster_.store().snapshot();
  if (view->members.empty()) return false;
  cluster_.forget_handover();
  const auto pick = dice_.below(view->members.size());
  const auto name = std::next(view->members.begin(), static_cast<std::ptrdiff_t>(pick))->first;
  if (cluster_.store().leads_by_lease_of(name)) cluster_.excuse_holder();
  cluster_.store().end_lease_of(name);
  return true;
}

bool Chaos::wipe_replica() {
  Member* leader = cluster_.primary();
  Member& m = anybody();
  if (!leader || &m == leader || m.postgres().disk().data != Postgres::Data::ok) return false;
  if (!m.postgres().in_recovery() && m.postgres().process() != postgres::Process::none) return false;
  if (!cluster_.wal().contains(leader->postgres().disk().end, m.postgres().disk().end)) return false;
  cluster_.forget_handover();
  m.postgres().vanish();
  m.postgres().remove();
  std::erase_if(m.disk().files, [](const auto& file) { return file.first.starts_with("/data/"); });
  return true;
}

bool Chaos::fail_start() {
  victim().postgres().failing_starts = 1 + static_cast<int>(dice_.below(2));
  cluster_.forget_handover();
  return true;
}

bool Chaos::fail_copy() {
  anybody().postgres().failing_copies = 1;
  cluster_.forget_handover();
  return true;
}

bool Chaos::refuse_fence() {
  if (!cluster_.options().guardian) return false;
  anybody().guardian().refusals = 1 + static_cast<int>(dice_.below(2));
  cluster_.forget_handover();
  return true;
}

bool Chaos::burst() {
  Member* leader = cluster_.primary();
  if (!leader) return false;
  const auto bytes = 1000 + dice_.below(3'000'000);
  for (int i = 0; i < 5; ++i) leader->postgres().write(bytes / 5);
  return true;
}

bool Chaos::immediate_stop_by_hand() {
  Member& m = victim();
  if (m.postgres().life() != Postgres::Life::up) return false;
  cluster_.forget_handover();
  m.postgres().stop(dice_.chance(0.5));
  return true;
}

}  // namespace tanist::sim
