#include "ha/model/journal_codec.h"

#include "ha/model/journal_archive.h"
#include "log/log.h"

/// Fields that no decision reads are not recorded: connection strings, scripts, values shown verbatim.
namespace tanist::ha {
namespace journal {

using namespace std::string_view_literals;

#define TANIST_ENUM(type, ...)                                                    \
  template <>                                                                     \
  struct EnumNames<type> {                                                        \
    static constexpr auto value = std::to_array<std::string_view>({__VA_ARGS__}); \
  }
TANIST_ENUM(postgres::State, "initdb", "initdb_failed", "custom_bootstrap", "custom_bootstrap_failed",
            "creating_replica", "running", "starting", "bootstrap_starting", "start_failed", "restarting",
            "restart_failed", "stopping", "stopped", "stop_failed", "crashed");
TANIST_ENUM(postgres::Role, "uninitialized", "replica", "primary", "promoted", "demoted", "standby_leader");
TANIST_ENUM(postgres::Process, "none", "running", "orphans");
TANIST_ENUM(postgres::DataDirectory, "ok", "empty", "foreign", "unreadable");
TANIST_ENUM(postgres::Accepting, "unknown", "no_response", "rejecting", "accepting");
TANIST_ENUM(postgres::RecoveryDifference, "none", "reload", "restart");
TANIST_ENUM(postgres::Divergence, "unknown", "none", "diverged");
TANIST_ENUM(OperationKind, "bootstrap", "finish_bootstrap", "cancel_bootstrap", "clone", "start",
            "crash_recovery", "rewind", "promote", "demote", "restart", "follow_restart", "shutdown");
TANIST_ENUM(Phase, "preparing", "initdb", "custom_bootstrap", "cloning", "starting", "ending_recovery",
            "creating_users", "storing_result", "checkpointing", "stopping_clients",
            "waiting_shutdown_checkpoint", "awaiting_release", "waiting_down", "releasing", "rewinding",
            "recovering", "pre_promote", "promoting", "removing");
TANIST_ENUM(Cancel, "free", "critical", "no");
TANIST_ENUM(DemoteMode, "graceful", "immediate", "immediate_nolock", "offline");
TANIST_ENUM(Lock, "free", "mine", "foreign_session", "others");
TANIST_ENUM(Memory::PrePromote, "none", "failed");
TANIST_ENUM(Memory::Rewind, "initial", "check", "need", "not_need", "success", "failed");
TANIST_ENUM(config::Dynamic::SyncMode, "off", "on", "quorum");
TANIST_ENUM(Mandate::Kind, "keep", "lapse", "release");
TANIST_ENUM(OnFailure, "go_on", "postpone_intent");
#undef TANIST_ENUM

}  // namespace journal

}  // namespace tanist::ha

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
  a("confirmed_flush_lsn", v.confirmed_flush_lsn), a("wal_status", v.wal_status), a("has_xmin", v.has_xmin);
}
template <class A>
void fields(A& a, Probe& v) {
  a("asked_at", v.asked_at), a("in_recovery", v.in_recovery), a("timeline", v.timeline), a("wal", v.wal);
  a("replay", v.replay), a("receive", v.receive), a("replay_paused", v.replay_paused);
  a("received_timeline", v.received_timeline), a("receiver_state", v.receiver_state), a("slots", v.slots);
  a("effective_timeline", v.effective_timeline), a("server_version", v.server_version);
  a("postmaster_start_time", v.postmaster_start_time);
}
template <class A>
void fields(A& a, Upstream& v) {
  a("member", v.member), a("host", v.host), a("port", v.port), a("slot", v.slot);
}
template <class A>
void fields(A& a, DivergenceAnswer& v) {
  a("verdict", v.verdict), a("detail", v.detail), a("local_timeline", v.local_timeline),
      a("local_lsn", v.local_lsn);
  a("leader_timeline", v.leader_timeline), a("beyond_rewind", v.beyond_rewind);
}
template <class A>
void fields(A& a, Facts& v) {
  a("process", v.process), a("process_since", v.process_since), a("data_directory", v.data_directory);
  a("data_directory_error", v.data_directory_error), a("major_version", v.major_version);
  a("accepting", v.accepting), a("probe", v.probe), a("failing_since", v.failing_since);
  a("silent_since", v.silent_since);
  a("control", v.control), a("standby_signal", v.standby_signal), a("backup_label", v.backup_label);
  a("half_rewound", v.half_rewound), a("rewind_works", v.rewind_works), a("control_error", v.control_error);
  a("system_identifier", v.system_identifier);
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
  a("name", v.name), a("session", v.session), a("version", v.version), a("conn_url", v.conn_url);
  a("api_url", v.api_url), a("state", v.state), a("role", v.role), a("patroni_version", v.patroni_version);
  a("xlog_location", v.xlog_location), a("timeline", v.timeline), a("tags", v.tags);
  a("checkpoint_after_promote_pending", v.checkpoint_after_promote_pending);
}
template <class A>
void fields(A& a, Leader& v) {
  a("name", v.name), a("session", v.session), a("version", v.version);
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
      a("scheduled_at", v.scheduled_at);
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
}
template <class A>
void fields(A& a, BootstrapNote& v) {
  a("name", v.name), a("incarnation", v.incarnation), a("session", v.session), a("version", v.version);
}
template <class A>
void fields(A& a, Cluster& v) {
  a("initialize", v.initialize), a("config", v.config), a("leader", v.leader), a("status", v.status);
  a("members", v.members), a("failover", v.failover), a("sync", v.sync), a("history", v.history);
  a("failsafe", v.failsafe), a("failsafe_version", v.failsafe_version),
      a("failsafe_broken", v.failsafe_broken);
  a("bootstrap_note", v.bootstrap_note), a("initialized_by_version", v.initialized_by_version);
  a("leadership_version", v.leadership_version), a("status_version", v.status_version);
  a("revision", v.revision), a("linearizable", v.linearizable), a("read_at", v.read_at);
}
template <class A>
void fields(A& a, AcquireConditions& v) {
  a("sync", v.sync), a("failsafe", v.failsafe), a("failover", v.failover), a("config", v.config);
  a("initialize", v.initialize), a("leadership", v.leadership), a("status", v.status);
}

}  // namespace tanist::dcs

namespace tanist::config {

template <class A>
void fields(A& a, Timing& v) {
  a("ttl", v.ttl), a("loop_wait", v.loop_wait), a("retry_timeout", v.retry_timeout);
}
template <class A>
void fields(A& a, Tags& v) {
  a("nofailover", v.nofailover), a("failover_priority", v.failover_priority), a("nostream", v.nostream);
  a("replicatefrom", v.replicatefrom);
}
template <class A>
void fields(A& a, Dynamic& v) {
  a("timing", v.timing), a("maximum_lag_on_failover", v.maximum_lag_on_failover);
  a("primary_start_timeout", v.primary_start_timeout), a("primary_stop_timeout", v.primary_stop_timeout);
  a("primary_race_backoff", v.primary_race_backoff), a("member_slots_ttl", v.member_slots_ttl);
  a("check_timeline", v.check_timeline), a("pause", v.pause), a("failsafe_mode", v.failsafe_mode);
  a("synchronous_mode", v.synchronous_mode), a("standby_cluster", v.standby_cluster);
  // Of the rest only what is asked for by presence, and whether there is anything.
  std::vector<std::string> present;
  for (const auto& entry : v.raw.is_map() ? v.raw.entries() : Document::Entries{})
    if (entry.value.truthy()) present.push_back(entry.key);
  bool filled = v.raw.size() > 0;
  a("present", present), a("filled", filled);
  if constexpr (A::kReads) {
    for (const auto& key : present) v.raw.set(key, true);
    if (filled && present.empty()) v.raw.set("recorded", false);
  }
}
template <class A>
void fields(A& a, ReplicaMethod& v) {
  a("no_leader", v.no_leader);
}
template <class A>
void fields(A& a, Settings& v) {
  a("scope", v.scope), a("name", v.name), a("tags", v.tags), a("dynamic", v.dynamic);
  a("bootstrap", v.bootstrap.present), a("data_dir", v.postgresql.data_dir);
  a("use_pg_rewind", v.postgresql.use_pg_rewind), a("use_slots", v.postgresql.use_slots);
  a("silent_primary_timeout", v.silent_primary_timeout);
  a("remove_on_rewind_failure", v.postgresql.remove_data_directory_on_rewind_failure);
  a("remove_on_divergence", v.postgresql.remove_data_directory_on_diverged_timelines);
  a("replica_methods", v.postgresql.replica_methods);
}

}  // namespace tanist::config

namespace tanist::ha {

template <class A>
void fields(A& a, OperationView& v) {
  a("kind", v.kind), a("name", v.name), a("phase", v.phase), a("cancel", v.cancel), a("since", v.since);
  a("phase_since", v.phase_since), a("deadline", v.deadline), a("demote_mode", v.demote_mode);
  a("source", v.source);
  a("awaits_verdict", v.awaits_verdict), a("checkpoint_lsn", v.checkpoint_lsn), a("last_lsn", v.last_lsn);
  a("released", v.released);
}
template <class A>
void fields(A& a, OperationResult& v) {
  a("kind", v.kind), a("ok", v.ok), a("detail", v.detail), a("ended", v.ended), a("serial", v.serial);
  a("source_lost", v.source_lost);
}
template <class A>
void fields(A& a, PeerAnswer& v) {
  a("reachable", v.reachable), a("starting", v.starting), a("error", v.error), a("primary", v.primary);
  a("position", v.position), a("replayed", v.replayed), a("diverged", v.diverged);
  a("timeline", v.timeline), a("nofailover", v.nofailover), a("failover_priority", v.failover_priority);
  a("watchdog_failed", v.watchdog_failed);
}
template <class A>
void fields(A& a, Answers& v) {
  a("peers", v.peers), a("divergence", v.divergence);
}
template <class A>
void fields(A& a, SelfView& v) {
  a("name", v.name), a("incarnation", v.incarnation);
}
template <class A>
void fields(A& a, PostgresView& v) {
  a("facts", v.facts), a("state", v.state), a("role", v.role), a("state_since", v.state_since);
  a("seen_running", v.seen_running), a("promoting", v.promoting);
  a("recovery_difference", v.recovery_difference);
}
namespace order {
template <class A>
void fields(A& a, Restart& v) {
  a("role", v.role), a("older_than", v.older_than), a("only_if_pending", v.only_if_pending);
  a("timeout", v.timeout);
}
}  // namespace order
template <class A>
void fields(A& a, RestartAsked& v) {
  a("request", v.request), a("id", v.id);
}
template <class A>
void fields(A& a, ScheduledRestart& v) {
  a("request", v.request), a("at", v.at), a("postmaster_start_time", v.postmaster_start_time),
      a("shown", v.shown);
}
template <class A>
void fields(A& a, Commands& v) {
  a("shutdown", v.shutdown), a("hurry", v.hurry), a("restart", v.restart);
  a("scheduled_restart", v.scheduled_restart);
}
template <class A>
void fields(A& a, FenceView& v) {
  a("usable", v.usable), a("armed", v.armed);
}
template <class A>
void fields(A& a, Lease& v) {
  a("until", v.until), a("proven_at", v.proven_at);
}
template <class A>
void fields(A& a, RaceGround& v) {
  a("optime", v.optime), a("history", v.history), a("timeline", v.timeline);
}
template <class A>
void fields(A& a, Memory::Nudges& v) {
  a("of", v.of), a("since", v.since), a("last", v.last), a("count", v.count), a("waited", v.waited);
}
template <class A>
void fields(A& a, Memory& v) {
  a("recovering", v.recovering), a("outage_since", v.outage_since);
  a("crash_recovery_tried", v.crash_recovery_tried), a("start_timeout", v.start_timeout);
  a("was_paused", v.was_paused), a("previous_position", v.previous_position);
  a("race_backoff_since", v.race_backoff_since), a("no_race_until", v.no_race_until);
  a("pre_promote", v.pre_promote), a("rewind", v.rewind), a("leader_timeline", v.leader_timeline);
  a("own_timeline", v.own_timeline), a("callback_fired", v.callback_fired);
  a("found_diverged", v.found_diverged), a("beyond_leader_since", v.beyond_leader_since);
  a("astray", v.astray), a("diverged", v.diverged);
  a("beyond_rewind", v.beyond_rewind), a("looks_in_vain", v.looks_in_vain);
  a("not_streaming_since", v.not_streaming_since), a("compared_at", v.compared_at);
  a("nudges", v.nudges);
  a("checkpoint_after_promote_done", v.checkpoint_after_promote_done);
  a("checkpoint_after_promote_running", v.checkpoint_after_promote_running);
  a("rewinds_failed", v.rewinds_failed), a("rewind_failed_from", v.rewind_failed_from);
  a("rejoin_error", v.rejoin_error), a("starts_failed", v.starts_failed);
  a("clones_failed", v.clones_failed), a("bootstrapping", v.bootstrapping);
  a("retain_slots", v.retain_slots), a("retain_slots_seeded", v.retain_slots_seeded);
  a("refusals_told", v.refusals_told), a("results_seen", v.results_seen);
  a("acquiring", v.acquiring), a("acquired_on", v.acquired_on), a("joined", v.joined);
}
template <class A>
void fields(A& a, Mandate& v) {
  a("kind", v.kind), a("good_until", v.good_until);
}
template <class A>
void fields(A& a, Needs& v) {
  a("peers", v.peers), a("peers_gone", v.peers_gone), a("linearizable_view", v.linearizable_view);
  a("control_file", v.control_file), a("divergence", v.divergence);
}

using journal::Reader;
using journal::Writer;

namespace {

template <class T>
Document written(const T& value) {
  return Writer::write(value);
}

Document cluster_form(const dcs::ClusterPtr& cluster) {
  return cluster ? written(*cluster) : Document();
}

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};

Document condition_form(const dcs::Condition& condition) {
  if (std::holds_alternative<dcs::IfAbsent>(condition)) return "absent";
  if (const auto* version = std::get_if<dcs::IfVersion>(&condition)) return version->version;
  return "always";
}

Document intent_form(const Intent& intent) {
  Document d = Document::map({{"kind", intent_name(intent)}});
  std::visit(Overloaded{
                 [&](const intent::Acquire& i) { d.set("conditions", written(i.conditions)); },
                 [&](const intent::Demote& i) { d.set("mode", written(i.mode)); },
                 [&](const intent::Follow& i) {
                   d.set("upstream", written(i.upstream));
                   d.set("restart", i.restart);
                 },
                 [&](const intent::Start& i) {
                   d.set("as_standby", i.as_standby);
                   d.set("upstream", written(i.upstream));
                   d.set("name", i.name);
                 },
                 [&](const intent::Rewind& i) {
                   d.set("source", written(i.source));
                   d.set("leader", i.leader);
                   d.set("checkpoint_source", i.checkpoint_source);
                 },
                 [&](const intent::Clone& i) {
                   d.set("source", written(i.source));
                   d.set("source_name", i.source_name);
                   d.set("from_leader", i.from_leader);
                   d.set("why_removal_allowed", i.why_removal_allowed);
                   d.set("basebackup_only", i.basebackup_only);
                 },
                 [&](const intent::Bootstrap& i) { d.set("take_over", written(i.take_over)); },
                 [&](const intent::Restart& i) {
                   d.set("as_standby", i.as_standby);
                   d.set("upstream", written(i.upstream));
                   d.set("timeout", written(i.timeout));
                   d.set("asked", written(i.asked));
                 },
                 [&](const intent::PreEmpt& i) { d.set("why", i.why); },
                 [&](const intent::Release& i) { d.set("last_lsn", written(i.last_lsn)); },
                 [&](const intent::Advance& i) { d.set("release_now", i.release_now); },
                 [&](const intent::Shutdown& i) { d.set("hurry", i.hurry); },
                 [&](const intent::Exit& i) {
                   d.set("code", i.code);
                   d.set("why", i.why);
                 },
                 [](const auto&) {},
             },
             intent);
  return d;
}

Document duty_form(const OrderedDuty& ordered) {
  Document d = Document::map();
  const auto name = [&d](const char* kind) { d.set("kind", kind); };
  std::visit(Overloaded{
                 [&](const duty::Member&) { name("member"); },
                 [&](const duty::Status& v) {
                   name("status");
                   d.set("status", written(v.status));
                 },
                 [&](const duty::Initialize& v) {
                   name("initialize");
                   d.set("if", condition_form(v.condition));
                   d.set("system_id", v.system_id);
                 },
                 [&](const duty::Config& v) {
                   name("config");
                   d.set("if", condition_form(v.condition));
                 },
                 [&](const duty::DeleteSync& v) {
                   name("delete_sync");
                   d.set("if", v.version);
                 },
                 [&](const duty::History& v) {
                   name("history");
                   d.set("timeline", written(v.timeline));
                 },
                 [&](const duty::Slots& v) {
                   name("slots");
                   d.set("wanted", written(v.wanted));
                   d.set("drop_unknown", v.drop_unknown);
                 },
                 [&](const duty::Fence& v) { name(v.arm ? "arm" : "disarm"); },
                 [&](const duty::Callback& v) {
                   name("callback");
                   d.set("action", v.action);
                   d.set("role", written(v.role));
                 },
                 [&](const duty::CheckpointAfterPromote&) { name("checkpoint"); },
                 [&](const duty::SetRole& v) {
                   name("role");
                   d.set("role", written(v.role));
                 },
                 [&](const duty::SetState& v) {
                   name("state");
                   d.set("state", written(v.state));
                   if (v.since) d.set("since", written(*v.since));
                 },
                 [&](const duty::RefuseRestart& v) {
                   name("refuse_restart");
                   d.set("id", written(v.id));
                   d.set("why", v.why);
                 },
                 [&](const duty::DropScheduledRestart&) { name("drop_scheduled_restart"); },
                 [&](const duty::LookForWal&) { name("look_for_wal"); },
                 [&](const duty::Say& v) {
                   name("say");
                   d.set("level", log::name(static_cast<log::Level>(v.level)));
                   d.set("text", v.text);
                 },
             },
             ordered.duty);
  if (ordered.on_failure != OnFailure::go_on) d.set("on_failure", written(ordered.on_failure));
  return d;
}

dcs::ClusterPtr read_cluster(const Document* document) {
  if (!document || document->is_null()) return nullptr;
  auto cluster = std::make_shared<dcs::Cluster>();
  Reader::read(*document, *cluster);
  return cluster;
}

}  // namespace

Document encode(const View& v) {
  Document d = Document::map({{"version", kJournalVersion}});
  d.set("now", written(v.now));
  d.set("wall_now", written(v.wall_now));
  d.set("self", written(v.self));
  d.set("settings", written(*v.settings));
  Document store = Document::map();
  store.set("ok", v.store.ok);
  store.set("unavailable_since", written(v.store.unavailable_since));
  store.set("why", v.store.why);
  store.set("lock_unknown", v.store.lock_unknown);
  if (v.store.cluster) store.set("cluster", cluster_form(v.store.cluster));
  // Mostly it is the same one.
  if (v.store.last_with_leader == v.store.cluster) {
    store.set("last_is_current", true);
  } else if (v.store.last_with_leader) {
    store.set("last_with_leader", cluster_form(v.store.last_with_leader));
  }
  d.set("store", std::move(store));
  d.set("lock", written(v.lock));
  d.set("lease", written(v.lease));
  d.set("postgres", written(v.postgres));
  if (v.operation) d.set("operation", written(*v.operation));
  if (v.last_operation) d.set("last_operation", written(*v.last_operation));
  d.set("commands", written(v.commands));
  d.set("fence", written(v.fence));
  d.set("answers", written(v.answers));
  d.set("memory", written(v.memory));
  return d;
}

Document encode(const Decision& v) {
  Document reason = Document::map({{"code", code_name(v.reason.code)}, {"text", v.reason.text()}});
  if (v.reason.numbers.size() > 0) reason.set("numbers", v.reason.numbers);
  Document d = Document::map();
  d.set("reason", std::move(reason));
  d.set("mandate", written(v.mandate));
  d.set("intent", intent_form(v.intent));
  Document duties = Document::list();
  for (const auto& duty : v.duties) duties.push_back(duty_form(duty));
  d.set("duties", std::move(duties));
  if (v.needs.any()) d.set("needs", written(v.needs));
  d.set("memory", written(v.memory));
  if (v.wake_at) d.set("wake_at", written(*v.wake_at));
  return d;
}

std::expected<View, std::string> decode_view(const Document& d) {
  try {
    Reader a(d);
    int version = 0;
    a("version", version);
    if (version != kJournalVersion)
      return std::unexpected("version " + std::to_string(version) + " of the journal is not known");
    View v;
    auto settings = std::make_shared<config::Settings>();
    a("now", v.now), a("wall_now", v.wall_now), a("self", v.self), a("settings", *settings);
    v.settings = std::move(settings);
    if (const Document* store = d.find("store")) {
      Reader s(*store);
      s("ok", v.store.ok), s("unavailable_since", v.store.unavailable_since), s("why", v.store.why);
      s("lock_unknown", v.store.lock_unknown);
      bool same = false;
      s("last_is_current", same);
      v.store.cluster = read_cluster(store->find("cluster"));
      v.store.last_with_leader = same ? v.store.cluster : read_cluster(store->find("last_with_leader"));
    }
    a("lock", v.lock), a("lease", v.lease), a("postgres", v.postgres), a("operation", v.operation);
    a("last_operation", v.last_operation), a("commands", v.commands), a("fence", v.fence);
    a("answers", v.answers), a("memory", v.memory);
    return v;
  } catch (const journal::Unreadable& e) {
    return std::unexpected(std::string("a recorded view cannot be read: ") + e.what());
  }
}

}  // namespace tanist::ha
