#include "unit/ha/view_builder.h"

namespace tanist::ha::testing {

ViewBuilder::ViewBuilder() {
  view.now = Instant(1000s);
  view.wall_now = WallTime(std::chrono::seconds(1'900'000'000));
  view.self = {.name = "n1", .incarnation = "mine"};
  settings.scope = "demo";
  settings.name = "n1";
  settings.bootstrap.present = true;
  settings.postgresql.data_dir = "/data";
  settings.postgresql.use_pg_rewind = true;
  settings.dynamic.raw = Document::map({{"ttl", 30}});
  view.store.ok = true;
  view.memory.callback_fired = true;
  view.memory.joined = true;
  cluster.initialize = {.version = dcs::Version("2"), .present = true, .value = kSystemId};
  cluster.config = {.version = dcs::Version("3"), .data = settings.dynamic.raw, .valid = true};
  cluster.history = {.version = dcs::Version("4"), .empty_list = true};
  cluster.read_at = view.now - 10ms;
  cluster.status.optime = kHere;
  cluster.status_present = true;
  auto& facts = view.postgres.facts;
  facts.system_identifier = kSystemId;
  facts.major_version = 150004;
  for (const char* name : {"n1", "n2", "n3"}) member(name);
}

void ViewBuilder::running_primary() {
  running_standby();
  auto& probe = *view.postgres.facts.probe;
  probe.in_recovery = false;
  probe.timeline = {1};
  probe.wal = kHere;
  probe.receive = probe.replay = {};
  probe.receiver_state.clear();
  view.postgres.facts.standby_signal = false;
  view.postgres.role = postgres::Role::primary;
}

void ViewBuilder::running_standby() {
  auto& facts = view.postgres.facts;
  facts.process = postgres::Process::running;
  facts.postmaster_pid = 4711;
  facts.accepting = postgres::Accepting::accepting;
  facts.data_directory = postgres::DataDirectory::ok;
  facts.standby_signal = true;
  postgres::Probe probe;
  probe.asked_at = view.now - 300ms;
  probe.in_recovery = true;
  probe.receive = probe.replay = kHere;
  probe.effective_timeline = {1};
  probe.receiver_state = "streaming";
  facts.probe = probe;
  postgres::ControlData control;
  control.seen_at = view.now - 100ms;
  control.cluster_state = "in archive recovery";
  control.system_identifier = kSystemId;
  control.checkpoint_timeline = {1};
  control.data_checksums = true;
  facts.control = control;
  view.postgres.state = postgres::State::running;
  view.postgres.role = postgres::Role::replica;
  view.postgres.state_since = view.now - 60s;
  view.postgres.seen_running = true;
}

ViewBuilder& ViewBuilder::as_leader() {
  running_primary();
  lock_mine();
  view.fence.armed = view.fence.holds = true;
  view.memory.promotion.checkpoint_done = true;
  auto& slots = view.postgres.facts.probe->slots;
  for (const char* name : {"n2", "n3"}) slots.push_back({.name = name, .active = true, .restart_lsn = kHere});
  return *this;
}

ViewBuilder& ViewBuilder::as_replica() {
  running_standby();
  leader("n2");
  for (const char* name : {"n2", "n3"})
    view.postgres.facts.probe->slots.push_back({.name = name, .restart_lsn = kHere});
  return *this;
}

ViewBuilder& ViewBuilder::as_candidate() {
  as_replica();
  return unlocked().linearizable();
}

ViewBuilder& ViewBuilder::without_data() {
  leader("n2");
  auto& facts = view.postgres.facts;
  facts = {};
  facts.data_directory = postgres::DataDirectory::empty;
  view.postgres.state = postgres::State::stopped;
  view.postgres.role = postgres::Role::uninitialized;
  return *this;
}

ViewBuilder& ViewBuilder::before_bootstrap() {
  without_data();
  cluster = {};
  last = {};
  for (const char* name : {"n1", "n2", "n3"}) {
    member(name);
    cluster.members[name].role = "uninitialized";
    cluster.members[name].state = "stopped";
  }
  view.lock = Lock::free;
  return *this;
}

ViewBuilder& ViewBuilder::leader(const std::string& name) {
  cluster.leader = dcs::Leader{.name = name, .claim = "session-of-" + name, .version = dcs::Version("50")};
  for (auto& [other, member] : cluster.members) member.role = other == name ? "primary" : "replica";
  view.lock = name == view.self.name ? Lock::mine : Lock::others;
  last = cluster;
  return *this;
}

ViewBuilder& ViewBuilder::unlocked() {
  last = cluster;
  cluster.leader.reset();
  view.lock = Lock::free;
  return *this;
}

ViewBuilder& ViewBuilder::lock_mine() {
  leader("n1");
  return lease_for(29s);
}

ViewBuilder& ViewBuilder::lease_for(Duration left) {
  view.lease = {.until = view.now + left, .proven_at = view.now + left - 30s};
  return *this;
}

ViewBuilder& ViewBuilder::no_lease() {
  view.lease = {};
  return *this;
}

ViewBuilder& ViewBuilder::linearizable(bool yes) {
  cluster.linearizable = yes;
  return *this;
}

ViewBuilder& ViewBuilder::store_down(Duration since) {
  view.store.ok = false;
  view.store.unavailable_since = view.now - since;
  view.store.why = "connection refused";
  return *this;
}

ViewBuilder& ViewBuilder::member(const std::string& name, const std::string& role) {
  dcs::Member m;
  m.name = name;
  m.version = dcs::Version("7");
  m.conn_url = "postgres://" + name + ".example:5432/postgres";
  m.api_url = "http://" + name + ".example:8008/patroni";
  m.state = "running";
  m.role = role;
  m.patroni_version = "4.1.4";
  m.timeline = {1};
  m.xlog_location = kHere;
  cluster.members[name] = m;
  return *this;
}

ViewBuilder& ViewBuilder::without_member(const std::string& name) {
  cluster.members.erase(name);
  return *this;
}

ViewBuilder& ViewBuilder::down(const std::string& cluster_state) {
  auto& facts = view.postgres.facts;
  facts.process = postgres::Process::none;
  facts.accepting = postgres::Accepting::no_response;
  facts.probe.reset();
  facts.control->cluster_state = cluster_state;
  return *this;
}

ViewBuilder& ViewBuilder::starting(Duration since) {
  auto& facts = view.postgres.facts;
  facts.accepting = postgres::Accepting::rejecting;
  facts.probe.reset();
  view.postgres.state = postgres::State::starting;
  view.postgres.state_since = view.now - since;
  return *this;
}

ViewBuilder& ViewBuilder::peer(const std::string& name, Lsn position, Timeline timeline) {
  if (!view.answers.peers) view.answers.peers.emplace();
  PeerAnswer answer;
  answer.reachable = true;
  answer.position = answer.replayed = position;
  answer.timeline = timeline;
  (*view.answers.peers)[name] = answer;
  return *this;
}

ViewBuilder& ViewBuilder::peer_primary(const std::string& name) {
  peer(name, Lsn{});
  view.answers.peers->at(name).primary = true;
  return *this;
}

ViewBuilder& ViewBuilder::peer_unreachable(const std::string& name) {
  peer(name, Lsn{});
  view.answers.peers->at(name).reachable = false;
  return *this;
}

ViewBuilder& ViewBuilder::divergence(postgres::Divergence verdict) {
  postgres::DivergenceAnswer answer;
  answer.verdict = verdict;
  answer.local_timeline = {1};
  answer.leader_timeline = {2};
  answer.local_lsn = kHere;
  view.answers.divergence = answer;
  return *this;
}

ViewBuilder& ViewBuilder::operation(OperationKind kind, Phase phase, Cancel cancel) {
  static constexpr const char* kNames[] = {"bootstrap",
                                           "post_bootstrap",
                                           "cancel bootstrap",
                                           "bootstrap from leader 'n2'",
                                           "restarting after failure",
                                           "doing crash recovery in a single user mode",
                                           "running pg_rewind from n2",
                                           "promote",
                                           "demote",
                                           "restart",
                                           "changing primary_conninfo and restarting",
                                           "copy_logical_slots",
                                           "shutdown"};
  OperationView op;
  op.kind = kind;
  op.name = kNames[static_cast<int>(kind)];
  op.phase = phase;
  op.cancel = cancel;
  op.since = op.phase_since = view.now - 1s;
  view.operation = op;
  return *this;
}

ViewBuilder& ViewBuilder::ended(OperationKind kind, Ending how, const std::string& detail) {
  OperationResult result;
  result.kind = kind;
  result.ending = how;
  result.detail = detail;
  result.ended = view.now - 5ms;
  result.serial = view.memory.results_seen + 1;
  view.last_operation = result;
  return *this;
}

View ViewBuilder::build() const {
  View v = view;
  v.settings = policy_settings(settings);
  v.store.cluster = std::make_shared<dcs::Cluster>(cluster);
  v.store.last_with_leader = std::make_shared<dcs::Cluster>(last);
  v.answers.asked_under = asked_under.value_or(leadership_of(cluster));
  return v;
}

bool says(const Decision& decision, const std::string& text) {
  for (const auto& line : duties<duty::Say>(decision))
    if (line.text == text) return true;
  return false;
}

bool says_something_like(const Decision& decision, const std::string& part) {
  for (const auto& line : duties<duty::Say>(decision))
    if (line.text.find(part) != std::string::npos) return true;
  return false;
}

}  // namespace tanist::ha::testing
