#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/fields.h"
#include "core/history.h"
#include "core/lsn.h"
#include "core/time.h"
#include "dcs/model.h"
#include "ha/model/branch.h"
#include "ha/model/failsafe.h"
#include "ha/model/lease.h"
#include "ha/model/memory.h"
#include "ha/model/operation_view.h"
#include "ha/model/orders.h"
#include "ha/model/peer_answer.h"
#include "ha/model/policy_settings.h"
#include "postgres/types.h"

/// All that a decision may know. Gathered by the cycle; decide() sees nothing else.
namespace tanist::ha {

/// The leadership that a view knows of: what is told under one says nothing once another has begun.
struct LeadershipSeen {
  dcs::Version leadership;
  /// While nobody leads, for members of other make; absent while somebody does, who writes it all the time.
  dcs::Version status;
  bool operator==(const LeadershipSeen&) const = default;

  TANIST_FIELDS(leadership, status);
};
inline LeadershipSeen leadership_of(const dcs::Cluster& cluster) {
  return {cluster.leadership_version, cluster.unlocked() ? cluster.status_version : dcs::Version()};
}

/// Knowledge that is dear to get: asked for as a Need, valid for the rounds of one cycle.
struct Answers {
  /// By member name; absent: not asked.
  std::optional<std::map<std::string, PeerAnswer>> peers;
  /// When the peers were asked. A daemon that did not run meanwhile may hear what they said before another
  /// led.
  LeadershipSeen asked_under;
  std::optional<postgres::DivergenceAnswer> divergence;
  std::optional<postgres::SourceAnswer> source;

  TANIST_FIELDS(peers, asked_under, divergence, source);
};

struct SelfView {
  std::string name;
  std::string incarnation;

  TANIST_FIELDS(name, incarnation);
};

struct StoreView {
  /// The view below is current. False: nothing could be read since `unavailable_since`.
  bool ok = false;
  Instant unavailable_since{};
  std::string why;
  /// The current view, or the last one that was read; nullptr: none ever.
  dcs::ClusterPtr cluster;
  /// The last view that had a leader (ha.md §3.1: old_cluster); nullptr: none ever.
  dcs::ClusterPtr last_with_leader;
  /// A write of the leader key has an unknown outcome that no linearizable read has resolved yet.
  bool lock_unknown = false;
};

enum class Lock {
  free,
  mine,
  /// My name, bound to a claim that is not mine: another's (a cloned host). Not where the store has no
  /// claims.
  foreign_session,
  others,
};

struct PostgresView {
  postgres::Facts facts;
  /// The words of member key and REST, kept by the engine (operations set them).
  postgres::State state = postgres::State::stopped;
  postgres::Role role = postgres::Role::uninitialized;
  Instant state_since{};
  /// The engine has seen this server running since the daemon started (a crash of it is a crash, not a cold
  /// start).
  bool seen_running = false;
  /// The server that runs was told to promote itself and is no primary yet: nothing takes that back, and
  /// until it is over it looks like a standby.
  bool promoting = false;
  BranchKnown branch;
  /// Of the running recovery settings against those wanted for wanted_upstream(view).
  postgres::RecoveryDifference recovery_difference = postgres::RecoveryDifference::none;
  /// When it was last told to stop as a primary, and when it was last seen to become one: for who reads the
  /// journal. nullopt: not since the daemon started.
  std::optional<Instant> writes_ended;
  std::optional<Instant> writes_began;

  TANIST_FIELDS(facts, state, role, state_since, seen_running, promoting, branch, recovery_difference,
                writes_ended, writes_began);
};

/// What is asked of this member from outside.
struct Commands {
  /// SIGTERM or SIGINT.
  bool shutdown = false;
  /// A second one, or the service manager's patience: PostgreSQL is stopped in immediate mode.
  bool hurry = false;
  /// In the order in which they came.
  std::vector<Asked> asked;
  std::optional<ScheduledRestart> scheduled_restart;

  TANIST_FIELDS(shutdown, hurry, asked, scheduled_restart);
};

struct FenceView {
  /// The fence can be armed; false refuses leadership where it is required.
  bool usable = true;
  bool armed = false;
  /// Some of it is armed, or may be since an earlier daemon.
  bool holds = false;

  TANIST_FIELDS(usable, armed, holds);
};

struct View {
  Instant now{};
  WallTime wall_now{};
  SelfView self;
  PolicySettings settings;
  StoreView store;
  Lock lock = Lock::free;
  Lease lease;
  PostgresView postgres;
  /// The operation that runs; nullopt: none.
  std::optional<OperationView> operation;
  /// The last one that ended; nullopt: none yet.
  std::optional<OperationResult> last_operation;
  Commands commands;
  FenceView fence;
  /// What this member has promised and still holds; the cluster is as it says then.
  std::optional<Promise> promise;
  Answers answers;
  Memory memory;

  TANIST_FIELDS(now, wall_now, self, settings, store, lock, lease, postgres, operation, last_operation,
                commands, fence, promise, answers, memory);

  const dcs::Cluster& cluster() const { return *store.cluster; }
  bool has_lock() const { return lock == Lock::mine; }
  const config::Timing& timing() const { return settings.dynamic.timing; }
};

}  // namespace tanist::ha
