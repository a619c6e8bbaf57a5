#pragma once

#include <string>
#include <vector>

#include "core/names.h"
#include "ha/policy/zones.h"

/// How the primary brings /sync and synchronous_standby_names to the standbys that stream, in quorum mode,
/// in an order that never lets a member be elected that lacks a commit (replication.md §17).
namespace tanist::ha::policy {

/// Both as they are stored and in force now, and what they should come to.
struct QuorumView {
  /// Of /sync: the leader, how many others have to agree to an election, and who is asked besides the leader.
  std::string leader;
  int quorum = 0;
  NameSet voters;
  /// Of synchronous_standby_names: a commit waits for `count` of `standbys`.
  int count = 0;
  NameSet standbys;
  /// How many of the active among `standbys` are known to have all that was committed before the value in
  /// force came into force.
  int confirmed = 0;
  /// Who streams and may be waited for.
  NameSet active;
  /// For how many of them commits should wait.
  int wanted = 1;
  /// The primary itself.
  std::string me;
  /// It was promoted a moment ago, and who does not stream yet may still be looking for it.
  bool reconnecting = false;
  /// What commits owe to other zones; more than the active ones can give is not asked for.
  OtherZones zones = {};
};

struct QuorumStep {
  enum class Kind {
    /// Write /sync: leader, quorum, voters.
    quorum,
    /// Set synchronous_standby_names: ANY number (names).
    standbys,
    /// Nothing can follow before the standbys have confirmed: look again later.
    restart
  } kind = Kind::restart;
  std::string leader;
  int number = 0;
  NameSet names;

  bool operator==(const QuorumStep&) const = default;
};

struct QuorumSteps {
  /// The first is to be carried out; then ask again with what is stored, in force and confirmed by then. The
  /// others are where this leads if nothing changes and all confirm at once.
  std::vector<QuorumStep> steps;
  /// What was found that should not be.
  std::vector<std::string> warnings;
};

QuorumSteps quorum_steps(QuorumView view);

}  // namespace tanist::ha::policy
