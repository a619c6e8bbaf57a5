#include "store_server.h"

#include <algorithm>

#include "core/format.h"

namespace tanist::sim {
namespace {

bool is_one_of(const std::vector<dcs::Session>& own, const dcs::Session& session) {
  return std::find(own.begin(), own.end(), session) != own.end();
}

std::string text_of(const Document& value, std::string_view key) {
  const Document* found = value.find(key);
  return found && found->is_string() ? found->as_string() : std::string();
}

Lsn lsn_of(const Document& value, std::string_view key) {
  const Document* found = value.find(key);
  return found && found->is_int() ? Lsn{static_cast<std::uint64_t>(found->as_int())} : Lsn{};
}

bool flag_of(const Document& value, std::string_view key) {
  const Document* found = value.find(key);
  return found && found->truthy();
}

dcs::Member decode_member(const std::string& name, const Document& value, const dcs::Session& session,
                          dcs::Version version) {
  dcs::Member m;
  m.name = name;
  m.session = session;
  m.version = version;
  m.conn_url = text_of(value, "conn_url");
  m.api_url = text_of(value, "api_url");
  m.proxy_url = text_of(value, "proxy_url");
  if (value.find("state")) m.state = text_of(value, "state");
  m.role = text_of(value, "role");
  if (m.role == "master") m.role = "primary";
  m.patroni_version = text_of(value, "version");
  m.xlog_location = lsn_of(value, "xlog_location");
  m.replay_lsn = lsn_of(value, "replay_lsn");
  m.receive_lsn = lsn_of(value, "receive_lsn");
  m.replication_state = text_of(value, "replication_state");
  if (const Document* timeline = value.find("timeline"); timeline && timeline->is_int())
    m.timeline = Timeline{static_cast<std::uint32_t>(timeline->as_int())};
  if (const Document* tags = value.find("tags"); tags && tags->is_map()) m.tags = *tags;
  m.pause = flag_of(value, "pause");
  m.pending_restart = flag_of(value, "pending_restart");
  m.checkpoint_after_promote_pending =
      value.find("checkpoint_after_promote") && !flag_of(value, "checkpoint_after_promote");
  m.raw = value;
  return m;
}

}  // namespace

StoreServer::StoreServer(World& world, std::int64_t rate_error_ppb, std::string id)
    : world_(world), rate_error_ppb_(rate_error_ppb), id_(std::move(id)) {
  now_.revision = 1;
  now_.linearizable = true;
}

dcs::ClusterPtr StoreServer::snapshot() {
  if (!snapshot_) snapshot_ = std::make_shared<const dcs::Cluster>(now_);
  return snapshot_;
}

dcs::Version StoreServer::bump() {
  return ++now_.revision;
}

void StoreServer::changed() {
  snapshot_.reset();
  std::erase_if(listeners_, [](const auto& listener) { return !listener(); });
}

Answer StoreServer::refused(std::string detail) const {
  Answer answer;
  answer.detail = std::move(detail);
  answer.revision = now_.revision;
  return answer;
}

Answer StoreServer::done(dcs::Version version) const {
  Answer answer;
  answer.ok = true;
  answer.version = version;
  answer.revision = now_.revision;
  return answer;
}

void StoreServer::set_up(bool up) {
  if (up == up_) return;
  up_ = up;
  for (auto& [session, lease] : leases_) {
    world_.cancel(lease.end);
    if (up) arm(session, lease);
  }
}

void StoreServer::arm(const dcs::Session& session, Lease& lease) {
  world_.cancel(lease.end);
  if (!up_) return;
  const auto skew = Duration(static_cast<Duration::rep>(static_cast<double>(lease.ttl.count()) *
                                                        static_cast<double>(-rate_error_ppb_) / 1e9));
  lease.end = world_.after(lease.ttl + skew, [this, session] { expire(session); });
}

std::string StoreServer::grant(Duration ttl) {
  std::string session = fmt::format("{:x}", next_lease_++);
  Lease& lease = leases_[session];
  lease.ttl = ttl;
  arm(session, lease);
  return session;
}

bool StoreServer::refresh(const dcs::Session& session, Answer& answer) {
  auto lease = leases_.find(session);
  if (lease == leases_.end()) {
    answer.no_lease = true;
    answer.detail = "lease " + session + " not found";
    return false;
  }
  arm(session, lease->second);
  answer.valid_for = lease->second.ttl / proof_share;
  return true;
}

Answer StoreServer::keep_alive(const dcs::Session& session) {
  Answer answer = refused({});
  answer.ok = refresh(session, answer);
  return answer;
}

void StoreServer::expire(const dcs::Session& session) {
  leases_.erase(session);
  bool any = false;
  if (now_.leader && now_.leader->session == session) {
    drop_leader(LeaderChange::expired);
    any = true;
  }
  any = std::erase_if(now_.members, [&](const auto& entry) { return entry.second.session == session; }) > 0 ||
        any;
  if (now_.bootstrap_note.present() && now_.bootstrap_note.session == session) {
    now_.bootstrap_note = {};
    any = true;
  }
  if (!any) return;
  bump();
  changed();
}

void StoreServer::end_lease(const dcs::Session& session) {
  auto lease = leases_.find(session);
  if (lease == leases_.end()) return;
  world_.cancel(lease->second.end);
  expire(session);
}

bool StoreServer::holds(const dcs::Condition& condition, dcs::Version current, bool present) const {
  if (std::holds_alternative<dcs::IfAbsent>(condition)) return !present;
  if (const auto* exact = std::get_if<dcs::IfVersion>(&condition))
    return exact->version == 0 ? !present : present && current == exact->version;
  return true;
}

bool StoreServer::leader_is(const std::string& name, const std::vector<dcs::Session>& own) const {
  return now_.leader && now_.leader->name == name && is_one_of(own, now_.leader->session);
}

void StoreServer::put_leader(const std::string& name, const dcs::Session& session, LeaderChange why) {
  if (leader_listener_) leader_listener_(why, name);
  if (why != LeaderChange::moved) ++lock_changes_;
  const auto version = bump();
  now_.leader = dcs::Leader{name, session, version};
  if (why == LeaderChange::acquired || why == LeaderChange::bootstrapped) now_.leadership_version = version;
}

void StoreServer::drop_leader(LeaderChange why) {
  const std::string name = now_.leader_name();
  if (leader_listener_) leader_listener_(why, name);
  now_.leader.reset();
}

void StoreServer::put_status(const dcs::Status& status) {
  now_.status = status;
  now_.status_present = true;
  now_.status_version = bump();
}

Answer StoreServer::acquire(const std::string& name, const dcs::Session& session,
                            const dcs::AcquireConditions& conditions) {
  Answer answer = refused({});
  if (!refresh(session, answer)) return answer;
  if (now_.leader) {
    answer.detail = "the leader key is held by " + now_.leader->name;
    return answer;
  }
  const auto same = [](const std::optional<dcs::Version>& wanted, dcs::Version is) {
    return !wanted || *wanted == is;
  };
  if (!same(conditions.sync, now_.sync.version) || !same(conditions.failsafe, now_.failsafe_version) ||
      !same(conditions.failover, now_.failover.version) || !same(conditions.config, now_.config.version) ||
      !same(conditions.initialize, now_.initialize.version) ||
      !same(conditions.leadership, now_.leadership_version) ||
      !same(conditions.status, now_.status_version)) {
    answer.detail = "a key that the decision rests on has changed";
    return answer;
  }
  const Duration valid_for = answer.valid_for;
  put_leader(name, session, LeaderChange::acquired);
  answer = done(now_.leader->version);
  answer.valid_for = valid_for;
  changed();
  return answer;
}

Answer StoreServer::renew(const std::string& name, const dcs::Session& session,
                          const std::vector<dcs::Session>& own, const std::optional<dcs::Status>& status) {
  Answer answer = refused({});
  if (!leader_is(name, own)) {
    answer.lost = true;
    answer.detail = !now_.leader ? "the leader key is absent"
                                 : fmt::format("the leader key is held by {} (session {})", now_.leader->name,
                                               now_.leader->session);
    return answer;
  }
  if (!refresh(session, answer)) return answer;
  const Duration valid_for = answer.valid_for;
  bool any = false;
  if (now_.leader->session != session) {
    put_leader(name, session, LeaderChange::moved);
    any = true;
  }
  if (status) {
    put_status(*status);
    any = true;
  }
  answer = done(now_.leader->version);
  answer.valid_for = valid_for;
  answer.status_written = status.has_value();
  if (any) changed();
  return answer;
}

Answer StoreServer::release(const std::string& name, const std::vector<dcs::Session>& own,
                            const std::optional<dcs::Status>& status) {
  if (!leader_is(name, own)) return refused("the leader key is not mine");
  if (status) put_status(*status);
  drop_leader(LeaderChange::released);
  const Answer answer = done(bump());
  changed();
  return answer;
}

Answer StoreServer::touch_member(const std::string& name, const dcs::Session& session,
                                 const Document& value) {
  if (!leases_.contains(session)) {
    Answer answer = refused("lease " + session + " not found");
    answer.no_lease = true;
    return answer;
  }
  const auto version = bump();
  now_.members[name] = decode_member(name, value, session, version);
  changed();
  return done(version);
}

Answer StoreServer::remove_member(const std::string& name) {
  if (now_.members.erase(name) == 0) return done(0);
  const Answer answer = done(bump());
  changed();
  return answer;
}

namespace {

struct Versioned {
  dcs::Version version;
  bool present;
};

Versioned current(const dcs::Cluster& c, const dcs::Record& record) {
  struct Visit {
    const dcs::Cluster& c;
    Versioned operator()(const dcs::ConfigRecord&) const { return {c.config.version, c.config.version != 0}; }
    Versioned operator()(const dcs::StatusRecord&) const { return {c.status_version, c.status_version != 0}; }
    Versioned operator()(const dcs::LegacyOptimeRecord&) const { return {0, false}; }
    Versioned operator()(const dcs::FailoverRecord&) const {
      return {c.failover.version, c.failover.version != 0};
    }
    Versioned operator()(const dcs::SyncRecord&) const { return {c.sync.version, c.sync.version != 0}; }
    Versioned operator()(const dcs::HistoryRecord&) const {
      return {c.history.version, c.history.version != 0};
    }
    Versioned operator()(const dcs::FailsafeRecord&) const {
      return {c.failsafe_version, c.failsafe_version != 0};
    }
    Versioned operator()(const dcs::InitializeRecord&) const {
      return {c.initialize.version, c.initialize.present};
    }
  };
  return std::visit(Visit{c}, record);
}

struct Put {
  dcs::Cluster& c;
  dcs::Version version;
  void operator()(const dcs::ConfigRecord& r) const { c.config = {version, r.data, r.data.is_map()}; }
  void operator()(const dcs::StatusRecord& r) const {
    c.status = r.status;
    c.status_present = true;
    c.status_version = version;
  }
  void operator()(const dcs::LegacyOptimeRecord& r) const {
    if (!c.status_present) c.status.optime = r.optime;
  }
  void operator()(const dcs::FailoverRecord& r) const {
    c.failover = {version, r.leader, r.candidate, r.scheduled_at, {}};
  }
  void operator()(const dcs::SyncRecord& r) const { c.sync = {version, r.leader, r.voters, r.quorum}; }
  void operator()(const dcs::HistoryRecord& r) const {
    c.history.version = version;
    c.history.lines = r.lines;
    c.history.empty_list = r.lines.empty();
    c.history.incomplete = !r.lines.empty() && r.lines.back().new_leader.empty();
  }
  void operator()(const dcs::FailsafeRecord& r) const {
    c.failsafe = r.members;
    c.failsafe_version = version;
    c.failsafe_broken = false;
  }
  void operator()(const dcs::InitializeRecord& r) const {
    c.initialize = {version, true, r.system_id};
    c.initialized_by_version = version;
  }
};

}  // namespace

Answer StoreServer::write(const dcs::Record& record, const dcs::Condition& condition) {
  const Versioned is = current(now_, record);
  if (!holds(condition, is.version, is.present)) return refused("the key has changed");
  const auto version = bump();
  std::visit(Put{now_, version}, record);
  changed();
  return done(version);
}

Answer StoreServer::delete_sync(const dcs::Condition& condition) {
  if (!holds(condition, now_.sync.version, now_.sync.version != 0)) return refused("the key has changed");
  now_.sync = {};
  const Answer answer = done(bump());
  changed();
  return answer;
}

Answer StoreServer::begin_bootstrap(const std::string& name, const std::string& incarnation,
                                    const dcs::Session& session, const std::vector<dcs::Session>& own,
                                    std::optional<dcs::Version> take_over) {
  Answer answer = refused("somebody else has created /initialize");
  if (!leases_.contains(session)) {
    answer.no_lease = true;
    return answer;
  }
  const auto& note = now_.bootstrap_note;
  const bool mine = note.present() && note.name == name && is_one_of(own, note.session);
  if (note.present() && !mine) return answer;
  if (take_over) {
    if (!now_.initialize.present || now_.initialize.version != *take_over || !now_.initialize.value.empty())
      return answer;
  } else if (now_.initialize.present) {
    return answer;
  }
  const auto version = bump();
  now_.initialize = {version, true, {}};
  now_.initialized_by_version = version;
  now_.bootstrap_note = {name, incarnation, session, version};
  changed();
  return done(version);
}

Answer StoreServer::finish_bootstrap(const std::string& name, const dcs::Session& session,
                                     const std::vector<dcs::Session>& own,
                                     const dcs::BootstrapResult& result) {
  Answer answer = refused("the bootstrap is not mine any more");
  const auto& note = now_.bootstrap_note;
  const bool again = !note.present() && now_.initialize.value == result.system_id && leader_is(name, own);
  const bool mine = note.present() && note.name == name && is_one_of(own, note.session);
  if (!again && (!mine || (now_.leader && !leader_is(name, own)))) return answer;
  if (!refresh(session, answer)) return answer;
  const Duration valid_for = answer.valid_for;
  if (!again) {
    const auto version = bump();
    now_.initialize = {version, true, result.system_id};
    now_.initialized_by_version = version;
    now_.config = {version, result.config, result.config.is_map()};
    now_.bootstrap_note = {};
    put_leader(name, session, LeaderChange::bootstrapped);
    changed();
  }
  answer = done(now_.leader->version);
  answer.valid_for = valid_for;
  return answer;
}

Answer StoreServer::cancel_bootstrap(const std::string& name, const std::vector<dcs::Session>& own) {
  const auto& note = now_.bootstrap_note;
  if (!note.present() || note.name != name || !is_one_of(own, note.session))
    return refused("the bootstrap is not mine any more");
  now_.bootstrap_note = {};
  now_.initialize = {};
  now_.initialized_by_version = 0;
  const Answer answer = done(bump());
  changed();
  return answer;
}

void StoreServer::delete_leader_by_hand() {
  if (!now_.leader) return;
  drop_leader(LeaderChange::deleted_by_hand);
  bump();
  changed();
}

void StoreServer::put_leader_by_hand(const std::string& name) {
  // With the tool of the store, which writes the one key.
  const auto leadership = now_.leadership_version;
  put_leader(name, {}, LeaderChange::acquired);
  now_.leadership_version = leadership;
  changed();
}

void StoreServer::delete_initialize_by_hand() {
  now_.initialize = {};
  now_.initialized_by_version = 0;
  bump();
  changed();
}

void StoreServer::delete_member_by_hand(const std::string& name) {
  (void)remove_member(name);
}

}  // namespace tanist::sim
