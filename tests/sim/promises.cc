#include <algorithm>

#include "cluster.h"
#include "config/modes.h"
#include "core/format.h"
#include "core/names.h"

/// No acknowledged synchronous commit is lost, whatever dies (replication.md §12).
namespace tanist::sim {

bool Cluster::promises(const Member& member) {
  const auto view = store_.snapshot();
  const auto modes = config::modes_of(view->config.data);
  // Of what is written beside the key, or by hand, nobody has promised anything.
  return modes.synchronous != config::Dynamic::SyncMode::off && same_name(view->sync.leader, member.name()) &&
         view->leader_name() == member.name() && !let_go_.contains(member.host()) && !excused();
}

void Cluster::watch_promises() {
  if (config::modes_of(seen_->config.data).synchronous == config::Dynamic::SyncMode::off)
    promises_from_ = wal_.acknowledged().size();
}

void Cluster::check_promises(Member& winner) {
  // A server that was told in time, and becomes a primary later with nobody left to stop it, is no leader.
  if (store_.snapshot()->leader_name() != winner.name()) return;
  const auto& commits = wal_.acknowledged();
  const std::size_t from = std::exchange(promises_from_, commits.size());
  if (let_go_.contains(winner.host()) || excused()) return;
  const Position now = winner.postgres().disk().end;
  std::size_t lost = 0;
  const Acknowledged* first = nullptr;
  for (std::size_t i = from; i < commits.size(); ++i) {
    if (!commits[i].promised || wal_.contains(now, commits[i].at)) continue;
    if (!first) first = &commits[i];
    ++lost;
  }
  if (first)
    world_.violated(
        Invariant::synchronous_commits,
        fmt::format("{} was promoted without {} acknowledged synchronous commits, the first of host {} at "
                    "{}/{}, {:.1f} s ago",
                    winner.name(), lost, first->host, wal_.branch(first->at.branch).timeline.value,
                    first->at.lsn.value, seconds(world_.now() - first->when)));
}

/// What members call the timelines that they are on: never two of one number and begin by one name, nor one
/// by two.
void Cluster::watch_branches() {
  for (auto& m : members_) {
    const auto snapshot = m->snapshot();
    auto& seen = branches_seen_[m->host()];
    if (!snapshot || snapshot == seen) continue;
    seen = snapshot;
    auto& postgres = m->postgres();
    const auto& facts = snapshot->facts;
    const int branch = postgres.disk().end.branch;
    if (snapshot->branch.empty() || branch < 0 || postgres.life() != Postgres::Life::up ||
        postgres.postmaster_pid() != facts.postmaster_pid ||
        facts.probe->effective_timeline != postgres.timeline())
      continue;
    const auto [named, anew] = branch_names_.try_emplace(branch, snapshot->branch);
    if (!anew && named->second != snapshot->branch)
      world_.violated(Invariant::asynchronous_loss,
                      fmt::format("{} calls timeline {} {}, which another calls {}", m->name(),
                                  postgres.timeline().value, snapshot->branch, named->second));
    const auto [meant, first] = named_branches_.try_emplace({postgres.timeline(), snapshot->branch}, branch);
    if (!first && meant->second != branch)
      world_.violated(Invariant::asynchronous_loss,
                      fmt::format("{} calls timeline {} {}, by which another one is meant", m->name(),
                                  postgres.timeline().value, snapshot->branch));
  }
}

void Cluster::check_zones(Member& member, Position commit, bool promised) {
  const int wanted = options_.zones.min_other_zones;
  const std::string& mine = member.tags().zone;
  // Before there is a list nobody but the leader may be elected.
  if (wanted == 0 || !promised || !member.postgres().waits()) return;
  if (!options_.synchronous_strict || options_.changes_synchronous) return;
  const auto have = std::ranges::count_if(members_, [&](const auto& m) {
    return !m->tags().zone.empty() && !mine.empty() && m->tags().zone != mine &&
           member.postgres().has_acknowledged(m->postgres(), commit);
  });
  if (have < wanted)
    world_.violated(
        Invariant::synchronous_commits,
        fmt::format(
            "{} in zone \"{}\" acknowledges a commit that {} members of other zones have, not {}, with "
            "synchronous_standby_names {}",
            member.name(), mine, have, wanted, member.postgres().standby_names()));
}

}  // namespace tanist::sim
