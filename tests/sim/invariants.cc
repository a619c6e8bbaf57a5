#include <algorithm>

#include "cluster.h"
#include "core/format.h"

/// What must hold whatever is done to the world (ha.md §22).
namespace tanist::sim {

using namespace std::chrono_literals;

namespace {

constexpr Duration kSampleCopies = 100ms;
/// As ha/policy/reinitialize has it, and what a removal takes to begin.
constexpr Duration kSeenLately = 5200ms;

/// A clean stop of a primary takes no longer.
constexpr Duration kDemoted = 10s;

}  // namespace

/// A new system that is still being made is nobody's primary yet.
bool Cluster::unfinished(Member& m) {
  return m.postgres().disk().bootstrap_attempt && !known_systems_.contains(m.postgres().system_id());
}

/// Until when members lead on by promises, as they say themselves; a daemon that is new knows of less.
void Cluster::note_promises() {
  if (!options_.failsafe) return;
  for (const auto& m : members_)
    if (const auto snapshot = m->snapshot(); snapshot && snapshot->lease_until != Instant{})
      promised_until_[m->host()] = std::min(snapshot->failsafe_until, snapshot->lease_until);
}

/// It leads on by what others have promised (ha.md §12): its key may end meanwhile.
bool Cluster::leads_by_promise(Member& m) {
  const auto told = promised_until_.find(m.host());
  return told != promised_until_.end() && m.now() < told->second;
}

/// Without a guardian only a daemon that runs stops what may commit (docs/safety.md).
bool Cluster::uncovered(Member& m) {
  if (let_go_.contains(m.host())) return true;
  // It was going to be armed again.
  if (m.guardian().refused && !m.running()) return true;
  if (options_.guardian || !excuse_what_cannot_run) return false;
  return !m.running() || m.paused() || world_.now() < m.answerable_from();
}

bool Cluster::writes_for_cluster(Member& m) {
  return m.postgres().can_commit() &&
         !(m.postgres().disk().bootstrap_attempt && !founded_systems_.contains(m.postgres().system_id()));
}

/// At no instant two servers can acknowledge a commit.
void Cluster::check() {
  if (const auto view = store_.snapshot(); view != seen_) {
    for (const auto& m : members_)
      if (view->initialize.valid_system_id() && view->initialize.value == m->postgres().system_id()) {
        known_systems_.insert(view->initialize.value);
        // In several steps the key comes after the identifier, also where the note has run out meanwhile;
        // until then there is nobody who could lead with it.
        if (view->leader) founded_systems_.insert(view->initialize.value);
      }
    if (seen_ && view->initialize.value != seen_->initialize.value)
      world_.note("store", fmt::format("/initialize is \"{}\"", view->initialize.value));
    if (view->unlocked() && seen_ && !seen_->unlocked()) key_free();
    seen_ = view;
  }
  note_promises();
  watch_paused();
  watch_promises();
  watch_branches();
  watch_holders();
  watch_store_losses();
  watch_idle_primaries();
  watch_availability();
  watch_copies();
  watch_standby_cluster();
  const Member* writer = nullptr;
  for (const auto& m : members_) {
    if (!writes_for_cluster(*m) || uncovered(*m) || cannot_know(*m)) continue;
    if (writer && !excused())
      world_.violated(Invariant::single_writer, fmt::format("two servers accept writes: {} and {} (host {})",
                                                            writer->name(), m->name(), m->host()));
    writer = m.get();
  }
}

void Cluster::leader_changed(LeaderChange why, const std::string& name) {
  static constexpr std::string_view kWhy[] = {"acquired by",
                                              "taken after the bootstrap by",
                                              "moved to a new session by",
                                              "released by",
                                              "expired of",
                                              "deleted by hand of"};
  world_.note("store", fmt::format("leader key {} {}", kWhy[static_cast<int>(why)], name));
  if (excused() || why == LeaderChange::deleted_by_hand) return;
  const auto holders = named(name);
  const bool ended = why == LeaderChange::released || why == LeaderChange::expired;
  if (ended) losses_.clear();
  if (ended) {
    for (Member* m : holders)
      // What a daemon gives away itself is its own doing, however short it has been there; but without
      // transactions who tries to take back what was deleted by hand has the key for a moment, also where it
      // then finds that a condition of it does not hold.
      if (writes_for_cluster(*m) && holders.size() == 1 && !let_go_.contains(m->host()) &&
          !(why == LeaderChange::expired && leads_by_promise(*m)) &&
          (why == LeaderChange::released ? options_.store->traits.transactional || !takes_back(*m)
                                         : !uncovered(*m) && !takes_back(*m)))
        world_.violated(Invariant::single_writer,
                        fmt::format("the leader key of {} {} while its PostgreSQL can still commit", name,
                                    why == LeaderChange::released ? "was released" : "expired"));
  }
  if (why == LeaderChange::acquired) {
    // Whom an operator has named without a leader to leave, or an administrator has started by hand, leads
    // whatever is lost by that.
    const auto& request = store_.snapshot()->failover;
    const bool forced = request.present() && request.leader.empty() && request.candidate == name;
    if (forced || is_paused()) promises_from_ = wal_.acknowledged().size();
    // Somebody with this name has data to lead with, and nobody else is able to commit.
    const bool any = std::any_of(holders.begin(), holders.end(),
                                 [](Member* m) { return m->postgres().disk().data == Postgres::Data::ok; });
    if (!any)
      world_.violated(Invariant::progress,
                      fmt::format("{} took the leader key without a data directory", name));
    for (const auto& m : members_)
      if (m->name() != name && writes_for_cluster(*m) && !uncovered(*m) && !takes_back(*m))
        world_.violated(Invariant::single_writer,
                        fmt::format("{} took the leader key while {} can commit", name, m->name()));
    const auto cluster_timeline = store_.snapshot()->history.cluster_timeline();
    for (Member* m : holders)
      if (m->postgres().disk().data == Postgres::Data::ok && !m->postgres().in_recovery() &&
          !let_go_.contains(m->host()) && m->postgres().life() == Postgres::Life::up &&
          m->postgres().timeline() < cluster_timeline)
        world_.violated(Invariant::asynchronous_loss,
                        fmt::format("{} took the leader key as a stale primary: timeline {} is behind {}",
                                    name, m->postgres().timeline().value, cluster_timeline.value));
    if (holders.size() == 1) check_loss(*holders.front());
  }
}

void Cluster::promoted(Member& member) {
  ++counts_.promotions;
  const auto holder = store_.snapshot()->leader_name();
  if (holder != member.name() && !excused() && !uncovered(member) && !takes_back(member))
    world_.violated(Invariant::single_writer,
                    fmt::format("{} was promoted while the leader key is {}", member.name(),
                                holder.empty() ? std::string("absent") : "held by " + holder));
  check_promises(member);
  if (auto loss = losses_.find(member.host()); loss != losses_.end() && holder == member.name())
    world_.violated(Invariant::asynchronous_loss, loss->second);
  if (handover_from_ != 0 && member.host() != handover_from_) {
    ++counts_.handovers;
    const auto& commits = wal_.acknowledged();
    const Position now = member.postgres().disk().end;
    // Nor could its leader tell it from one that has everything.
    const Branch& own = wal_.branch(now.branch);
    const bool unknown = cannot_tell_that_it_diverged(member, Position{own.parent, own.start});
    bool lost = !unknown && !wal_.contains(now, handover_position_);
    for (std::size_t i = handover_commits_; i < commits.size() && !lost && !unknown; ++i)
      lost = commits[i].host == handover_from_ && !wal_.contains(now, commits[i].at);
    if (lost)
      world_.violated(Invariant::asynchronous_loss,
                      fmt::format("a clean hand-over from host {} to {} lost acknowledged commits",
                                  handover_from_, member.name()));
    handover_from_ = 0;
  }
}

void Cluster::expect_clean_handover(Endpoint from) {
  handover_from_ = from;
  // What it has now, and what it acknowledges from now on.
  handover_position_ = member(from).postgres().disk().end;
  handover_commits_ = wal_.acknowledged().size();
}

void Cluster::removal(Endpoint host, const std::string& why, bool renamed) {
  Member& m = member(host);
  const auto& disk = m.postgres().disk();
  world_.note(m.name(), fmt::format("data directory {}: {}", renamed ? "renamed" : "removed", why));
  const bool asked_for = !renamed && orders_.removed(m, why);
  if (disk.data != Postgres::Data::ok) return;
  if (renamed) {
    if (!unfinished(m))
      world_.violated(Invariant::no_data_destroyed,
                      m.name() + ": a data directory that is no abandoned bootstrap was renamed");
    return;
  }
  if (why.empty())
    world_.violated(Invariant::no_data_destroyed,
                    m.name() + ": a data directory was removed without a reason");
  const bool copied = std::ranges::any_of(members_, [&](const auto& other) { return is_copy_of(*other, m); });
  if (!copied)
    world_.violated(Invariant::no_data_destroyed,
                    m.name() + ": a data directory was removed while there is no other copy");
  // A host that loses power at that moment may lose what it has not written; and what the one lacks who is
  // about to be promoted was given up with the key (check_loss).
  Member* leader = key_holder();
  const bool given_up = asked_for && leader && leader->postgres().in_recovery();
  if (!given_up && world_.now() - history_elsewhere_at_[host] > kSeenLately && !history_is_elsewhere(m))
    world_.violated(Invariant::no_data_destroyed,
                    m.name() + ": a data directory was removed while nobody else has its history");
  if (asked_for) check_copy_asked_for(m);
}

/// No server of a standby cluster accepts writes while every daemon knows of the mode.
void Cluster::watch_standby_cluster() {
  if (follows_since_.empty()) return;
  for (const auto& m : members_) {
    if (!m->running()) continue;
    const auto since = follows_since_.find(m->host());
    if (since == follows_since_.end() || world_.now() - since->second < kDemoted) return;
  }
  for (const auto& m : members_)
    if (writes_for_cluster(*m) && !uncovered(*m) && !m->postgres().stopped())
      world_.violated(Invariant::single_writer, m->name() + " accepts writes in a standby cluster");
}

bool Cluster::is_copy_of(Member& other, Member& m) {
  const auto& there = other.postgres().disk();
  return &other != &m && there.data == Postgres::Data::ok && !there.half_rewound &&
         other.postgres().system_id() == m.postgres().system_id();
}

/// What the cluster went on without is nobody's.
bool Cluster::history_is_elsewhere(Member& m) {
  const Position worth = on_line_of_cluster(m.postgres().disk().end);
  return std::ranges::any_of(members_, [&](const auto& other) {
    return is_copy_of(*other, m) && wal_.contains(other->postgres().disk().end, worth);
  });
}

void Cluster::watch_copies() {
  const bool due = world_.now() >= copies_sampled_at_ + kSampleCopies;
  if (due) copies_sampled_at_ = world_.now();
  for (const auto& m : members_) {
    // Data that have just come may be given up before they were ever looked at.
    const auto seen = copy_to_be_had_at_.find(m->host());
    const bool new_here = m->postgres().disk().data == Postgres::Data::ok &&
                          (seen == copy_to_be_had_at_.end() || seen->second + kSampleCopies < world_.now());
    if (!due && !new_here) continue;
    const auto& leader = seen_->leader_name();
    const bool by_promise = std::ranges::any_of(
        members_, [&](const auto& other) { return other != m && leads_by_promise(*other); });
    if ((!leader.empty() && leader != m->name()) || by_promise) led_by_other_at_[m->host()] = world_.now();
    const bool to_be_had = std::any_of(members_.begin(), members_.end(), [&](const auto& other) {
      return other != m && other->postgres().answers() &&
             other->postgres().system_id() == m->postgres().system_id() &&
             world_.open(m->host(), other->host()) && world_.open(other->host(), m->host());
    });
    if (to_be_had) copy_to_be_had_at_[m->host()] = world_.now();
    if (history_is_elsewhere(*m)) history_elsewhere_at_[m->host()] = world_.now();
  }
}

/// Nobody gives up data for a copy while he leads or nobody does, or nobody can give one. What was seen may
/// be as old as the daemon itself lets it be, and what a store that is slow has told.
void Cluster::check_copy_asked_for(Member& m) {
  const Time now = world_.now();
  if (store_.snapshot()->leader_name() == m.name() && !takes_back(m))
    world_.violated(Invariant::no_data_destroyed, m.name() + " removes its data while it has the leader key");
  const auto leader = store_.snapshot()->leader_name();
  if (!leader.empty() && leader != m.name()) led_by_other_at_[m.host()] = now;
  if (!led_by_other_at_.contains(m.host()) || now - led_by_other_at_[m.host()] > kSeenLately)
    world_.violated(Invariant::no_data_destroyed, m.name() + " removes its data while nobody leads");
  if (!copy_to_be_had_at_.contains(m.host()) || now - copy_to_be_had_at_[m.host()] > 3 * kSeenLately)
    world_.violated(Invariant::no_data_destroyed,
                    m.name() + " removes its data while nobody can give it a copy");
}

void Cluster::starting(Endpoint host, const postgres::StartRequest& request) {
  Member& m = member(host);
  if (request.as_standby) return;
  const auto view = store_.snapshot();
  const bool key = view->leader_name() == m.name();
  if (!key && !unfinished(m) && !excused() && !takes_back(m) && !leads_by_promise(m))
    world_.violated(Invariant::single_writer,
                    fmt::format("{} starts PostgreSQL as primary while the leader key is {}", m.name(),
                                view->unlocked() ? std::string("absent") : "held by " + view->leader_name()));
}

}  // namespace tanist::sim
