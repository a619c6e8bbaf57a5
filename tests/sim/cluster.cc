#include "cluster.h"

#include <algorithm>

#include "core/format.h"
#include "log/log.h"

namespace tanist::sim {

using namespace std::chrono_literals;

namespace {

/// At most 0.1 % between any two clocks: half of it for each.
constexpr std::int64_t kWorstRatePpb = 500'000;

const Cluster* g_current = nullptr;

std::int64_t rate(Random& dice) {
  return static_cast<std::int64_t>(dice.below(2 * kWorstRatePpb)) - kWorstRatePpb;
}

}  // namespace

void Counts::add(const Counts& other) {
  faults += other.faults;
  messages_lost += other.messages_lost;
  lock_changes += other.lock_changes;
  decisions += other.decisions;
  promotions += other.promotions;
  commits += other.commits;
  handovers += other.handovers;
  same_numbers += other.same_numbers;
  stand_offs += other.stand_offs;
  virtual_time += other.virtual_time;
}

Cluster::Cluster(std::uint64_t seed, Options options)
    : world_(seed), options_(options), store_(world_, rate(world_.dice()), "store 1", *options_.store) {
  g_current = this;
  log::redirect([this](log::Level level, const std::string& line) {
    const Process* process = running_process();
    if (level == log::Level::debug) return;
    world_.note(process ? process->name() : "?", fmt::format("{}: {}", log::name(level), line));
  });
  store_.on_leader_change([this](LeaderChange why, const std::string& name) { leader_changed(why, name); });
  world_.on_step([this] { check(); });
  for (int i = 1; i <= options_.members; ++i) add(fmt::format("n{}", i));
}

const Cluster* Cluster::current() {
  return g_current;
}

Cluster::~Cluster() {
  members_.clear();
  log::redirect({});
  if (g_current == this) g_current = nullptr;
}

Member& Cluster::add(const std::string& name) {
  const auto host = static_cast<Endpoint>(members_.size() + 1);
  const HostClock clock{std::chrono::hours(host * 100), rate(world_.dice())};
  PostgresDirectory postgres = [this](const std::string& address) { return postgres_at(address); };
  PeerDirectory peers = [this](const std::string& url) -> PeerHost* {
    const std::string address = host_of(url);
    for (auto& m : members_)
      if (address_of(m->host()) == address) return m.get();
    return nullptr;
  };
  members_.push_back(
      std::make_unique<Member>(world_, wal_, store_, host, name, options_, clock, postgres, peers, *this));
  Member& member = *members_.back();
  member.postgres().promoted = [this, &member] { promoted(member); };
  member.postgres().promises = [this, &member] { return promises(member); };
  member.postgres().acknowledging = [this, &member](Position commit, bool promised) {
    check_zones(member, commit, promised);
  };
  return member;
}

Postgres& Cluster::add_remote(Endpoint host) {
  PostgresDirectory postgres = [this](const std::string& address) { return postgres_at(address); };
  remotes_.push_back(
      std::make_unique<Postgres>(world_, wal_, host, fmt::format("remote {}", host), postgres));
  return *remotes_.back();
}

Postgres* Cluster::postgres_at(const std::string& address) {
  for (auto& remote : remotes_)
    if (address_of(remote->host()) == address) return remote.get();
  for (auto& m : members_)
    if (address_of(m->host()) == address) return &m->postgres();
  return nullptr;
}

std::vector<Member*> Cluster::named(const std::string& name) {
  std::vector<Member*> found;
  for (auto& m : members_)
    if (m->name() == name) found.push_back(m.get());
  return found;
}

void Cluster::start_all() {
  for (auto& m : members_) m->start();
}

Member* Cluster::key_holder() {
  const auto holders = named(store_.snapshot()->leader_name());
  return holders.empty() ? nullptr : holders.front();
}

Member* Cluster::primary() {
  for (Member* m : named(store_.snapshot()->leader_name()))
    if (m->postgres().can_commit() && m->postgres().answers()) return m;
  return nullptr;
}

bool Cluster::same_number(Member& leader, Member& other) {
  auto& a = leader.postgres();
  auto& b = other.postgres();
  if (b.disk().data != Postgres::Data::ok) return false;
  const bool here = a.timeline() == b.timeline() && a.disk().end.branch != b.disk().end.branch;
  return here || b.has_twin_in(a);
}

bool Cluster::converged(bool but_for_same_numbers) {
  Member* leader = primary();
  if (!leader || !leader->running()) return false;
  for (auto& m : members_) {
    if (m.get() == leader) continue;
    auto& postgres = m->postgres();
    if (!m->running()) return false;
    if (stays_out(*leader, *m)) continue;
    if (but_for_same_numbers && !options().remove_on_divergence && same_number(*leader, *m)) continue;
    if (postgres.life() != Postgres::Life::up || !postgres.in_recovery() || !postgres.streaming())
      return false;
    if (!wal_.contains(leader->postgres().disk().end, postgres.disk().end)) return false;
  }
  return true;
}

bool Cluster::has_look_alikes() {
  const auto branches_of = [&](Member& m) {
    std::vector<int> ids;
    for (int id = m.postgres().disk().end.branch; id >= 0; id = wal_.branch(id).parent) ids.push_back(id);
    std::ranges::reverse(ids);
    return ids;
  };
  for (const auto& a : members_)
    for (const auto& b : members_) {
      const auto one = branches_of(*a);
      const auto other = branches_of(*b);
      const auto [i, j] = std::ranges::mismatch(one, other);
      if (i == one.end() || j == other.end() || i == one.begin()) continue;
      if (wal_.branch(*i).start == wal_.branch(*j).start) return true;
    }
  return false;
}

bool Cluster::stays_out(Member& leader, Member& other) {
  const auto& disk = other.postgres().disk();
  if (options_.use_pg_rewind || options_.remove_on_divergence || disk.data != Postgres::Data::ok)
    return false;
  return !wal_.contains(leader.postgres().disk().end, disk.end);
}

std::string Cluster::shape() {
  static constexpr std::string_view kLives[] = {"down",     "starting",         "up",
                                                "stopping", "stopping at once", "dying"};
  const auto view = store_.snapshot();
  std::string text = fmt::format("leader key: {}", view->leader ? view->leader->name : "absent");
  for (auto& m : members_) {
    auto& p = m->postgres();
    const auto snapshot = m->snapshot();
    text += fmt::format(
        "\n  {} {}{}: PostgreSQL {}{} {} at {}/{} (branch {}), control '{}'{}{}, {}", m->name(),
        m->running() ? "runs" : "does not run", m->paused() ? ", stopped" : "",
        kLives[static_cast<int>(p.life())], p.stopped() ? " (stopped)" : "",
        p.in_recovery() ? "standby" : "primary", p.timeline().value, p.disk().end.lsn.value,
        p.disk().end.branch, p.disk().control_state, p.disk().data == Postgres::Data::ok ? "" : ", no data",
        p.disk().half_rewound ? ", half rewound" : "",
        p.streaming() ? fmt::format("streams from {}", p.streaming_from()) : std::string("does not stream"));
    if (snapshot && snapshot->operation)
      text += fmt::format(", operation {} (phase {})", snapshot->operation->name,
                          static_cast<int>(snapshot->operation->phase));
    if (snapshot) text += fmt::format(", last: {}", ha::code_name(snapshot->last_reason.code));
  }
  return text;
}

bool Cluster::run_until_converged(Duration limit) {
  world_.run_for(limit, [this] { return converged(); });
  return ok() && converged();
}

void Cluster::heal() {
  world_.note("world", "heals");
  healed_ = true;
  world_.heal_network();
  store_.set_up(true);
  for (const auto& what : when_healed_) what();
  for (auto& m : members_) {
    const auto hits = m->store_faults().hits;
    m->store_faults() = {};
    m->store_faults().hits = hits;
    m->disk().hung = false;
    m->disk().slow = {};
    m->disk().failures = 0;
    m->start_timing() = {};
    m->guardian().refusals = 0;
    m->postgres().failing_starts = 0;
    m->postgres().failing_copies = 0;
    m->postgres().failing_promotions = 0;
    m->postgres().timing.slow_promotions = 0;
    m->postgres().seen_as.reset();
    m->postgres().wrong_looks.reset();
    m->postgres().control_unreadable = false;
    m->postgres().hurry_recovery();
    m->postgres().freeze(false);
    m->sigcont();
    m->start();
  }
}

Counts Cluster::counts() {
  Counts c = counts_;
  c.lock_changes = store_.lock_changes();
  c.messages_lost = world_.messages_lost();
  for (auto& m : members_) c.messages_lost += m->store_faults().hits;
  c.commits = wal_.acknowledged().size();
  c.virtual_time = world_.now();
  if (Member* leader = primary())
    for (auto& m : members_) c.same_numbers += same_number(*leader, *m);
  return c;
}

std::string Cluster::report(std::size_t lines) const {
  std::string text = fmt::format("seed {}: {}\n", world_.seed(), world_.violation());
  for (const auto& line : world_.recent(lines)) text += line + "\n";
  text += fmt::format("seed {}: {}\n", world_.seed(), world_.violation());
  if (!replay.empty()) text += "HINT: " + replay + "\n";
  return text;
}

void Cluster::ended(Endpoint host, int code) {
  Member* m = &member(host);
  if (writes_for_cluster(*m) && !let_go_.contains(host))
    world_.violated(Invariant::single_writer,
                    fmt::format("the daemon of {} ended with code {} while its PostgreSQL can still commit",
                                m->name(), code));
  if (healed_ || (code != 0 && restart_on_failure)) world_.after(healed_ ? 100ms : 2s, [m] { m->start(); });
}

void Cluster::decided(Endpoint host, const ha::View& view, const ha::Decision& decision) {
  ++counts_.decisions;
  if (on_decision) on_decision(host, view);
  const auto* acquire = std::get_if<ha::intent::Acquire>(&decision.intent);
  if (acquire && on_acquire) on_acquire(host, view, acquire->conditions);
  if (acquire) race_decided(host, view, true);
  if (std::holds_alternative<ha::intent::Promote>(decision.intent)) race_decided(host, view, false);
  orders_.decided(member(host), view, decision);
  if (const auto* demote = std::get_if<ha::intent::Demote>(&decision.intent))
    check_obedience(host, view, *demote);
  if (view.settings.dynamic.pause) check_hands_off(host, view, decision);
  if (view.store.cluster) check_no_outage(host, view, decision);
  const auto& remote = view.settings.remote;
  const bool itself = view.store.cluster && view.cluster().member_at(remote.host, remote.port);
  if (view.settings.dynamic.standby_cluster && !view.settings.dynamic.pause && !itself) {
    follows_since_.try_emplace(host, world_.now());
  } else {
    follows_since_.erase(host);
  }
}

}  // namespace tanist::sim
