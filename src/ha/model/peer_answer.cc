#include "ha/model/peer_answer.h"

#include <algorithm>

#include "config/zones.h"
#include "core/format.h"

/// What the race hears of a status document.
namespace tanist::ha {
namespace {

/// Microseconds: nobody tells an age beyond an hour.
constexpr std::int64_t kOldestTold = 3600LL * 1'000'000;

std::int64_t number(const Document* d) {
  return d && d->is_int() ? d->as_int() : 0;
}

/// `[[parent, LSN], …]`; nullopt: not that.
std::optional<std::vector<HistoryLine>> read_switches(const Document& told) {
  if (!told.is_list()) return std::nullopt;
  std::vector<HistoryLine> switches;
  for (const auto& row : told.as_list()) {
    if (!row.is_list() || row.size() < 2) return std::nullopt;
    const auto parent = number(&row.as_list()[0]);
    const auto lsn = number(&row.as_list()[1]);
    if (parent <= 0 || lsn < 0) return std::nullopt;
    switches.push_back(
        {.parent = {static_cast<std::uint32_t>(parent)}, .switch_lsn = Lsn{static_cast<std::uint64_t>(lsn)}});
  }
  return switches;
}

/// In order; what is no list of names is not told.
std::optional<std::vector<std::string>> read_names(const Document& told) {
  if (!told.is_list()) return std::nullopt;
  std::vector<std::string> names;
  for (const auto& name : told.as_list()) {
    if (!name.is_string()) return std::nullopt;
    names.push_back(name.as_string());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

std::string why_stranger(const Document& answer, const PeerIdentity& wanted) {
  const Document* about = answer.find("patroni");
  if (!about || !about->is_map()) return {};
  const Document* scope = about->find("scope");
  if (scope && scope->is_string() && scope->as_string() != wanted.scope)
    return fmt::format("it is of a member of cluster '{}', not of '{}'", scope->as_string(), wanted.scope);
  const Document* name = about->find("name");
  if (name && name->is_string() && name->as_string() != wanted.name)
    return fmt::format("it is of member '{}', not of '{}'", name->as_string(), wanted.name);
  return {};
}

PeerAnswer read_peer_answer(const Document& status, const PeerIdentity& wanted, Instant received) {
  PeerAnswer answer;
  const auto ago = [&](const char* name) -> std::optional<Instant> {
    const Document* age = status.find(name);
    if (!age || !age->is_int() || age->as_int() < 0 || age->as_int() > kOldestTold) return std::nullopt;
    return received - std::chrono::microseconds(age->as_int());
  };
  answer.writes_ended = ago("tanist_writes_ended_us");
  answer.writes_began = ago("tanist_writes_began_us");
  // Also the answer of one that only starts tells nothing about the member that is meant.
  answer.error = why_stranger(status, wanted);
  if (!answer.error.empty()) return answer;
  if (status.find("tanist_version")) {
    const Document* active = status.find("failsafe_mode_is_active");
    answer.in_failsafe = active && active->truthy();
  }
  const Document* wal = status.find("wal") ? status.find("wal") : status.find("xlog");
  if (!wal || !wal->is_map()) {
    answer.starting = true;
    answer.error = "no WAL position in the answer";
    return answer;
  }
  answer.reachable = true;
  const Document* role = status.find("role");
  const std::string role_name = role ? role->text() : std::string();
  answer.primary = number(wal->find("location")) != 0 || role_name == "primary" || role_name == "master";
  if (!answer.primary) {
    const auto received = number(wal->find("received_location"));
    const auto replayed = number(wal->find("replayed_location"));
    answer.position = Lsn{static_cast<std::uint64_t>(std::max<std::int64_t>({received, replayed, 0}))};
    answer.replayed = Lsn{static_cast<std::uint64_t>(std::max<std::int64_t>(replayed, 0))};
  }
  answer.timeline = Timeline{static_cast<std::uint32_t>(number(status.find("timeline")))};
  if (const Document* tags = status.find("tags"); tags && tags->is_map()) {
    const Document* nofailover = tags->find("nofailover");
    const Document* priority = tags->find("failover_priority");
    answer.failover_priority = priority ? static_cast<int>(parse_int(*priority).value_or(1)) : 1;
    answer.nofailover = nofailover ? nofailover->truthy() : answer.failover_priority <= 0;
    if (const Document* zone = tags->find("zone"); zone && config::is_zone(*zone)) answer.zone = zone->text();
  }
  if (const Document* switches = status.find("tanist_timelines")) answer.way = read_switches(*switches);
  if (const Document* branch = status.find("tanist_branch"); branch && branch->is_string())
    answer.branch = branch->as_string();
  if (const Document* diverged = status.find("tanist_diverged")) answer.diverged = diverged->truthy();
  if (const Document* delayed = status.find("tanist_delayed")) answer.delayed = delayed->truthy();
  if (const Document* slots = status.find("tanist_logical_slots")) answer.logical_slots = read_names(*slots);
  if (const Document* failed = status.find("watchdog_failed")) answer.watchdog_failed = failed->truthy();
  return answer;
}

}  // namespace tanist::ha
