#include "store_server.h"

#include <algorithm>

#include "core/format.h"

namespace tanist::sim {
namespace {

const std::string kLeader = "leader";
const std::string kLeadership = "tanist/leadership";
const std::string kNote = "tanist/bootstrap";
const std::string kMembers = "members/";

bool is_one_of(const std::vector<dcs::Claim>& own, const dcs::Claim& session) {
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

dcs::Member decode_member(const std::string& name, const Document& value, const dcs::Claim& session,
                          const dcs::Version& version) {
  dcs::Member m;
  m.name = name;
  m.claim = session;
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

const std::array<StoreModel, 4> kStoreModels{{
    {.name = "etcd", .traits = {}},
    {.name = "consul", .traits = {.ttl_parts = 2}, .held_longer = true},
    {.name = "kubernetes",
     .traits = {.claims = false, .transactional = false, .moves_on_ttl_change = false},
     .versions = StoreModel::Versions::opaque},
    {.name = "zookeeper", .traits = {.versions_recur = true}, .versions = StoreModel::Versions::per_key},
}};

const StoreModel* store_model(std::string_view name) {
  const auto found = std::ranges::find(kStoreModels, name, &StoreModel::name);
  return found != kStoreModels.end() ? &*found : nullptr;
}

StoreServer::StoreServer(World& world, std::int64_t rate_error_ppb, std::string id, const StoreModel& model)
    : world_(world), rate_error_ppb_(rate_error_ppb), id_(std::move(id)), model_(model) {
  now_.revision = 1;
  now_.linearizable = true;
}

StoredPtr StoreServer::snapshot() {
  if (!snapshot_) snapshot_ = std::make_shared<const Stored>(now_);
  return snapshot_;
}

dcs::Version StoreServer::bump(const std::string& key) {
  begin_change();
  return written(key);
}

dcs::Version StoreServer::written(const std::string& key) {
  switch (model_.versions) {
    case StoreModel::Versions::revisions: break;
    case StoreModel::Versions::opaque:
      return dcs::Version(
          fmt::format("{:x}", static_cast<std::uint64_t>(now_.revision) * 0x9e3779b97f4a7c15u));
    case StoreModel::Versions::per_key: return dcs::Version(std::to_string(counts_[key]++));
  }
  return dcs::Version(std::to_string(now_.revision));
}

void StoreServer::forget(const std::string& key) {
  counts_.erase(key);
  bound_.erase(key);
}

dcs::Claim StoreServer::shown(const dcs::Claim& session) const {
  return model_.traits.claims ? session : dcs::Claim();
}

void StoreServer::changed() {
  snapshot_.reset();
  std::erase_if(listeners_, [](const auto& listener) { return !listener(); });
}

Answer StoreServer::refused(std::string detail) {
  Answer answer;
  answer.detail = std::move(detail);
  return answer;
}

Answer StoreServer::done(dcs::Version version) {
  Answer answer;
  answer.ok = true;
  answer.version = std::move(version);
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

void StoreServer::arm(const dcs::Claim& session, Lease& lease) {
  world_.cancel(lease.end);
  if (!up_) return;
  const auto skew = Duration(static_cast<Duration::rep>(static_cast<double>(lease.ttl.count()) *
                                                        static_cast<double>(-rate_error_ppb_) / 1e9));
  // Some stores may let it go at any moment from the end of the proof on.
  const Duration early =
      model_.held_longer ? world_.dice().between(Duration{}, lease.ttl - proof(lease)) : Duration{};
  lease.end = world_.after(lease.ttl + skew - early, [this, session] { expire(session); });
}

StoreServer::Lease& StoreServer::bind(const dcs::Claim& session, Duration ttl) {
  Lease& lease = leases_[session];
  lease.ttl = ttl;
  arm(session, lease);
  return lease;
}

std::string StoreServer::grant(Duration ttl) {
  std::string session = fmt::format("{:x}", next_lease_++);
  bind(session, ttl);
  return session;
}

bool StoreServer::refresh(const dcs::Claim& session, Answer& answer) {
  auto lease = leases_.find(session);
  if (lease == leases_.end()) {
    answer.no_lease = true;
    answer.detail = "lease " + session + " not found";
    return false;
  }
  arm(session, lease->second);
  answer.valid_for = proof(lease->second);
  return true;
}

Answer StoreServer::keep_alive(const dcs::Claim& session) {
  Answer answer = refused({});
  answer.ok = refresh(session, answer);
  return answer;
}

void StoreServer::expire(const dcs::Claim& session) {
  leases_.erase(session);
  std::vector<std::string> ended;
  for (const auto& [key, lease] : bound_)
    if (lease == session) ended.push_back(key);
  if (ended.empty()) return;
  begin_change();
  for (const auto& key : ended) {
    if (key == kLeader) {
      drop_leader(LeaderChange::expired);
    } else if (key == kNote) {
      now_.bootstrap_note = {};
    } else {
      now_.members.erase(key.substr(kMembers.size()));
    }
    forget(key);
  }
  changed();
}

void StoreServer::end_lease(const dcs::Claim& session) {
  auto lease = leases_.find(session);
  if (lease == leases_.end()) return;
  world_.cancel(lease->second.end);
  expire(session);
}

bool StoreServer::holds(const dcs::Condition& condition, const dcs::Version& current) {
  if (std::holds_alternative<dcs::IfAbsent>(condition)) return current.absent();
  const auto* exact = std::get_if<dcs::IfVersion>(&condition);
  return exact == nullptr || exact->version == current;
}

bool StoreServer::leader_is(const std::string& name, const std::vector<dcs::Claim>& own) const {
  return now_.leader && now_.leader->name == name && is_one_of(own, now_.leader->claim);
}

void StoreServer::put_leader(const std::string& name, const dcs::Claim& session, LeaderChange why) {
  if (leader_listener_) leader_listener_(why, name);
  if (why != LeaderChange::moved) ++lock_changes_;
  begin_change();
  now_.leader = dcs::Leader{name, shown(session), written(kLeader)};
  if (session.empty()) {
    bound_.erase(kLeader);
  } else {
    bound_[kLeader] = session;
  }
  const bool begins = why == LeaderChange::acquired || why == LeaderChange::bootstrapped;
  if (begins && model_.traits.transactional) {
    now_.leadership_version = written(kLeadership);
    now_.leadership_name = name;
    now_.led_from.reset();
  }
}

void StoreServer::drop_leader(LeaderChange why) {
  const std::string name = now_.leader_name();
  if (leader_listener_) leader_listener_(why, name);
  now_.leader.reset();
  forget(kLeader);
}

void StoreServer::put_status(const dcs::Status& status) {
  now_.status = status;
  now_.status_present = true;
  now_.status_version = bump("status");
}

Answer StoreServer::acquire(const std::string& name, const dcs::Claim& session,
                            const dcs::AcquireConditions& conditions,
                            const std::optional<dcs::LedFrom>& from) {
  Answer answer = refused({});
  if (!refresh(session, answer)) return answer;
  if (now_.leader) {
    answer.detail = "the leader key is held by " + now_.leader->name;
    return answer;
  }
  const auto same = [](const std::optional<dcs::Version>& wanted, const dcs::Version& is) {
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
  now_.led_from = from;
  answer = done(now_.leader->version);
  answer.valid_for = valid_for;
  changed();
  return answer;
}

Answer StoreServer::renew(const std::string& name, const dcs::Claim& session,
                          const std::vector<dcs::Claim>& own, const std::optional<dcs::Status>& status) {
  Answer answer = refused({});
  if (!leader_is(name, own)) {
    answer.lost = true;
    answer.detail = !now_.leader ? "the leader key is absent"
                                 : fmt::format("the leader key is held by {} (session {})", now_.leader->name,
                                               now_.leader->claim);
    return answer;
  }
  if (!refresh(session, answer)) return answer;
  const Duration valid_for = answer.valid_for;
  bool any = false;
  if (now_.leader->claim != session) {
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

Answer StoreServer::release(const std::string& name, const std::vector<dcs::Claim>& own,
                            const std::optional<dcs::Status>& status) {
  if (!leader_is(name, own)) return refused("the leader key is not mine");
  if (status) put_status(*status);
  drop_leader(LeaderChange::released);
  begin_change();
  const Answer answer = done({});
  changed();
  return answer;
}

Answer StoreServer::touch_member(const std::string& name, const dcs::Claim& session, const Document& value) {
  if (!leases_.contains(session)) {
    Answer answer = refused("lease " + session + " not found");
    answer.no_lease = true;
    return answer;
  }
  const std::string key = kMembers + name;
  const auto version = bump(key);
  now_.members[name] = decode_member(name, value, shown(session), version);
  bound_[key] = session;
  changed();
  return done(version);
}

Answer StoreServer::remove_member(const std::string& name) {
  if (now_.members.erase(name) == 0) return done({});
  forget(kMembers + name);
  begin_change();
  changed();
  return done({});
}

namespace {

struct Current {
  const dcs::Cluster& c;
  dcs::Version operator()(const dcs::ConfigRecord&) const { return c.config.version; }
  dcs::Version operator()(const dcs::StatusRecord&) const { return c.status_version; }
  dcs::Version operator()(const dcs::LegacyOptimeRecord&) const { return {}; }
  dcs::Version operator()(const dcs::FailoverRecord&) const { return c.failover.version; }
  dcs::Version operator()(const dcs::SyncRecord&) const { return c.sync.version; }
  dcs::Version operator()(const dcs::HistoryRecord&) const { return c.history.version; }
  dcs::Version operator()(const dcs::FailsafeRecord&) const { return c.failsafe_version; }
  dcs::Version operator()(const dcs::InitializeRecord&) const { return c.initialize.version; }
};

constexpr const char* kRecordKeys[] = {"config", "status",  "optime/leader", "failover",
                                       "sync",   "history", "failsafe",      "initialize"};
static_assert(std::size(kRecordKeys) == std::variant_size_v<dcs::Record>);

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
  void operator()(const dcs::InitializeRecord& r) const { c.initialize = {version, true, r.system_id, true}; }
};

}  // namespace

Answer StoreServer::write(const dcs::Record& record, const dcs::Condition& condition) {
  if (!holds(condition, std::visit(Current{now_}, record))) return refused("the key has changed");
  const auto version = bump(kRecordKeys[record.index()]);
  std::visit(Put{now_, version}, record);
  changed();
  return done(version);
}

Answer StoreServer::delete_sync(const dcs::Condition& condition) {
  if (!holds(condition, now_.sync.version)) return refused("the key has changed");
  // One that would count anew is written over (dcs.md §2.3).
  const bool stays = model_.traits.versions_recur && !now_.sync.version.absent();
  begin_change();
  now_.sync = {};
  if (stays) now_.sync.version = written("sync");
  if (!stays) forget("sync");
  changed();
  return done(now_.sync.version);
}

Answer StoreServer::begin_bootstrap(const std::string& name, const std::string& incarnation,
                                    const dcs::Claim& session, const std::vector<dcs::Claim>& own,
                                    std::optional<dcs::Version> take_over) {
  Answer answer = refused("somebody else has created /initialize");
  if (!leases_.contains(session)) {
    answer.no_lease = true;
    return answer;
  }
  const auto& note = now_.bootstrap_note;
  const bool mine = note.present() && note.name == name && is_one_of(own, note.claim);
  if (note.present() && !mine) return answer;
  if (take_over) {
    if (!now_.initialize.present || now_.initialize.version != *take_over || !now_.initialize.value.empty())
      return answer;
  } else if (now_.initialize.present) {
    return answer;
  }
  const auto version = bump("initialize");
  now_.initialize = {version, true, {}, true};
  now_.bootstrap_note = {name, incarnation, shown(session), written(kNote)};
  bound_[kNote] = session;
  changed();
  return done(version);
}

Answer StoreServer::finish_bootstrap(const std::string& name, const dcs::Claim& session,
                                     const std::vector<dcs::Claim>& own, const dcs::BootstrapResult& result) {
  Answer answer = refused("the bootstrap is not mine any more");
  const auto& note = now_.bootstrap_note;
  const bool again = !note.present() && now_.initialize.value == result.system_id && leader_is(name, own);
  const bool mine = note.present() && note.name == name && is_one_of(own, note.claim);
  if (!again && (!mine || (now_.leader && !leader_is(name, own)))) return answer;
  if (!refresh(session, answer)) return answer;
  const Duration valid_for = answer.valid_for;
  if (!again) {
    now_.initialize = {bump("initialize"), true, result.system_id, true};
    now_.config = {written("config"), result.config, result.config.is_map()};
    now_.bootstrap_note = {};
    forget(kNote);
    put_leader(name, session, LeaderChange::bootstrapped);
    changed();
  }
  answer = done(now_.leader->version);
  answer.valid_for = valid_for;
  return answer;
}

Answer StoreServer::cancel_bootstrap(const std::string& name, const std::vector<dcs::Claim>& own) {
  const auto& note = now_.bootstrap_note;
  if (!note.present() || note.name != name || !is_one_of(own, note.claim))
    return refused("the bootstrap is not mine any more");
  now_.bootstrap_note = {};
  now_.initialize = {};
  forget(kNote);
  forget("initialize");
  begin_change();
  changed();
  return done({});
}

Answer StoreServer::create_leader(const std::string& name, Duration ttl) {
  if (now_.leader) return refused("the leader key is held by " + now_.leader->name);
  put_leader(name, "of " + kLeader, LeaderChange::acquired);
  Answer answer = done(now_.leader->version);
  answer.valid_for = proof(bind("of " + kLeader, ttl));
  changed();
  return answer;
}

Answer StoreServer::refresh_leader(const std::string& name, Duration ttl) {
  if (!now_.leader || now_.leader->name != name) {
    Answer answer = refused(now_.leader ? "the leader key is held by " + now_.leader->name
                                        : std::string("the leader key is absent"));
    answer.lost = true;
    return answer;
  }
  bound_[kLeader] = "of " + kLeader;
  now_.leader->version = bump(kLeader);
  Answer answer = done(now_.leader->version);
  answer.valid_for = proof(bind("of " + kLeader, ttl));
  changed();
  return answer;
}

Answer StoreServer::erase_leader(const std::string& name, const dcs::Version& as) {
  if (now_.leader_name() != name) return refused("the leader key is not mine");
  if (now_.leader->version != as) return refused("the leader key was written since");
  drop_leader(LeaderChange::released);
  begin_change();
  changed();
  return done({});
}

Answer StoreServer::sign_leadership(const std::string& name, const std::optional<dcs::LedFrom>& from) {
  // Signed again by a daemon that was restarted, it is the same leadership.
  if (from || now_.leadership_name != name) now_.led_from = from;
  now_.leadership_version = bump(kLeadership);
  now_.leadership_name = name;
  changed();
  return done(now_.leadership_version);
}

Answer StoreServer::put_member(const std::string& name, const Document& value, Duration ttl) {
  const std::string session = "of " + kMembers + name;
  bind(session, ttl);
  return touch_member(name, session, value);
}

Answer StoreServer::put_note(const std::string& name, const std::string& incarnation, Duration ttl) {
  const auto& note = now_.bootstrap_note;
  if (note.present() && note.name != name) return refused("another bootstrap is under way: " + note.name);
  now_.bootstrap_note = {name, incarnation, {}, bump(kNote)};
  bound_[kNote] = "of " + kNote;
  bind("of " + kNote, ttl);
  changed();
  return done(now_.bootstrap_note.version);
}

Answer StoreServer::erase_note(const std::string& name) {
  if (!now_.bootstrap_note.present() || now_.bootstrap_note.name != name)
    return refused("the bootstrap is not mine any more");
  now_.bootstrap_note = {};
  forget(kNote);
  begin_change();
  changed();
  return done({});
}

Answer StoreServer::put_initialize(const std::string& value, const dcs::Condition& condition) {
  if (!holds(condition, now_.initialize.version)) return refused("/initialize has changed");
  now_.initialize = {bump("initialize"), true, value, true};
  changed();
  return done(now_.initialize.version);
}

Answer StoreServer::erase_initialize(const dcs::Condition& condition) {
  if (!holds(condition, now_.initialize.version)) return refused("/initialize has changed");
  now_.initialize = {};
  forget("initialize");
  begin_change();
  changed();
  return done({});
}

bool StoreServer::leads_by_lease_of(const std::string& member) const {
  const auto at = bound_.find(kMembers + member);
  const auto leader = bound_.find(kLeader);
  return at != bound_.end() && leader != bound_.end() && leader->second == at->second;
}

void StoreServer::end_lease_of(const std::string& member) {
  const auto at = bound_.find(kMembers + member);
  if (at == bound_.end()) return;
  const dcs::Claim session = at->second;
  end_lease(session);
}

void StoreServer::delete_leader_by_hand() {
  if (!now_.leader) return;
  drop_leader(LeaderChange::deleted_by_hand);
  begin_change();
  changed();
}

void StoreServer::put_leader_by_hand(const std::string& name) {
  // With the tool of the store, which writes the one key.
  const auto leadership = now_.leadership_version;
  const std::string signed_by = now_.leadership_name;
  const auto from = now_.led_from;
  put_leader(name, {}, LeaderChange::acquired);
  now_.leadership_version = leadership;
  now_.leadership_name = signed_by;
  now_.led_from = from;
  changed();
}

void StoreServer::delete_initialize_by_hand() {
  now_.initialize = {};
  forget("initialize");
  begin_change();
  changed();
}

void StoreServer::delete_member_by_hand(const std::string& name) {
  (void)remove_member(name);
}

}  // namespace tanist::sim
