#include "ha/policy/questions.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace tanist::ha::policy {
namespace {

using namespace std::chrono_literals;

/// Between two tries of what failed: soon for what others may have mended, not so soon that the log fills.
constexpr Duration kRetryPause = 5s;
/// A clone is dear, and a script that is broken stays broken for a while: its pause doubles up to this.
constexpr Duration kLongestRetryPause = 20s;
/// What pg_rewind misses is not there in a minute either, as a rule.
constexpr Duration kLongestRewindPause = 5min;
constexpr int kMostDoublings = 10;

bool said_to_start(const View& view) {
  const auto state = view.postgres.state;
  return state == postgres::State::starting || state == postgres::State::restarting ||
         state == postgres::State::bootstrap_starting;
}

}  // namespace

bool is_primary(const View& view) {
  const auto& facts = view.postgres.facts;
  if (!facts.running()) return false;
  if (!facts.probe) return is_leaderlike(view.postgres.role);
  if (!facts.probe->in_recovery) return true;
  // An answer from before the end of a promotion says nothing about the server of now.
  const bool outdated = view.last_operation && facts.probe->asked_at <= view.last_operation->ended;
  return is_leaderlike(view.postgres.role) && outdated;
}

bool may_commit(const View& view) {
  const auto& facts = view.postgres.facts;
  if (facts.process == postgres::Process::none) return false;
  if (view.postgres.promoting || is_leaderlike(view.postgres.role)) return true;
  // Started by somebody else, to become a primary: what this daemon starts as one it calls so.
  if (facts.running() && !facts.probe && !facts.standby_signal) return true;
  return is_primary(view);
}

bool is_starting(const View& view) {
  const auto& facts = view.postgres.facts;
  if (!facts.running() || facts.accepts()) return false;
  // postgres.md §7: also one that was up, and recovers from the crash of a backend.
  return said_to_start(view) || facts.refuses();
}

Instant starting_since(const View& view) {
  if (said_to_start(view)) return view.postgres.state_since;
  return view.postgres.facts.failing_since.value_or(view.postgres.state_since);
}

Duration start_patience(const View& view, const Memory& memory) {
  return memory.outage.start_timeout.value_or(view.settings.dynamic.primary_start_timeout);
}

bool has_fresh_probe(const View& view) {
  const auto& facts = view.postgres.facts;
  return facts.running() && facts.probe && !facts.failing_since;
}

bool lease_is_safe(const View& view) {
  return view.lease.held(view.now) && view.now < lease_deadlines(view.lease).stop_at;
}

bool leads_by_promise(const View& view) {
  return view.lock == Lock::free && view.lease.promised && view.lease.held(view.now);
}

bool leads(const View& view) {
  return (view.has_lock() || leads_by_promise(view)) && lease_is_safe(view);
}

bool led_by_promise(const View& view) {
  const auto& cluster = view.store.cluster;
  return view.promise && cluster && cluster->leader && cluster->leader->version.absent();
}

bool locked_by_other(const View& view) {
  return view.lock == Lock::others || view.lock == Lock::foreign_session;
}

Lsn own_position(const View& view) {
  return has_fresh_probe(view) ? view.postgres.facts.probe->position() : Lsn{};
}

Timeline own_timeline(const View& view) {
  if (!has_fresh_probe(view)) return {};
  const auto& probe = *view.postgres.facts.probe;
  if (!probe.in_recovery) return probe.timeline;
  // What was seen before a promotion ended is the timeline that the server has left.
  return is_primary(view) ? Timeline{} : probe.effective_timeline;
}

std::optional<std::vector<HistoryLine>> own_way(const View& view) {
  const auto& history = view.postgres.facts.history;
  const Timeline timeline = own_timeline(view);
  if (!timeline || !history || history->timeline != timeline) return std::nullopt;
  return history->lines;
}

bool stays_behind(bool replays_late, const dcs::Cluster* cluster, const std::string& name) {
  return replays_late && !(cluster && cluster->leadership_name == name);
}

bool can_rewind(const View& view) {
  const auto& control = view.postgres.facts.control;
  return view.settings.postgresql.use_pg_rewind && view.postgres.facts.rewind_works && control &&
         (control->wal_log_hints || control->data_checksums);
}

bool streams(const View& view) {
  const auto& probe = view.postgres.facts.probe;
  return has_fresh_probe(view) && probe->in_recovery && probe->receiver_state == "streaming";
}

bool rewind_pending(const Memory& memory) {
  return memory.rejoin.rewind == RewindState::check || memory.rejoin.rewind == RewindState::need;
}

bool rewind_executed(const Memory& memory) {
  return memory.rejoin.rewind == RewindState::success || memory.rejoin.rewind == RewindState::failed;
}

bool crashed_as_primary(const postgres::ControlData& control) {
  static constexpr std::array<std::string_view, 3> kStates = {"in production", "shutting down",
                                                              "in crash recovery"};
  return std::ranges::find(kStates, control.cluster_state) != kStates.end();
}

std::optional<Instant> retry_at(const View& view, OperationKind kind, int failed) {
  const auto& last = view.last_operation;
  if (!last || last->kind != kind || !last->failed()) return std::nullopt;
  Duration pause = std::min(kRetryPause, view.timing().loop_wait);
  if (kind == OperationKind::clone)
    failed = view.memory.making.clones_failed + (last->serial > view.memory.results_seen ? 1 : 0);
  const Duration longest = kind == OperationKind::rewind ? kLongestRewindPause : kLongestRetryPause;
  for (int i = 1; i < std::min(failed, kMostDoublings); ++i) pause = std::min(2 * pause, longest);
  const Instant when = last->ended + pause;
  if (view.now >= when) return std::nullopt;
  return when;
}

std::optional<bool> version_below(const std::string& version, int major, int minor, int patch) {
  std::array<int, 3> parts{};
  std::size_t count = 0;
  const char* at = version.data();
  const char* const end = at + version.size();
  while (true) {
    int value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc{} || next == at) return std::nullopt;
    if (count < parts.size()) parts[count] = value;
    ++count;
    if (next == end) break;
    if (*next != '.') return std::nullopt;
    at = next + 1;
  }
  return parts < std::array<int, 3>{major, minor, patch};
}

}  // namespace tanist::ha::policy
