// Whatever happens to a cluster from its first day on: nobody is elected who lacks a commit, however long ago
// and by which rule that was acknowledged.

#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "ha/policy/quorum_steps.h"
#include "ha/policy/sync_promotion.h"
#include "unit/ha/policy/quorum_model.h"

namespace tanist::ha::quorum_model {
namespace {

using Kind = policy::QuorumStep::Kind;

constexpr int kMembers = 4;
constexpr Members kAll = (Members{1} << kMembers) - 1;

/// The primary is always member 0: who takes over changes places with it.
struct Story {
  State at;
  /// The sets of members that may be all who hold some commit.
  Families holders = 0;
  auto operator<=>(const Story&) const = default;
};

Families with_all_of(Families families, Members members) {
  Families left = 0;
  for (Members set = 0; set < only(kMost); ++set)
    if ((families >> set & 1) && (set & members) == members) left |= Families{1} << set;
  return left;
}

Members swapped(Members members, int with) {
  const bool zero = members & only(0), other = members & only(with);
  members &= ~(only(0) | only(with));
  return members | (zero ? only(with) : 0) | (other ? only(0) : 0);
}

Families swapped_all(Families families, int with) {
  Families out = 0;
  for (Members set = 0; set < only(kMost); ++set)
    if (families >> set & 1) out |= Families{1} << swapped(set, with);
  return out;
}

struct World {
  Order order = Order::upward;
  /// Who was elected records itself before the promotion, as Tanist does; otherwise with its first step.
  bool recorded_first = true;
  /// The leader of the record needs nobody for its election (replication.md §20).
  bool leader_alone = true;
  /// Who confirmed counts for the value that is in force, not for any before.
  bool confirmed_anew = true;
};

State promoted(const State& at, int who, const World& world) {
  constexpr Order kOrder = Order::upward;
  dcs::SyncState sync;
  sync.leader = name_of(at.leader, kOrder);
  sync.voters = in_text_order(names_of(at.voters, kOrder));
  sync.quorum = at.quorum;
  const auto before = policy::before_promotion_in_quorum_mode(sync, name_of(who, kOrder), false);
  State next = at;
  next.me = who;
  next.count = before.names.count;
  next.standbys = members_of(before.names.names, kOrder);
  if (world.recorded_first && before.record) {
    next.leader = who;
    next.quorum = before.record->quorum;
    next.voters = members_of({before.record->voters.begin(), before.record->voters.end()}, kOrder);
  }
  // Changes places with member 0.
  const auto seat = [&](int member) { return member == 0 ? who : member == who ? 0 : member; };
  next.leader = seat(next.leader), next.me = 0;
  next.voters = swapped(next.voters, who), next.standbys = swapped(next.standbys, who);
  return next;
}

/// Everything that can happen, in all orders.
class Stories {
 public:
  explicit Stories(const World& world) : world_(world), rules_(world.order) {
    const State first;
    reach({first, commits(first)}, {}, {});
    while (!queue_.empty() && lost_.empty()) {
      const Story story = queue_.front();
      queue_.pop_front();
      steps(story);
      deaths(story);
    }
  }

  std::size_t number() const { return known_.size(); }
  /// How somebody came to be elected without a commit; empty: in no way.
  const std::string& lost() const { return lost_; }

 private:
  struct Before {
    Story story;
    /// Empty: it is the first one.
    std::string how;
  };

  void reach(const Story& story, const Story& from, const std::string& how) {
    if (!lost_.empty() || !known_.try_emplace(story, Before{from, how}).second) return;
    queue_.push_back(story);
    if (meet(story.holders, elections(story.at, world_.leader_alone))) return;
    lost_ = text(story.at);
    for (const Before* before = &known_.at(story); !before->how.empty(); before = &known_.at(before->story))
      lost_ = text(before->story.at) + "\n  " + before->how + "\n" + lost_;
  }

  /// All that may be seen, and the first step then.
  void steps(const Story& story) {
    const State& at = story.at;
    for (Members active = 0; active <= kAll; active += 2) {
      const Members both = at.standbys & active;
      for (Members confirmed = 0; confirmed <= both; ++confirmed) {
        if ((confirmed & ~both) != 0) continue;
        const Families holders = with_all_of(story.holders, confirmed) | commits(at);
        for (int wanted = 1; wanted < kMembers; ++wanted) {
          const Seen seen{size(world_.confirmed_anew ? confirmed : both), active, wanted};
          const Steps& steps = rules_.of(at, seen);
          EXPECT_FALSE(steps.warned) << text(at) << text(seen);
          if (steps.steps.empty()) continue;
          const State next = after(at, steps.steps.front());
          // While synchronous_standby_names changes, commits are acknowledged by the old value and the new.
          reach({next, holders | commits(next)}, story,
                text(confirmed) + " have all" + text(seen) + ":" + text(steps));
        }
      }
    }
  }

  /// The primary dies at this very moment, and somebody takes over: whoever can.
  void deaths(const Story& story) {
    for (int who = 1; who < kMembers; ++who) {
      if (!wins_without_the_primary(story.at, who)) continue;
      const State next = promoted(story.at, who, world_);
      const Families holders = swapped_all(with_all_of(story.holders, only(who)), who);
      reach({next, holders | commits(next)}, story,
            "member " + std::to_string(who) + " takes over, and changes places with 0");
    }
  }

  bool wins_without_the_primary(const State& at, int who) const {
    const Members asked = at.voters | only(at.leader);
    return (world_.leader_alone && who == at.leader) ||
           size(asked & ~only(at.me) & ~only(who)) >= at.quorum + (asked & only(who) ? 0 : 1);
  }

  World world_;
  Rules rules_;
  std::map<Story, Before> known_;
  std::deque<Story> queue_;
  std::string lost_;
};

constexpr std::size_t kMany = 600;

TEST(QuorumStepsHistory, nobody_is_elected_who_lacks_a_commit) {
  for (const Order order : {Order::upward, Order::downward}) {
    const Stories stories({.order = order});
    EXPECT_EQ(stories.lost(), "");
    EXPECT_GT(stories.number(), kMany);
  }
}

TEST(QuorumStepsHistory, a_leader_that_others_promoted_keeps_them_all_but_from_the_one_before) {
  for (const Order order : {Order::upward, Order::downward}) {
    const Stories stories({.order = order, .recorded_first = false, .leader_alone = false});
    EXPECT_EQ(stories.lost(), "");
    EXPECT_GT(stories.number(), kMany);
  }
}

// Why Tanist does more than the reference.

TEST(QuorumStepsHistory,
     without_a_record_before_the_promotion_the_leader_before_is_elected_without_a_commit) {
  EXPECT_NE(Stories({.recorded_first = false}).lost(), "");
}

TEST(QuorumStepsHistory, who_confirmed_an_earlier_value_is_elected_without_a_commit) {
  EXPECT_NE(Stories({.confirmed_anew = false}).lost(), "");
}

}  // namespace
}  // namespace tanist::ha::quorum_model
