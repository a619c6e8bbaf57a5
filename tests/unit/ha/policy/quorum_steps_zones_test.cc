// Zones of up to five members, and every state that they can be in (replication.md §21): each commit has its
// acknowledgements of other zones, on the way from one list to another, too, and once the zone of the primary
// is gone the others elect.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "ha/policy/quorum_steps.h"
#include "ha/policy/sync_promotion.h"
#include "unit/ha/policy/quorum_model.h"

namespace tanist::ha::quorum_model {
namespace {

using Kind = policy::QuorumStep::Kind;

constexpr int kMostTold = 10;
constexpr int kMostSteps = 60;

class Faults {
 public:
  void add(const std::string& what) {
    if (++count_ <= kMostTold) ADD_FAILURE() << what;
  }
  ~Faults() { EXPECT_EQ(count_, 0); }

 private:
  int count_ = 0;
};

/// So many of other zones at least acknowledge each commit.
int sure_others(const State& at, Members others) {
  return std::max(0, at.count - size(at.standbys & ~others));
}

/// Every way to be voter, standby, active and in another zone for all members but the primary, which is
/// member 0; of the ways that differ only by the order of members, one.
void each_zoned_state(const std::function<void(const State&, Members active, Members others)>& see) {
  constexpr unsigned kWays = 16;
  std::function<void(int, unsigned, State, Members, Members)> go = [&](int member, unsigned least, State at,
                                                                       Members active, Members others) {
    if (member < kMost) {
      for (unsigned is = least; is < kWays; ++is) {
        State next = at;
        if (is & 1) next.voters |= only(member);
        if (is & 2) next.standbys |= only(member);
        go(member + 1, is, next, active | (is & 4 ? only(member) : 0), others | (is & 8 ? only(member) : 0));
      }
      return;
    }
    for (at.quorum = 0; at.quorum <= size(at.voters); ++at.quorum)
      for (at.count = at.standbys ? 1 : 0; at.count <= size(at.standbys); ++at.count)
        if (is_safe(at)) see(at, active, others);
  };
  go(1, 0, {}, 0, 0);
}

/// What is asked for, as far as those that stream can give it.
int to_be_had(const Seen& seen) {
  return std::min(seen.other_zones, size(seen.active & seen.others));
}

State zoned_goal(const Seen& seen) {
  const int own = size(seen.active & ~seen.others);
  const int count =
      std::min(std::max(seen.wanted, to_be_had(seen) > 0 ? own + to_be_had(seen) : 0), size(seen.active));
  return {
      .quorum = size(seen.active) - count, .voters = seen.active, .count = count, .standbys = seen.active};
}

/// Carries out one step after the other; standbys confirm at once.
State walk(Rules& rules, const State& start, Seen seen, Faults& faults) {
  State at = start;
  for (int step = 0; step < kMostSteps; ++step) {
    seen.confirmed = size(at.standbys & seen.active);
    const Steps& steps = rules.of(at, seen);
    if (steps.steps.empty()) return at;
    const Step& first = steps.steps.front();
    if (first.kind == Kind::restart) continue;
    const State next = after(at, first);
    if (!is_safe(next)) faults.add("unsafe: " + text(start) + text(seen) + ": " + text(steps));
    const int least = std::min(to_be_had(seen), sure_others(at, seen.others));
    if (sure_others(next, seen.others) < least)
      faults.add("fewer of other zones: " + text(at) + text(seen) + ":" + text(steps));
    at = next;
  }
  faults.add("goes on and on: " + text(start) + text(seen));
  return at;
}

TEST(QuorumStepsZones, each_way_is_safe_keeps_other_zones_and_ends_where_it_should) {
  for (const Order order : {Order::upward, Order::downward}) {
    Rules rules(order);
    Faults faults;
    each_zoned_state([&](const State& start, Members active, Members others) {
      for (const int wanted : {1, 2})
        for (const int other_zones : {1, 2}) {
          const Seen seen{.active = active, .wanted = wanted, .others = others, .other_zones = other_zones};
          const State end = walk(rules, start, seen, faults);
          if (end != zoned_goal(seen))
            faults.add("ends elsewhere: " + text(start) + text(seen) + ": " + text(end));
        }
    });
  }
}

/// Who is left when the zone of the primary is lost, and `more` members besides.
void each_rest(Members rest, int more, const std::function<void(Members)>& see) {
  for (Members left = 0; left < only(kMost); ++left)
    if ((left & ~rest) == 0 && size(rest) - size(left) <= more) see(left);
}

TEST(QuorumStepsZones, when_the_zone_of_the_primary_is_lost_the_others_elect_and_have_every_commit) {
  int looked = 0;
  Faults faults;
  for (Members active = 0; active < only(kMost); active += 2)
    for (Members others = 0; others < only(kMost); others += 2)
      for (const int wanted : {1, 2, 3})
        for (const int other_zones : {1, 2, 3}) {
          const Seen seen{.active = active, .wanted = wanted, .others = others, .other_zones = other_zones};
          if (others & ~active || to_be_had(seen) < other_zones) continue;
          const State at = zoned_goal(seen);
          const Families elect = elections(at, true);
          if (!meet(commits(at), elect)) faults.add("unsafe: " + text(at) + text(seen));
          // One acknowledgement has to be left.
          each_rest(others, other_zones - 1, [&](Members left) {
            ++looked;
            if (!(elect >> left & 1)) faults.add(text(left) + " cannot elect: " + text(at) + text(seen));
          });
        }
  EXPECT_GT(looked, 100);
}

/// Member `me` was elected after a leader, by each record that there can be: its first list of standbys.
TEST(QuorumStepsZones, the_first_list_of_a_new_primary_waits_for_other_zones_too) {
  constexpr Order kOrder = Order::upward;
  Faults faults;
  for (int me = 0; me < kMost; ++me)
    for (Members voters = 0; voters < only(kMost); voters += 2)
      for (int quorum = 0; quorum <= size(voters); ++quorum)
        for (Members others = 0; others < only(kMost); ++others)
          for (const int wanted : {1, 2})
            for (const bool strict : {false, true}) {
              if (others & only(me)) continue;
              dcs::SyncState sync;
              sync.leader = name_of(0, kOrder), sync.quorum = quorum;
              sync.voters = in_text_order(names_of(voters, kOrder));
              const policy::OtherZones zones{.wanted = wanted, .members = names_of(others, kOrder)};
              const auto plain = policy::before_promotion_in_quorum_mode(sync, name_of(me, kOrder), strict);
              const auto before =
                  policy::before_promotion_in_quorum_mode(sync, name_of(me, kOrder), strict, 0, zones);
              const Members list = members_of(before.names.names, kOrder);
              const int sure = before.names.count - size(list & ~others);
              const int there = std::min(wanted, size(list & others));
              if (before.names.count < plain.names.count) faults.add("waits for less");
              if (list && sure < there) faults.add("too few of other zones in the list " + text(list));
              // An acknowledgement that never comes.
              if (strict && size(list & others) < wanted && before.names.count <= size(list) &&
                  !before.names.names.empty())
                faults.add("does not wait: " + text(list));
            }
}

}  // namespace
}  // namespace tanist::ha::quorum_model
