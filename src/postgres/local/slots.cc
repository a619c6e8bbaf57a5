#include "postgres/local/slots.h"

#include <algorithm>

#include "log/log.h"
#include "postgres/client/connection.h"
#include "postgres/local/context.h"
#include "postgres/local/monitor.h"
#include "postgres/local/work_connection.h"

TANIST_LOGGER("patroni.postgresql.slots");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
/// A logical slot begins where no older transaction runs any more: its creation waits for them.
constexpr Duration kCreateBudget = 1min;
constexpr Duration kCreateAgain = 10s;

std::string array_of(const std::vector<std::string>& items) {
  std::string out = "{";
  for (const auto& item : items) out += (out.size() == 1 ? "" : ",") + item;
  return out + "}";
}
}  // namespace

Task<void> Slots::sync(SlotsWanted wanted, Instant deadline) {
  if (!context_.facts.accepts() || context_.facts.major_version < 90400) co_return;
  co_await monitor_.refresh(Duration::zero(), deadline);
  if (!context_.facts.accepts() || !context_.facts.probe || context_.facts.failing_since) co_return;
  const Probe probe = *context_.facts.probe;
  readiness_.forget(wanted.ignored);
  if (!probe.in_recovery) advance_.clear();
  std::set<std::string> still_there;
  std::vector<SlotStep> advances;
  for (auto& step : slot_steps(probe, wanted)) {
    switch (step.kind) {
      case SlotStep::Kind::drop: {
        const std::string name = step.name;
        const bool dropped = co_await drop(std::move(step), deadline);
        if (!dropped) still_there.insert(name);
        break;
      }
      case SlotStep::Kind::create:
        if (still_there.contains(step.name)) break;
        if (step.logical()) {
          create_logical(std::move(step));
        } else {
          co_await create(step.name, probe.server_version, deadline);
        }
        break;
      case SlotStep::Kind::advance:
        if (step.logical()) {
          const auto seen = std::ranges::find(probe.slots, step.name, &SlotSeen::name);
          advance_.want(step.database, step.name, seen->confirmed_flush_lsn, step.to);
        } else {
          advances.push_back(std::move(step));
        }
        break;
    }
  }
  if (!advances.empty()) co_await advance(std::move(advances), deadline);
  if (probe.in_recovery && wanted.leader && !context_.facts.unready_slots.empty())
    co_await readiness_.check(*wanted.leader, wanted.own_slot, deadline);
}

void Slots::before_promotion() {
  advance_.clear();
  readiness_.tell_before_promotion();
}

/// In one statement, and only while nobody uses it.
Task<bool> Slots::drop(SlotStep step, Instant deadline) {
  log::write(step.warns ? log::Level::warning : log::Level::info, step.why);
  auto dropping = work_.query(
      "WITH slots AS (SELECT slot_name, active FROM pg_replication_slots WHERE slot_name = $1), "
      "dropped AS (SELECT pg_drop_replication_slot(slot_name), true AS dropped FROM slots WHERE not "
      "active) "
      "SELECT active, coalesce(dropped, false) FROM slots LEFT JOIN dropped ON true",
      {step.name}, deadline);
  auto dropped = co_await std::move(dropping);
  if (!dropped) {
    log::error("Failed to drop replication slot '{}': {}", step.name, dropped.error().detail);
    co_return false;
  }
  if (!dropped->empty() && dropped->front()[0] == "t") {
    log::warning("Unable to drop replication slot '{}', slot is active", step.name);
    co_return false;
  }
  log::info("Dropped replication slot '{}'", step.name);
  co_return true;
}

Task<void> Slots::create(std::string name, int version, Instant deadline) {
  auto creating = work_.query(
      version >= 90600
          ? "SELECT pg_create_physical_replication_slot($1, true) WHERE NOT EXISTS "
            "(SELECT 1 FROM pg_replication_slots WHERE slot_type = 'physical' AND slot_name = $1)"
          : "SELECT pg_create_physical_replication_slot($1) WHERE NOT EXISTS "
            "(SELECT 1 FROM pg_replication_slots WHERE slot_type = 'physical' AND slot_name = $1)",
      {name}, deadline);
  auto created = co_await std::move(creating);
  if (!created)
    log::error("Failed to create physical replication slot '{}': {}", name, created.error().detail);
}

/// All of them at once: there may be hundreds. One that cannot be advanced makes the statement fail, and each
/// is tried by itself then.
Task<void> Slots::advance(std::vector<SlotStep> steps, Instant deadline) {
  constexpr const char* kEach =
      "SELECT count(pg_replication_slot_advance(s.slot_name, w.lsn)) FROM pg_replication_slots s "
      "JOIN unnest($1::name[], $2::pg_lsn[]) AS w(name, lsn) ON w.name = s.slot_name "
      "WHERE NOT s.active AND s.slot_type = 'physical' AND s.restart_lsn < w.lsn";
  std::vector<std::string> names, positions;
  for (const auto& step : steps) {
    names.push_back(step.name);
    positions.push_back(to_string(step.to));
  }
  auto advancing = work_.query(kEach, {array_of(names), array_of(positions)}, deadline);
  auto advanced = co_await std::move(advancing);
  if (advanced || steps.size() == 1) {
    if (!advanced)
      log::debug("could not advance replication slot '{}': {}", names[0], advanced.error().detail);
    co_return;
  }
  for (const auto& step : steps) {
    auto one = work_.query(kEach, {array_of({step.name}), array_of({to_string(step.to)})}, deadline);
    auto done = co_await std::move(one);
    if (!done) log::debug("could not advance replication slot '{}': {}", step.name, done.error().detail);
  }
}

void Slots::create_logical(SlotStep step) {
  const std::string database = step.database;
  auto& waiting = creating_[database];
  if (std::ranges::find(waiting, step.name, &SlotStep::name) == waiting.end()) waiting.push_back(step);
  TaskHandle& creator = creators_[database];
  if (creator.running() || context_.clock.now() < create_again_[database]) return;
  creator = context_.spawn("create slots in " + database, create_in(database, std::exchange(waiting, {})));
}

/// Beside everything else: it may wait for transactions of users, and slots of members may not.
Task<void> Slots::create_in(std::string database, std::vector<SlotStep> steps) {
  // Else the server goes on waiting for who has gone.
  ConnectionParameters session = superuser_session(context_, "slots", std::to_string(kCreateBudget / 1ms));
  session["dbname"] = database;
  create_again_[database] = context_.clock.now() + kCreateAgain;
  Connection connection(context_.clock, *context_.resolver);
  auto connected = co_await connection.connect(std::move(session), context_.clock.now() + 10s);
  for (const auto& step : steps) {
    std::string why = connected ? std::string() : connected.error().detail;
    if (connected && connection.open()) {
      auto creating = connection.query(
          "SELECT (pg_create_logical_replication_slot($1, $2)).lsn::text WHERE NOT EXISTS "
          "(SELECT 1 FROM pg_replication_slots WHERE slot_name = $1)",
          {step.name, step.plugin}, context_.clock.now() + kCreateBudget + 1s);
      auto created = co_await std::move(creating);
      if (created && !created->empty() && step.to)
        log::warning(
            "logical replication slot '{}' was made anew and begins at {}: its consumer was known to have "
            "got "
            "to {} with an earlier one, and what was written between is not in it",
            step.name, created->front()[0].value_or("?"), to_string(step.to));
      if (!created) why = created.error().detail;
    } else if (connected) {
      why = "the connection was lost";
    }
    if (!why.empty())
      log::error("Failed to create logical replication slot '{}' plugin='{}': {}", step.name, step.plugin,
                 why);
  }
  create_again_[database] = context_.clock.now() + kCreateAgain;
}

}  // namespace tanist::postgres
