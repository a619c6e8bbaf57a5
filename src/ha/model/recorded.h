#pragma once

#include <string>
#include <vector>

#include "ha/model/decision.h"

/// What is recorded of values that are declared elsewhere: what a decision may read, and nothing that is a
/// secret (connection strings, scripts, values of parameters). A decision that reads more is found by the
/// replay of varied views (tests/unit/ha/model).
namespace tanist::config {

template <class A>
void fields(A& a, Timing& v) {
  a("ttl", v.ttl), a("loop_wait", v.loop_wait), a("retry_timeout", v.retry_timeout);
}
template <class A>
void fields(A& a, PermanentSlot& v) {
  a("name", v.name), a("database", v.database), a("plugin", v.plugin);
}
template <class A>
void fields(A& a, SlotMatcher& v) {
  a("name", v.name), a("database", v.database), a("plugin", v.plugin), a("type", v.type);
}

}  // namespace tanist::config

namespace tanist::postgres {

template <class A>
void fields(A& a, ControlData& v) {
  a("seen_at", v.seen_at), a("cluster_state", v.cluster_state), a("system_identifier", v.system_identifier);
  a("latest_checkpoint", v.latest_checkpoint), a("checkpoint_timeline", v.checkpoint_timeline);
  a("min_recovery_end", v.min_recovery_end), a("min_recovery_timeline", v.min_recovery_timeline);
  a("wal_log_hints", v.wal_log_hints), a("data_checksums", v.data_checksums);
  a("wal_segment_bytes", v.wal_segment_bytes);
}
template <class A>
void fields(A& a, SlotSeen& v) {
  a("name", v.name), a("logical", v.logical), a("active", v.active), a("restart_lsn", v.restart_lsn);
  a("confirmed_flush_lsn", v.confirmed_flush_lsn), a("wal_status", v.wal_status), a("xmin", v.xmin);
  a("database", v.database), a("plugin", v.plugin), a("failover", v.failover), a("synced", v.synced);
  a("temporary", v.temporary);
}
template <class A>
void fields(A& a, WalSenderSeen& v) {
  a("pid", v.pid), a("application_name", v.application_name), a("state", v.state);
  a("sync_state", v.sync_state), a("write_lsn", v.write_lsn), a("flush_lsn", v.flush_lsn);
  a("replay_lsn", v.replay_lsn);
}
template <class A>
void fields(A& a, Probe& v) {
  a("asked_at", v.asked_at), a("in_recovery", v.in_recovery), a("timeline", v.timeline), a("wal", v.wal);
  a("replay", v.replay), a("receive", v.receive), a("replay_paused", v.replay_paused);
  a("received_timeline", v.received_timeline), a("receiver_state", v.receiver_state), a("slots", v.slots);
  a("other_slots", v.other_slots), a("wal_senders", v.wal_senders);
  a("standby_names", v.standby_names), a("synchronous_commit", v.synchronous_commit);
  a("effective_timeline", v.effective_timeline), a("server_version", v.server_version);
  a("postmaster_start_time", v.postmaster_start_time);
}
template <class A>
void fields(A& a, Upstream& v) {
  a("member", v.member), a("host", v.host), a("port", v.port), a("slot", v.slot), a("remote", v.remote);
}
template <class A>
void fields(A& a, DivergenceAnswer& v) {
  a("verdict", v.verdict), a("detail", v.detail), a("local_timeline", v.local_timeline),
      a("local_lsn", v.local_lsn);
  a("leader_timeline", v.leader_timeline), a("beyond_rewind", v.beyond_rewind);
  a("local_way", v.local_way);
}
template <class A>
void fields(A& a, SourceAnswer& v) {
  a("member", v.member), a("system_identifier", v.system_identifier), a("detail", v.detail);
  a("asked_at", v.asked_at);
}
template <class A>
void fields(A& a, TimelineHistory& v) {
  a("timeline", v.timeline), a("lines", v.lines);
}
template <class A>
void fields(A& a, Facts& v) {
  a("process", v.process), a("process_since", v.process_since), a("data_directory", v.data_directory);
  a("data_directory_error", v.data_directory_error), a("major_version", v.major_version);
  a("accepting", v.accepting), a("probe", v.probe), a("failing_since", v.failing_since);
  a("silent_since", v.silent_since), a("history", v.history);
  a("control", v.control), a("standby_signal", v.standby_signal), a("backup_label", v.backup_label);
  a("half_rewound", v.half_rewound), a("rewind_works", v.rewind_works), a("control_error", v.control_error);
  a("system_identifier", v.system_identifier), a("unready_slots", v.unready_slots);
  a("broken_slots", v.broken_slots), a("feedback_forced", v.feedback_forced);
  a("own_standby_names", v.own_standby_names), a("own_standby_slots", v.own_standby_slots);
  // Values of parameters may be secrets: that they wait is all that is asked.
  std::vector<std::string> pending;
  for (const auto& [parameter, values] : v.pending_restart) pending.push_back(parameter);
  a("pending_restart", pending);
  if constexpr (A::kReads)
    for (const auto& parameter : pending) v.pending_restart[parameter];
}
template <class A>
void fields(A& a, WantedSlot& v) {
  a("name", v.name), a("advance_to", v.advance_to), a("expected_active", v.expected_active);
  a("database", v.database), a("plugin", v.plugin);
}
template <class A>
void fields(A& a, SlotsWanted& v) {
  a("slots", v.slots), a("drop_unknown", v.drop_unknown), a("ignored", v.ignored);
  a("clean_xmin", v.clean_xmin), a("drop_unsynced", v.drop_unsynced), a("leader", v.leader);
  a("own_slot", v.own_slot);
}

}  // namespace tanist::postgres

namespace tanist {

template <class A>
void fields(A& a, HistoryLine& v) {
  a("parent", v.parent), a("switch_lsn", v.switch_lsn), a("reason", v.reason), a("timestamp", v.timestamp);
  a("new_leader", v.new_leader);
}

}  // namespace tanist

namespace tanist::dcs {

template <class A>
void fields(A& a, Member& v) {
  a("name", v.name), a("session", v.claim), a("version", v.version), a("conn_url", v.conn_url);
  a("api_url", v.api_url), a("state", v.state), a("role", v.role), a("patroni_version", v.patroni_version);
  a("tanist_version", v.tanist_version);
  a("xlog_location", v.xlog_location), a("timeline", v.timeline), a("tags", v.tags);
  a("checkpoint_after_promote_pending", v.checkpoint_after_promote_pending);
}
template <class A>
void fields(A& a, Leader& v) {
  a("name", v.name), a("session", v.claim), a("version", v.version);
}
template <class A>
void fields(A& a, Status& v) {
  a("optime", v.optime), a("slots", v.slots), a("retain_slots", v.retain_slots);
}
template <class A>
void fields(A& a, SyncState& v) {
  a("version", v.version), a("leader", v.leader), a("voters", v.voters), a("quorum", v.quorum);
}
template <class A>
void fields(A& a, Failover& v) {
  a("version", v.version), a("leader", v.leader), a("candidate", v.candidate),
      a("scheduled_at", v.scheduled_at), a("invalid_schedule", v.invalid_schedule);
}
template <class A>
void fields(A& a, History& v) {
  a("version", v.version), a("lines", v.lines), a("empty_list", v.empty_list), a("incomplete", v.incomplete);
}
/// Configuration may hold passwords: only whether there is any is recorded.
template <class A>
void fields(A& a, Config& v) {
  bool filled = v.data.size() > 0;
  a("version", v.version), a("valid", v.valid), a("filled", filled);
  if constexpr (A::kReads)
    if (filled) v.data = Document::map({{"recorded", false}});
}
template <class A>
void fields(A& a, Initialize& v) {
  a("version", v.version), a("present", v.present), a("value", v.value);
  a("by_tanist", v.by_tanist);
}
template <class A>
void fields(A& a, BootstrapNote& v) {
  a("name", v.name), a("incarnation", v.incarnation), a("session", v.claim), a("version", v.version);
}
template <class A>
void fields(A& a, LedFrom& v) {
  a("timeline", v.timeline), a("position", v.position), a("replayed", v.replayed), a("optime", v.optime);
  a("branch", v.branch), a("next", v.next);
}
template <class A>
void fields(A& a, Cluster& v) {
  a("initialize", v.initialize), a("config", v.config), a("leader", v.leader), a("status", v.status);
  a("members", v.members), a("failover", v.failover), a("sync", v.sync), a("history", v.history);
  a("failsafe", v.failsafe), a("failsafe_version", v.failsafe_version),
      a("failsafe_broken", v.failsafe_broken);
  a("bootstrap_note", v.bootstrap_note);
  a("leadership_version", v.leadership_version), a("leadership_name", v.leadership_name);
  a("led_from", v.led_from);
  a("status_version", v.status_version);
  a("linearizable", v.linearizable), a("read_at", v.read_at);
}
template <class A>
void fields(A& a, AcquireConditions& v) {
  a("sync", v.sync), a("failsafe", v.failsafe), a("failover", v.failover), a("config", v.config);
  a("initialize", v.initialize), a("leadership", v.leadership), a("status", v.status);
}

}  // namespace tanist::dcs

namespace tanist::ha {

template <class A>
void fields(A& a, StoreView& v) {
  a("ok", v.ok), a("unavailable_since", v.unavailable_since), a("why", v.why);
  a("lock_unknown", v.lock_unknown), a("cluster", v.cluster);
  // Mostly it is the same one.
  bool same = !A::kReads && v.last_with_leader == v.cluster;
  a("last_is_current", same);
  if (!same) a("last_with_leader", v.last_with_leader);
  if constexpr (A::kReads)
    if (same) v.last_with_leader = v.cluster;
}

}  // namespace tanist::ha
