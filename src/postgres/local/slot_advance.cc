#include "postgres/local/slot_advance.h"

#include <algorithm>

#include "log/log.h"
#include "postgres/client/connection.h"
#include "postgres/local/context.h"
#include "postgres/local/work_connection.h"

TANIST_LOGGER("patroni.postgresql.slots");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
constexpr Duration kSlotConnectBudget = 10s;
/// Of one step: so much WAL is read in it, and the slot is in use meanwhile.
constexpr std::uint64_t kStep = 64u << 20;
constexpr Duration kStepBudget = 10min;

/// The file of WAL is gone, or the slot is invalid: it will never get further.
bool is_lost(const std::string& sqlstate) {
  return sqlstate == "58P01" || sqlstate == "55000";
}
}  // namespace

void SlotAdvance::want(const std::string& database, const std::string& slot, Lsn from, Lsn to) {
  if (std::ranges::find(context_.facts.broken_slots, slot) != context_.facts.broken_slots.end()) return;
  auto [target, added] = wanted_[database].try_emplace(slot, Target{from, to});
  if (!added) target->second.to = std::max(target->second.to, to);
  TaskHandle& worker = running_[database];
  if (!worker.running()) worker = context_.spawn("advance slots of " + database, work(database));
}

void SlotAdvance::clear() {
  wanted_.clear();
  for (auto& [database, worker] : running_) worker.cancel();
}

void SlotAdvance::give_up(const std::string& database, const std::string& slot, const std::string& sqlstate,
                          const std::string& why) {
  log::error("Failed to advance logical replication slot '{}': {}", slot, why);
  if (is_lost(sqlstate)) context_.facts.broken_slots.push_back(slot);
  wanted_[database].erase(slot);
}

Task<void> SlotAdvance::work(std::string database) {
  const std::uint64_t generation = context_.generation;
  Connection connection(context_.clock, *context_.resolver);
  // No statement timeout: what was read once would be read again.
  ConnectionParameters session = superuser_session(context_, "slots", "0");
  session["dbname"] = database;
  auto connected = co_await connection.connect(std::move(session), context_.clock.now() + kSlotConnectBudget);
  if (!connected) {
    log::error("could not advance the logical slots of database {}: {}", database, connected.error().detail);
    wanted_.erase(database);
    co_return;
  }
  while (generation == context_.generation) {
    const auto here = wanted_.find(database);
    if (here == wanted_.end() || here->second.empty()) break;
    const std::string slot = here->second.begin()->first;
    const Target target = here->second.begin()->second;
    const Lsn to = std::min(target.to, Lsn{target.at.value + kStep});
    auto advancing = connection.query("SELECT end_lsn::text FROM pg_replication_slot_advance($1, $2::pg_lsn)",
                                      {slot, to_string(to)}, context_.clock.now() + kStepBudget);
    auto rows = co_await std::move(advancing);
    if (!rows) {
      give_up(database, slot, rows.error().sqlstate, rows.error().detail);
      if (!connection.open()) break;
      continue;
    }
    auto& targets = wanted_[database];
    const auto found = targets.find(slot);
    if (found == targets.end()) continue;
    const bool told = rows->size() == 1 && rows->front()[0];
    const Lsn end = told ? parse_lsn(*rows->front()[0]).value_or(to) : to;
    const bool moved = end > found->second.at;
    found->second.at = std::max(found->second.at, end);
    if (!moved || found->second.at >= found->second.to) targets.erase(found);
  }
  if (const auto rest = wanted_.find(database); rest != wanted_.end() && rest->second.empty())
    wanted_.erase(rest);
}

}  // namespace tanist::postgres
