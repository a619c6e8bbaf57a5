#include "ha/policy/restart.h"
#include "ha/policy/decide.h"

#include <fmt/format.h>
#include <chrono>

#include "ha/policy/order_step.h"
#include "ha/policy/questions.h"
#include "ha/policy/standby_cluster.h"

namespace tanist::ha::policy {
namespace {

using Answer = order::Restart::Answer;

/// It would be stopped, and could not be started again as what it was.
constexpr const char* kWithoutLock = "the member runs as primary without the leader key";
constexpr const char* kConditions = "restart conditions are not satisfied";

bool role_matches(postgres::Role wanted, postgres::Role mine) {
  if (mine == postgres::Role::promoted) mine = postgres::Role::primary;
  return wanted == mine;
}

/// What speaks against the conditions; nullptr: nothing.
const char* unmet(const View& view, const order::Restart& request) {
  const auto& facts = view.postgres.facts;
  if (request.role && !role_matches(*request.role, view.postgres.role)) return "host role mismatch";
  const int version = facts.probe ? facts.probe->server_version : facts.major_version;
  if (request.older_than && version >= *request.older_than) return "postgres version mismatch";
  if (request.only_if_pending && facts.pending_restart.empty()) return "pending restart flag is not set";
  return nullptr;
}

/// Why no restart can be begun now, as the asker is told; empty: it can.
std::string obstacle(Draft& d, const order::Restart& request) {
  const View& view = d.view;
  if (view.commands.shutdown) return "the daemon is shutting down";
  if (view.operation) return view.operation->name + " already in progress";
  if (d.memory.making.bootstrapping) return "bootstrap already in progress";
  if (!view.store.ok) return "DCS is not accessible";
  if (const char* reason = unmet(view, request)) {
    d.say(log::Level::info, Code::restart_refused, {reason});
    return kConditions;
  }
  if (d.facts().process == postgres::Process::orphans)
    return "postgres is not running, its last processes are ended";
  // Outside pause a server that is down is started again anyway, and as what the cluster then needs.
  if (!d.facts().running() && !d.settings.dynamic.pause)
    return "postgres is not running, it is started as soon as possible";
  if (!d.facts().running() && d.facts().half_rewound)
    return "pg_rewind has not finished on this data directory";
  return {};
}

/// A primary comes back as one only with the lock; what else is in the data directory comes back as a
/// standby.
bool comes_back_as_primary(const View& view) {
  if (view.postgres.facts.running()) return may_commit(view);
  return view.has_lock() && !view.postgres.facts.standby_signal && !view.settings.dynamic.standby_cluster;
}

void begin(Draft& d, const order::Restart& request, std::optional<OrderId> order) {
  intent::Restart restart;
  restart.as_standby = !comes_back_as_primary(d.view);
  if (restart.as_standby) restart.upstream = wanted_upstream(d.view);
  restart.as_standby_leader = restart.as_standby && leads_standby_cluster(d.view);
  restart.timeout = request.timeout;
  restart.order = order;
  d.intend(std::move(restart));
  // ha.md §11.1: its outcome is looked at like that of any other start.
  d.memory.outage.recovering = true;
  d.memory.outage.start_timeout = request.timeout;
}

/// What became of a restart that was begun; nullopt: it goes on.
std::optional<Answer> outcome(const View& view, const Asked& asked) {
  if (view.operation && view.operation->order == asked.id) return std::nullopt;
  const auto& last = view.last_operation;
  if (last && last->order == asked.id && last->ok()) return Answer{.outcome = Answer::Outcome::done};
  return Answer{.outcome = view.postgres.facts.running() ? Answer::Outcome::still_starting
                                                         : Answer::Outcome::failed};
}

OrderStep begin_or_refuse(Draft& d, OrderId id, const order::Restart& wanted) {
  const auto refuse = [&](std::string why) {
    d.add(duty::Answer{.id = id, .answer = Answer::refused(std::move(why))});
    return OrderStep::refused;
  };
  if (std::string why = obstacle(d, wanted); !why.empty()) return refuse(std::move(why));
  if (comes_back_as_primary(d.view)) {
    // A copy of the store may not show yet that the lock was won: the fresh one that the other rules ask for
    // decides.
    const bool contradiction = !d.view.has_lock() && d.view.lease.held(d.now());
    if (contradiction && !d.cluster.linearizable) return OrderStep::waits;
    if (!leads(d.view)) return refuse(kWithoutLock);
    if (!d.linearizable()) return OrderStep::chosen;
  }
  begin(d, wanted, id);
  return OrderStep::chosen;
}

}  // namespace

bool restart_as_asked(Draft& d) {
  bool one_in_progress = false;
  bool chosen = false;
  for (const Asked& asked : d.view.commands.asked) {
    const auto* wanted = std::get_if<order::Restart>(&asked.order);
    if (!wanted) continue;
    if (asked.begun) {
      const auto answer = outcome(d.view, asked);
      if (answer) d.add(duty::Answer{.id = asked.id, .answer = *answer});
      one_in_progress = one_in_progress || !answer;
    } else if (one_in_progress) {
      d.add(duty::Answer{.id = asked.id, .answer = Answer::refused("restart already in progress")});
    } else {
      const OrderStep step = begin_or_refuse(d, asked.id, *wanted);
      one_in_progress = step != OrderStep::refused;
      chosen = step == OrderStep::chosen;
    }
  }
  return chosen && d.because(Code::restart_begun);
}

void restart_as_scheduled(Draft& d) {
  const auto& planned = d.view.commands.scheduled_restart;
  if (!planned || !d.view.store.ok || d.cluster.unlocked() || d.view.operation || d.settings.dynamic.pause)
    return;
  if (d.decision.needs.any() || !std::holds_alternative<intent::None>(d.decision.intent)) return;
  const auto over = [&](Answer answer) {
    d.add(duty::Answer{.id = planned->id, .answer = std::move(answer)});
  };
  const auto& probe = d.facts().probe;
  // One that has not answered yet was started just now, or is adopted: its start time tells.
  if (d.facts().running() && !probe) return;
  if (probe && probe->postmaster_start_time != planned->postmaster_start_time) {
    d.say(log::Level::info, Code::restart_has_happened, {probe->postmaster_start_time});
    over(Answer::refused("it has happened already"));
    return;
  }
  // ha.md §7.2.2
  const Duration left = planned->wanted.at - d.view.wall_now;
  const Duration loop_wait = d.timing().loop_wait;
  if (left > Duration::zero()) {
    d.wake_in(left);
    if (left > loop_wait)
      d.say_each_minute(log::Level::info, Code::awaiting_schedule,
                        {"restart", iso8601(planned->wanted.at), fmt::format("{:.0f}", seconds(left))});
    return;
  }
  if (-left > std::chrono::floor<std::chrono::seconds>(loop_wait * 3 / 2)) {
    d.say(log::Level::warning, Code::schedule_stale, {"restart", iso8601(planned->wanted.at)});
    over(Answer::refused("its time is long past"));
    return;
  }
  std::string why = obstacle(d, planned->wanted.restart);
  if (why.empty() && comes_back_as_primary(d.view)) {
    if (!leads(d.view)) why = kWithoutLock;
    if (why.empty() && !d.linearizable()) return;
  }
  d.say(log::Level::info, Code::schedule_due, {"restart", iso8601(planned->wanted.at)});
  if (!why.empty()) {
    d.say(log::Level::warning, Code::scheduled_restart_refused, {why});
    over(Answer::refused(why));
    return;
  }
  over(Answer{.outcome = Answer::Outcome::begun});
  begin(d, planned->wanted.restart, std::nullopt);
  d.because(Code::restart_initiated);
}

}  // namespace tanist::ha::policy
