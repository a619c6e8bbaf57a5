#include "chaos.h"
#include "core/format.h"

/// Operators who ask for switchovers and failovers, as a tool or a member of other make writes that into the
/// store, and what holds of that: nothing happens that nobody asked for, and nothing is left undecided.
namespace tanist::sim {

using namespace std::chrono_literals;

void Chaos::ask(const dcs::FailoverRecord& request) {
  world_.note("operator", fmt::format("asks: leader '{}', candidate '{}'{}", request.leader,
                                      request.candidate, request.scheduled_at ? ", at a time" : ""));
  (void)cluster_.store().write(request, dcs::Always{});
}

bool Chaos::ask_switchover() {
  if (!cluster_.store().up()) return false;
  Member* leader = cluster_.key_holder();
  dcs::FailoverRecord request;
  request.leader = leader && dice_.chance(0.9) ? leader->name() : anybody().name();
  if (dice_.chance(0.6)) request.candidate = anybody().name();
  if (dice_.chance(0.05)) request.candidate = "n99";
  if (leader && leader == cluster_.primary() && cluster_.converged())
    cluster_.expect_clean_handover(leader->host());
  ask(request);
  return true;
}

bool Chaos::ask_failover() {
  if (!cluster_.store().up()) return false;
  dcs::FailoverRecord request;
  request.candidate = dice_.chance(0.95) ? anybody().name() : "n99";
  Member* leader = cluster_.primary();
  if (leader && cluster_.converged()) cluster_.expect_clean_handover(leader->host());
  ask(request);
  return true;
}

bool Chaos::ask_scheduled_switchover() {
  Member* leader = cluster_.primary();
  if (!cluster_.store().up() || !leader || !leader->running()) return false;
  dcs::FailoverRecord request;
  request.leader = leader->name();
  if (dice_.chance(0.5)) request.candidate = anybody().name();
  const Duration in = dice_.between(0s, 3 * cluster_.options().loop_wait);
  request.scheduled_at = leader->wall_now() + std::chrono::duration_cast<std::chrono::microseconds>(in);
  cluster_.forget_handover();
  ask(request);
  return true;
}

bool Chaos::withdraw_request() {
  if (!cluster_.store().up() || !cluster_.store().snapshot()->failover.present()) return false;
  ask({});
  return true;
}

bool Chaos::ask_copy() {
  Member& m = anybody();
  if (!m.serving()) return false;
  ha::order::Reinitialize wanted;
  wanted.force = dice_.chance(0.4);
  wanted.from_leader = dice_.chance(0.3);
  wanted.deadline = m.now() + 60s;
  cluster_.forget_handover();
  // Now and then somebody does not believe that it goes on.
  if (dice_.chance(0.2)) {
    const bool forced = dice_.chance(0.5);
    later(dice_.between(1ms, 3s), [this, &m, wanted, forced]() mutable {
      if (!m.serving()) return;
      cluster_.forget_handover();
      wanted.force = forced;
      wanted.deadline = m.now() + 60s;
      m.order(wanted);
    });
  }
  m.order(wanted);
  return true;
}

bool Chaos::schedule_restart() {
  Member& m = victim();
  if (!m.serving()) return false;
  ha::order::ScheduleRestart wanted;
  if (dice_.chance(0.2))
    wanted.restart.role = dice_.chance(0.5) ? postgres::Role::primary : postgres::Role::replica;
  if (dice_.chance(0.1)) wanted.restart.only_if_pending = true;
  if (dice_.chance(0.2)) wanted.restart.timeout = dice_.between(1s, 20s);
  const Duration in = dice_.between(500ms, 3 * cluster_.options().loop_wait);
  wanted.at = m.wall_now() + std::chrono::duration_cast<std::chrono::microseconds>(in);
  wanted.shown = Document::map({{"schedule", iso8601(wanted.at)}});
  cluster_.forget_handover();
  m.order(std::move(wanted));
  return true;
}

bool Chaos::withdraw_restart() {
  Member& m = anybody();
  if (!m.serving()) return false;
  m.order(ha::order::DropScheduledRestart{});
  return true;
}

/// A leader stops on request only for one that stands in the store as it saw it.
void Cluster::check_obedience(Endpoint host, const ha::View& view, const ha::intent::Demote& demote) {
  if (demote.name.empty() || demote.mode == ha::DemoteMode::demote_cluster) return;
  const auto& me = member(host).name();
  const auto& request = view.cluster().failover;
  const bool mine = request.leader.empty() || request.leader == me;
  const bool due = !request.scheduled_at || *request.scheduled_at <= view.wall_now;
  if (!request.present() || !mine || !due || request.candidate == me || !view.cluster().linearizable)
    world_.violated(Invariant::obedience,
                    fmt::format("{} stops its primary on request, and nobody has asked for that", me));
}

void Cluster::expect_requests_settled() {
  if (!ok()) return;
  const auto settled = [this] { return !store_.snapshot()->failover.present(); };
  // A schedule, its patience, and a stop.
  world_.run_for(6 * options_.loop_wait + 30s, settled);
  if (ok() && !settled()) {
    const auto& request = store_.snapshot()->failover;
    world_.violated(
        Invariant::obedience,
        fmt::format("the request of an operator was neither carried out nor refused (leader '{}', "
                    "candidate '{}')\n{}",
                    request.leader, request.candidate, shape()));
  }
  world_.run_for(6 * options_.loop_wait + 2min, [this] { return orders_.settled(); });
  if (const auto broken = orders_.broken(); ok() && !broken.empty())
    world_.violated(Invariant::obedience, broken + "\n" + shape());
  // What was begun for it ends well.
  if (ok() && !run_until_converged(2 * options_.loop_wait + 60s) && !converged(true) && ok())
    world_.violated(Invariant::progress,
                    fmt::format("not everybody streams after the last request\n{}", shape()));
}

}  // namespace tanist::sim
