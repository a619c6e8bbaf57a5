#include "api/status_document.h"

#include <algorithm>

#include "core/enum_names.h"
#include "core/version.h"
#include "dcs/compatible_version.h"
#include "log/log.h"
#include "postgres/logical_slots.h"
#include "postgres/slot_steps.h"

/// The JSON document that GET /patroni and the health checks answer with.
namespace tanist::api {

namespace {

/// A queue of the log shorter than this is everyday.
constexpr std::size_t kLogQueueShown = 2;
/// Longer than anybody waits for the answer to a switchover.
constexpr Duration kInterruptionTold = std::chrono::minutes(2);
/// Peers compare them with the last lines of /history.
constexpr std::size_t kSwitchesTold = 10;
/// From here on standbys may copy slots by themselves.
constexpr int kSyncsSlots = 170000;

Document wal_document(const postgres::Probe& probe) {
  Document out = Document::map();
  if (!probe.in_recovery) {
    out.set("location", probe.wal.value);
    return out;
  }
  out.set("received_location", (probe.receive ? probe.receive : probe.replay).value);
  out.set("replayed_location", probe.replay.value);
  out.set("replayed_timestamp", probe.replayed_timestamp ? Document(*probe.replayed_timestamp) : Document());
  out.set("paused", probe.replay_paused);
  return out;
}

Document replication_document(const std::vector<postgres::WalSenderSeen>& senders) {
  Document out = Document::list();
  for (const auto& sender : senders) {
    Document row = Document::map();
    row.set("usename", sender.usename);
    row.set("application_name", sender.application_name);
    row.set("client_addr", sender.client_addr ? Document(*sender.client_addr) : Document());
    row.set("state", sender.state);
    row.set("sync_state", sender.sync_state);
    row.set("sync_priority", sender.sync_priority);
    out.push_back(std::move(row));
  }
  return out;
}

/// `[[parent, LSN], …]`: the last switches before the timeline.
Document switches(const postgres::TimelineHistory& history) {
  Document out = Document::list();
  const auto& lines = history.lines;
  for (std::size_t i = lines.size() > kSwitchesTold ? lines.size() - kSwitchesTold : 0; i < lines.size();
       ++i) {
    Document row = Document::list();
    row.push_back(static_cast<std::int64_t>(lines[i].parent.value));
    row.push_back(lines[i].switch_lsn.value);
    out.push_back(std::move(row));
  }
  return out;
}

void add_full_form(Document& out, const MemberStatus& o) {
  const auto& probe = *o.probe;
  out.set("postmaster_start_time", probe.postmaster_start_time);
  out.set("role", o.role);
  out.set("server_version", probe.server_version);
  out.set("xlog", wal_document(probe));
  if (o.quorum_standby) out.set("quorum_standby", true);
  if (o.sync_standby) out.set("sync_standby", true);
  const Timeline timeline = probe.in_recovery ? probe.effective_timeline : probe.timeline;
  out.set("timeline", timeline ? Document(static_cast<std::int64_t>(timeline.value)) : Document());
  if (!o.replication_state.empty()) out.set("replication_state", o.replication_state);
  if (!probe.wal_senders.empty()) out.set("replication", replication_document(probe.wal_senders));
}

void add_tail(Document& out, const MemberStatus& o) {
  const ha::Snapshot& s = *o.snapshot;
  if (s.paused) out.set("pause", true);
  if (s.diverged) out.set("tanist_diverged", true);
  // rest-api.md §3
  if (!s.fence_usable) out.set("watchdog_failed", true);
  if (s.guardian.kind != ha::GuardianState::Kind::off)
    out.set("tanist_guardian", std::string(enum_name(s.guardian.kind)));
  if (s.watchdog.active || !s.watchdog.problem.empty()) {
    Document& watchdog = out.set("tanist_watchdog", Document::map({{"active", s.watchdog.active}}));
    if (s.watchdog.active) watchdog.set("timeout_seconds", s.watchdog.timeout);
    if (!s.watchdog.problem.empty()) watchdog.set("problem", s.watchdog.problem);
  }
  if (s.delayed) out.set("tanist_delayed", true);
  if (s.facts.running() && s.facts.clients_held) out.set("tanist_clients_held", true);
  if (o.probe != nullptr && s.facts.history && s.facts.history->timeline == o.probe->effective_timeline)
    out.set("tanist_timelines", switches(*s.facts.history));
  if (o.probe != nullptr && !s.branch.empty()) out.set("tanist_branch", s.branch);
  if (o.probe != nullptr)
    if (const auto names = logical_slots_told(s)) {
      Document& list = out.set("tanist_logical_slots", Document::list());
      for (const auto& name : *names) list.push_back(name);
    }
  if (o.view == nullptr || o.view->unlocked()) out.set("cluster_unlocked", true);
  if (o.failsafe) out.set("failsafe_mode_is_active", true);
  out.set("dcs_last_seen", s.dcs_last_seen);
  if (s.settings->tags.published.size() != 0) out.set("tags", s.settings->tags.published);
  if (!s.facts.system_identifier.empty()) out.set("database_system_identifier", s.facts.system_identifier);
  if (!s.facts.pending_restart.empty()) {
    out.set("pending_restart", true);
    Document& reasons = out.set("pending_restart_reason", Document::map());
    for (const auto& [name, change] : s.facts.pending_restart) {
      reasons.set(name, Document::map({{"old_value", change.old_value}, {"new_value", change.new_value}}));
    }
  }
  out.set("patroni", Document::map({{"version", dcs::kCompatibleVersion},
                                    {"scope", s.settings->scope},
                                    {"name", s.settings->name}}));
  if (s.scheduled_restart) out.set("scheduled_restart", *s.scheduled_restart);
  if (const std::size_t waiting = log::queue_size(); waiting > kLogQueueShown) {
    out.set("logger_queue_size", static_cast<std::int64_t>(waiting));
    if (const std::size_t lost = log::lost()) out.set("logger_records_lost", static_cast<std::int64_t>(lost));
  }
  out.set("tanist_version", version());
  if (const auto& disk = s.facts.disk)
    out.set("tanist_disk",
            Document::map({{"free_bytes", disk->free_bytes}, {"size_bytes", disk->size_bytes}}));
  if (o.probe != nullptr && !s.facts.slots_at_risk.empty()) {
    Document& risks = out.set("tanist_slots_at_risk", Document::list());
    for (const auto& risk : s.facts.slots_at_risk) risks.push_back(slot_risk_document(risk));
  }
  if (s.operation) out.set("operation", s.operation->name);
  if (s.progress) {
    Document& progress = out.set("progress", Document::map({{"done_bytes", s.progress->done_bytes},
                                                            {"total_bytes", s.progress->total_bytes}}));
    if (s.progress->bytes_per_second > 0) progress.set("bytes_per_second", s.progress->bytes_per_second);
    if (s.progress->seconds_left) progress.set("seconds_left", *s.progress->seconds_left);
  }
  if (!s.rejoin_error.empty()) out.set("rejoin_error", s.rejoin_error);
  // What hangs or refuses, why, and for how long.
  const auto& since = s.facts.silent_since ? s.facts.silent_since : s.facts.failing_since;
  if (s.facts.running() && since) {
    Document& failing =
        out.set("postgres_failing",
                Document::map(
                    {{"seconds", static_cast<std::int64_t>(std::max(0.0, seconds(s.published_at - *since)))},
                     {"new_connections_only", !s.facts.failing_since.has_value()}}));
    if (!s.facts.failing_why.empty()) failing.set("why", s.facts.failing_why);
  }
  if (o.stale) out.set("stale", true);
}

}  // namespace

bool add_interruption(Document& out, const ha::Snapshot& snapshot, Instant now) {
  const auto add = [&](const char* name, const std::optional<Instant>& at) {
    if (!at || now - *at > kInterruptionTold) return false;
    out.set(name, std::chrono::duration_cast<std::chrono::microseconds>(now - *at).count());
    return true;
  };
  const bool ended = add("tanist_writes_ended_us", snapshot.writes_ended);
  const bool began = add("tanist_writes_began_us", snapshot.writes_began);
  return ended || began;
}

std::optional<std::vector<std::string>> logical_slots_told(const ha::Snapshot& snapshot) {
  const auto& facts = snapshot.facts;
  if (!facts.probe || !postgres::can_advance_slots(facts.probe->server_version)) return std::nullopt;
  const auto& settings = *snapshot.settings;
  const bool kept = settings.postgresql.use_slots;
  const auto& permanent = settings.dynamic.permanent_slots;
  auto names = facts.probe->in_recovery
                   ? postgres::slots_fit_to_lead(facts)
                   : postgres::slots_to_hand_over(*facts.probe,
                                                  kept ? permanent : std::vector<config::PermanentSlot>());
  // Of a standby that tells of none it is known that it could go on with none.
  const bool expected =
      (kept && std::ranges::any_of(permanent, [](const auto& slot) { return slot.logical(); })) ||
      (facts.probe->in_recovery && facts.probe->server_version >= kSyncsSlots);
  if (names.empty() && !expected) return std::nullopt;
  return names;
}

Document slot_risk_document(const postgres::SlotRisk& risk) {
  Document out = Document::map({{"slot", risk.name}, {"risk", enum_name(risk.kind)}});
  out.set("active", risk.active);
  if (risk.kind == postgres::SlotRisk::Kind::lost) return out;
  out.set("retained_bytes", risk.retained_bytes);
  out.set("limit_bytes", risk.limit_bytes);
  return out;
}

Document status_document(const MemberStatus& o) {
  Document out = Document::map();
  out.set("state", o.state);
  if (o.probe != nullptr) {
    add_full_form(out, o);
  } else {
    out.set("role", o.role);
  }
  add_tail(out, o);
  return out;
}

}  // namespace tanist::api
