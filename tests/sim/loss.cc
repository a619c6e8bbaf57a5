#include <algorithm>
#include <limits>

#include "cluster.h"
#include "config/modes.h"
#include "core/format.h"

/// Who could have led instead, and what is lost because he does not.
namespace tanist::sim {

using namespace std::chrono_literals;

namespace {

/// Whoever holds the key writes for so long after it was deleted by hand: the news, the time in which the
/// key can be taken back, and an immediate stop.
constexpr Duration kTakeBack = 400ms;
/// A watch that was broken is whole again by then.
constexpr Duration kWatchAgain = 8s;
/// Without the key, and nobody has a reason to wait any more.
constexpr Duration kIdle = 1s;
constexpr Duration kSample = 100ms;
/// What a peer tells of itself may be that old.
constexpr Duration kToldLate = 200ms;
/// After it came within reach it is counted on only so much later: it has to know itself first.
constexpr Duration kSettled = 1500ms;
/// The view that a decision is made on, and what is known of the own server, are at most that old beyond what
/// the store takes to answer.
constexpr Duration kViewAge = 2s;
/// A standby beyond its leader is one that has left the cluster after ten seconds, and one that does not
/// stream compares its WAL by then.
constexpr Duration kToldApart = 13s;
constexpr Lsn kEnd{std::numeric_limits<std::uint64_t>::max()};

}  // namespace

void Cluster::excuse_holder() {
  Member* holder = key_holder();
  if (!holder) return;
  // While its REST API does not listen yet, or its member key does not say where, nobody can be told by it
  // that it is primary: others need not wait for its answer, and may be writable before it has stopped.
  const bool deaf = world_.now() < deaf_until_[holder->host()] || !holder->serving() ||
                    !store_.snapshot()->member(holder->name());
  excused_holders_[holder->host()] = {world_.now(), deaf};
  watch_holders();
}

/// The store can tell its watch, and the daemon act on it.
bool Cluster::hears(Member& m) {
  const auto& faults = m.store_faults();
  const auto clear = [&](Endpoint from, Endpoint to) {
    const Link& way = world_.link(from, to);
    return !way.blocked && way.loss <= 0 && way.slow_fraction <= 0;
  };
  return m.running() && !m.paused() && world_.now() >= m.answerable_from() && store_.up() &&
         !m.postgres().stopped() && clear(m.host(), kStore) && clear(kStore, m.host()) && !faults.elsewhere &&
         faults.request_loss <= 0 && faults.reply_loss <= 0 && faults.slow <= 0s && faults.watch_lag <= 0s;
}

void Cluster::watch_store_losses() {
  for (const auto& m : members_) {
    Losses& seen = store_losses_[m->host()];
    const auto hits = m->store_faults().hits;
    if (hits > seen.hits) seen.before_last = hits - seen.hits > 1 ? world_.now() : seen.last;
    if (hits > seen.hits) seen.last = world_.now();
    seen.hits = hits;
  }
}

void Cluster::watch_holders() {
  for (auto& [host, excuse] : excused_holders_)
    if (world_.now() < excuse.lost_at + kTakeBack && !excuse.deaf) excuse.deaf = !hears(member(host));
}

bool Cluster::cannot_know(const Member& m) const {
  const auto excuse = excused_holders_.find(m.host());
  return excuse != excused_holders_.end() && (excuse->second.deaf || !options_.audit) &&
         world_.now() < excuse->second.lost_at + longest_ttl();
}

bool Cluster::takes_back(const Member& m) const {
  const auto excuse = excused_holders_.find(m.host());
  return cannot_know(m) ||
         (excuse != excused_holders_.end() && world_.now() < excuse->second.lost_at + kTakeBack);
}

/// A primary that goes on without the key, and nobody who ends it.
void Cluster::watch_idle_primaries() {
  const auto& holder = seen_->leader_name();
  for (const auto& m : members_) {
    // Who founds the cluster and has not heard that it has been goes on for as long as the lease that it may
    // have.
    const bool founds = m->disk().files.contains("/data.tanist/bootstrap.json");
    const bool idle = writes_for_cluster(*m) && !founds && m->name() != holder && !m->postgres().stopped() &&
                      !uncovered(*m) && !takes_back(*m) && !excused() &&
                      !(holder.empty() && leads_by_promise(*m));
    if (!idle) {
      idle_since_.erase(m->host());
      continue;
    }
    const Time since = idle_since_.try_emplace(m->host(), world_.now()).first->second;
    if (world_.now() - since > kIdle)
      world_.violated(Invariant::single_writer,
                      fmt::format("{} goes on as a primary while the leader key is {}", m->name(),
                                  holder.empty() ? std::string("absent") : "held by " + holder));
  }
}

/// `asker` gets an answer from `candidate`, and it is one that counts.
bool Cluster::available(Member& candidate, Member& asker) {
  const auto clear = [&](Endpoint from, Endpoint to) {
    const Link& way = world_.link(from, to);
    return !way.blocked && way.loss <= 0 && way.slow_fraction <= 0;
  };
  const auto& p = candidate.postgres();
  return candidate.serving() && p.answers() && p.in_recovery() && !p.promoting() &&
         !candidate.tags().nofailover && candidate.tags().failover_priority > 0 &&
         !options_.delayed.contains(candidate.host()) && seen_->member(candidate.name()) &&
         clear(candidate.host(), asker.host()) && clear(asker.host(), candidate.host());
}

void Cluster::watch_availability() {
  if (Member* writer = primary()) {
    lineage_ = writer->postgres().disk().end.branch;
    last_writer_ = writer->host();
  }
  if (!seen_->unlocked() && world_.now() < sampled_at_ + kSample) return;
  sampled_at_ = world_.now();
  for (const auto& candidate : members_) {
    // What a lagging watch has held back comes only after that.
    if (!hears(*candidate))
      deaf_until_[candidate->host()] = std::max(
          deaf_until_[candidate->host()], world_.now() + kWatchAgain + candidate->store_faults().watch_lag);
    for (const auto& asker : members_)
      if (candidate != asker && !available(*candidate, *asker))
        unavailable_at_[{candidate->host(), asker->host()}] = world_.now();
  }
  watch_diverged();
}

/// Its WAL is a part of the cluster's, as it was last written.
bool Cluster::on_the_line(Member& m) {
  return wal_.contains({lineage_, kEnd}, m.postgres().disk().end);
}

Position Cluster::on_line_of_cluster(Position end) const {
  return lineage_ < 0 ? end : wal_.common(end, {lineage_, kEnd});
}

/// Where a standby that has left the cluster's line could find that out (docs/safety.md): on a timeline that
/// the leader has not reached, by looking at it for ten seconds; on another one of the same number, only by a
/// comparison with a leader, which is made where something could be done about it. On an older one /history
/// tells it at once.
void Cluster::watch_diverged() {
  Member* leader = primary();
  for (const auto& m : members_) {
    auto& p = m->postgres();
    if (m.get() == leader || !m->running() || p.disk().data != Postgres::Data::ok || on_the_line(*m)) {
      diverged_.erase(m->host());
      continue;
    }
    Diverged& seen = diverged_[m->host()];
    if (seen.incarnation != m->incarnations() || seen.branch != p.disk().end.branch)
      seen = {.incarnation = m->incarnations(), .branch = p.disk().end.branch, .since = {}, .told = false};
    const bool looks =
        leader && hears(*m) && deaf_until_[m->host()] < world_.now() && p.answers() && p.in_recovery();
    const bool beyond = looks && p.timeline() > leader->postgres().timeline();
    const bool compares = looks && p.timeline() == leader->postgres().timeline() &&
                          (options_.use_pg_rewind || options_.remove_on_divergence) &&
                          world_.open(m->host(), leader->host()) && world_.open(leader->host(), m->host());
    if (!beyond && !compares) {
      seen.since.reset();
      continue;
    }
    if (!seen.since) seen.since = world_.now();
    seen.told = seen.told || world_.now() - *seen.since > kToldApart;
  }
}

/// Two promotions of the same timeline at the very same point look alike, also once the cluster has gone on
/// from one of them: the positions of all switches are those of a part (docs/safety.md).
bool Cluster::looks_like_a_part(Position end) {
  const auto way = wal_.history(end.branch);
  const auto line = wal_.history(lineage_);
  if (line.size() <= way.size()) return false;
  const auto same = [](const HistoryLine& a, const HistoryLine& b) {
    return a.parent == b.parent && a.switch_lsn == b.switch_lsn;
  };
  return std::equal(way.begin(), way.end(), line.begin(), same) && end.lsn <= line[way.size()].switch_lsn;
}

bool Cluster::cannot_tell_that_it_diverged(Member& m, std::optional<Position> was) {
  const auto seen = diverged_.find(m.host());
  if (on_the_line(m)) return false;
  if (m.postgres().timeline() < wal_.branch(lineage_).timeline)
    return looks_like_a_part(was.value_or(m.postgres().disk().end));
  return seen == diverged_.end() || !seen->second.told;
}

void Cluster::asks(Endpoint host, Endpoint peer) {
  asked_at_[{peer, host}] = world_.now();
}

/// A candidate counts from when it was asked; one that was not, from when it must have been known.
void Cluster::race_decided(Endpoint host, const ha::View& view, bool acquires) {
  // A promotion for which nobody is asked once more is decided on what the key was taken on.
  if (!acquires && !view.answers.peers) return;
  auto& since = heard_since_[host];
  for (const auto& m : members_) {
    const bool asked = view.answers.peers && view.answers.peers->contains(m->name());
    since[m->host()] =
        asked ? asked_at_[{m->host(), host}] : world_.now() - kViewAge - options_.retry_timeout;
  }
  if (!acquires) check_loss(member(host));
}

void Cluster::key_free() {
  free_since_ = world_.now();
  for (const auto& m : members_) at_free_[m->host()] = m->postgres().disk().end;
}

/// Whoever is not listed leaves it to those that are, whatever it has: nobody was promised that.
bool Cluster::may_be_elected(Member& m) const {
  const bool listed_only = config::modes_of(seen_->config.data).synchronous == config::Dynamic::SyncMode::on;
  return !listed_only || !seen_->sync.active() || seen_->sync.is_member(m.name());
}

/// The cluster went on from it: it was not lost before.
bool Cluster::counts(const Acknowledged& commit) {
  return commit.when + kToldLate < free_since_ && wal_.contains({lineage_, kEnd}, commit.at);
}

/// Whoever takes the key is going to be promoted, unless it finds out better; told when it has been. Nothing
/// that was acknowledged before the key was free may be lost by that where somebody who might lead as well
/// has it, whom the winner had to ask and could: by then it was there, knew itself, and its WAL had not left
/// the cluster's (whoever has left it holds nobody back, docs/safety.md). What nobody had who could be asked
/// is lost with asynchronous replication, but for no more than the winner may lag.
void Cluster::check_loss(Member& winner) {
  losses_.erase(winner.host());
  auto& mine = winner.postgres();
  if (!mine.in_recovery() || mine.life() != Postgres::Life::up || lineage_ < 0 || excused() ||
      !options_.audit || cannot_tell_that_it_diverged(winner) || let_go_.contains(winner.host()))
    return;
  // Who asks for a failover to a member has said that it may cost what only others have.
  const auto& request = seen_->failover;
  if (request.present() && request.leader.empty() && request.candidate == winner.name()) return;
  // Of who led last himself, since a failover that was asked for perhaps, /status may tell what an earlier
  // one had.
  const std::int64_t lag = store_.snapshot()->status.optime - mine.disk().end.lsn;
  const bool led_last = last_writer_ == winner.host() && mine.disk().end.branch == lineage_;
  if (!led_last && lag > options_.maximum_lag_on_failover)
    losses_[winner.host()] = fmt::format(
        "{} was promoted although it lacked {} bytes of what the last leader had told, and {} are allowed",
        winner.name(), lag, options_.maximum_lag_on_failover);
  const auto& heard = heard_since_[winner.host()];
  for (const auto& other : members_) {
    if (other.get() == &winner || !at_free_.contains(other->host())) continue;
    auto& theirs = other->postgres();
    const Position had = wal_.common(theirs.disk().end, at_free_[other->host()]);
    if (wal_.contains(mine.disk().end, had) || theirs.disk().data != Postgres::Data::ok) continue;
    const auto away = unavailable_at_.find({other->host(), winner.host()});
    const Time since = heard.contains(other->host()) ? heard.at(other->host()) : free_since_;
    const bool there =
        available(*other, winner) && (away == unavailable_at_.end() || away->second + kSettled < since);
    if (!there || !on_the_line(*other) || !may_be_elected(*other)) continue;
    std::size_t lost = 0;
    const auto& commits = wal_.acknowledged();
    for (auto commit = commits.rbegin(); commit != commits.rend(); ++commit)
      if (wal_.contains(had, commit->at) && !wal_.contains(mine.disk().end, commit->at) && counts(*commit))
        ++lost;
    if (lost > 0)
      losses_[winner.host()] =
          fmt::format("{} was promoted at {}/{} without {} acknowledged commits that {} has ({}/{})",
                      winner.name(), mine.timeline().value, mine.disk().end.lsn.value, lost, other->name(),
                      theirs.timeline().value, theirs.disk().end.lsn.value);
  }
}

}  // namespace tanist::sim
