#include "postgres/local/slot_readiness.h"

#include <algorithm>
#include <charconv>

#include "log/log.h"
#include "postgres/client/connection.h"
#include "postgres/local/context.h"
#include "postgres/local/work_connection.h"

TANIST_LOGGER("patroni.postgresql.slots");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {

constexpr Duration kFeedbackToldAgain = 1min;

std::uint64_t xid(const std::optional<std::string>& text) {
  std::uint64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

const SlotSeen* slot_of(const Probe& probe, const std::string& name) {
  const auto found = std::ranges::find(probe.slots, name, &SlotSeen::name);
  return found == probe.slots.end() ? nullptr : &*found;
}

}  // namespace

bool precedes_or_is(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) - static_cast<std::uint32_t>(b)) <= 0;
}

void SlotReadiness::publish() {
  auto& names = context_.facts.unready_slots;
  names.clear();
  for (const auto& [name, remembered] : waiting_) names.push_back(name);
}

void SlotReadiness::take_probe() {
  const Probe& probe = *context_.facts.probe;
  if (generation_ != context_.generation) {
    generation_ = context_.generation;
    waiting_.clear();
    context_.facts.broken_slots.clear();
    for (const auto& slot : probe.slots)
      if (slot.logical && !slot.failover) waiting_[slot.name];
  }
  // What a primary has, it has itself.
  if (!probe.in_recovery) waiting_.clear();
  std::erase_if(waiting_, [&](const auto& entry) { return slot_of(probe, entry.first) == nullptr; });
  publish();
}

void SlotReadiness::forget(const std::vector<config::SlotMatcher>& ignored) {
  if (!context_.facts.probe) return;
  std::erase_if(waiting_, [&](const auto& entry) {
    const SlotSeen* slot = slot_of(*context_.facts.probe, entry.first);
    return slot == nullptr || is_ignored(*slot, ignored);
  });
  publish();
}

Task<void> SlotReadiness::check(Upstream leader, std::string own_slot, Instant deadline) {
  if (waiting_.empty() || own_slot.empty() || !context_.facts.probe) co_return;
  const std::uint64_t generation = context_.generation;
  Connection connection(context_.clock, *context_.resolver);
  auto parameters = source_parameters(*context_.settings, leader,
                                      rewind_credentials(*context_.settings, context_.facts.major_version));
  parameters["options"] = "-c statement_timeout=2000 -c search_path=pg_catalog";
  auto connected = co_await connection.connect(std::move(parameters), deadline);
  if (!connected) {
    log::debug("could not ask {} for its slots: {}", leader.member, connected.error().detail);
    co_return;
  }
  std::string names = own_slot;
  for (const auto& [name, remembered] : waiting_) names += "," + name;
  auto asking = connection.query(
      "SELECT slot_name, catalog_xmin::text FROM pg_replication_slots WHERE NOT pg_is_in_recovery() "
      "AND slot_name = ANY (string_to_array($1, ','))",
      {names}, deadline);
  auto rows = co_await std::move(asking);
  if (!rows) {
    log::debug("could not ask {} for its slots: {}", leader.member, rows.error().detail);
    co_return;
  }
  if (generation != context_.generation || !context_.facts.probe) co_return;
  std::map<std::string, std::uint64_t> there;
  for (const auto& row : *rows) there[row[0].value_or("")] = xid(row[1]);
  const auto own = there.find(own_slot);
  if (own == there.end()) {
    log::warning("Physical slot {} does not exist on the primary", own_slot);
    co_return;
  }
  if (own->second == 0) {
    co_await tell_missing_feedback(deadline);
    co_return;
  }
  const Probe& probe = *context_.facts.probe;
  for (auto& [name, remembered] : waiting_)
    if (const auto found = there.find(name); !remembered && found != there.end() && found->second != 0)
      remembered = found->second;
  std::erase_if(waiting_, [&](const auto& entry) {
    const SlotSeen* local = slot_of(probe, entry.first);
    if (local == nullptr) return true;
    const bool safe = entry.second && precedes_or_is(*entry.second, own->second) &&
                      precedes_or_is(own->second, local->catalog_xmin);
    if (safe) log::info("Logical slot {} is safe to be used after a failover", entry.first);
    return safe;
  });
  publish();
}

Task<void> SlotReadiness::tell_missing_feedback(Instant deadline) {
  const Instant now = context_.clock.now();
  if (missing_told_ && now - *missing_told_ < kFeedbackToldAgain) co_return;
  Connection connection(context_.clock, *context_.resolver);
  auto connected = co_await connection.connect(superuser_session(context_, "slots", "2000"), deadline);
  if (!connected) co_return;
  auto asking = connection.query("SHOW hot_standby_feedback", {}, deadline);
  auto rows = co_await std::move(asking);
  if (!rows || rows->size() != 1 || rows->front()[0] != "off") co_return;
  missing_told_ = now;
  log::error("Logical slot failover requires \"hot_standby_feedback\". Please check postgresql.auto.conf");
}

void SlotReadiness::tell_before_promotion() {
  if (waiting_.empty()) return;
  std::string names;
  for (const auto& [name, remembered] : waiting_) names += (names.empty() ? "'" : ", '") + name + "'";
  log::warning("Logical replication slots that might be unsafe to use after promote: {{{}}}", names);
  waiting_.clear();
}

}  // namespace tanist::postgres
