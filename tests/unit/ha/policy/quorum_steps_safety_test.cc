// From every state of up to five members: no step, and no moment while one is being carried out, lets
// somebody be elected without a commit; and all ways lead to the same end.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "ha/policy/quorum_steps.h"
#include "unit/ha/policy/quorum_model.h"

namespace tanist::ha::quorum_model {
namespace {

using Kind = policy::QuorumStep::Kind;

constexpr int kMostShown = 10;

/// Every way to be voter, standby and active for members `first` to the last one. Members are interchangeable
/// but for the order of their names, so of the ways that differ only by that one is enough: what each member
/// is, as a number, never falls from one to the next.
void each_way(int first, int last,
              const std::function<void(Members voters, Members standbys, Members active)>& see) {
  std::function<void(int, unsigned, Members, Members, Members)> go =
      [&](int member, unsigned least, Members voters, Members standbys, Members active) {
        if (member > last) return see(voters, standbys, active);
        for (unsigned is = least; is < 8; ++is)
          go(member + 1, is, voters | (is & 1 ? only(member) : 0), standbys | (is & 2 ? only(member) : 0),
             active | (is & 4 ? only(member) : 0));
      };
  go(first, 0, 0, 0, 0);
}

/// Every quorum and every count that these sets can have.
void each_number(State at, const std::function<void(const State&)>& see) {
  // A quorum that asks for all others is what a record has whose standbys have not confirmed.
  for (at.quorum = 0; at.quorum <= size(at.voters); ++at.quorum)
    for (at.count = at.standbys ? 1 : 0; at.count <= size(at.standbys); ++at.count) see(at);
}

/// The primary is member 0 and has its record.
void each_state_of_a_leader(const std::function<void(const State&, Members active)>& see) {
  each_way(1, kMost - 1, [&](Members voters, Members standbys, Members active) {
    each_number({.voters = voters, .standbys = standbys}, [&](const State& at) {
      if (is_safe(at)) see(at, active);
    });
  });
}

/// The primary is member 0, the record is member 1's.
void each_state_of_a_new_leader(const std::function<void(const State&, Members active)>& see) {
  for (unsigned is = 0; is < 8; ++is) {
    each_way(2, kMost - 2, [&](Members voters, Members standbys, Members active) {
      const State sets{.leader = 1,
                       .voters = voters | (is & 1 ? only(0) : 0),
                       .standbys = standbys | (is & 2 ? only(1) : 0),
                       .me = 0};
      each_number(sets, [&](const State& at) {
        // That the leader of the record comes back alone is kept out by who records himself in time.
        if (is_safe(at, false)) see(at, active | (is & 4 ? only(1) : 0));
      });
    });
  }
}

class Complaints {
 public:
  template <class... Parts>
  void add(const Parts&... parts) {
    if (++count_ <= kMostShown) ADD_FAILURE() << (text(parts) + ...);
  }
  ~Complaints() { EXPECT_EQ(count_, 0); }

 private:
  static std::string text(const char* what) { return what; }
  template <class T>
  static std::string text(const T& what) {
    return quorum_model::text(what);
  }
  int count_ = 0;
};

/// While synchronous_standby_names changes, some backends still have the old value; what was written to
/// /sync may or may not have arrived.
bool is_safe_between(const State& before, const State& next, bool leader_alone) {
  return is_safe(before, leader_alone) && is_safe(next, leader_alone) &&
         meet(commits(before) | commits(next), elections(before, leader_alone)) &&
         meet(commits(before) | commits(next), elections(next, leader_alone));
}

void each_seen(const State& at, Members active, const std::function<void(const Seen&)>& see) {
  for (int wanted = 1; wanted < kMost; ++wanted)
    for (int confirmed = 0; confirmed <= size(at.standbys & active); ++confirmed)
      see({.confirmed = confirmed, .active = active, .wanted = wanted});
}

/// For all tests: most of what they ask is the same.
Rules& rules_in(Order order) {
  static Rules upward(Order::upward), downward(Order::downward);
  return order == Order::upward ? upward : downward;
}

void steps_are_safe(Rules& rules, const State& start, Members active, bool leader_alone,
                    Complaints& complaints) {
  each_seen(start, active, [&](const Seen& seen) {
    const Steps& steps = rules.of(start, seen);
    if (steps.warned && is_sound(start)) complaints.add("warned of nothing: ", start, seen, steps);
    State at = start;
    bool alone = leader_alone;
    for (const auto& step : steps.steps) {
      const State next = after(at, step);
      if (!is_safe_between(at, next, alone)) complaints.add("unsafe: ", start, seen, steps);
      at = next;
    }
  });
}

TEST(QuorumStepsSafety, what_is_not_safe_is_found) {
  const State safe{.quorum = 1, .voters = 0b110, .count = 1, .standbys = 0b110};
  EXPECT_TRUE(is_safe(safe));
  State too_few_elect = safe, too_few_hold = safe, too_many = safe, new_leader = safe;
  too_few_elect.quorum = 0;
  EXPECT_FALSE(is_safe(too_few_elect));
  too_few_hold.count = 0;
  EXPECT_FALSE(is_safe(too_few_hold));
  too_many.voters = 0b1110;
  EXPECT_FALSE(is_safe(too_many));
  new_leader.leader = 1, new_leader.voters = 0b101;
  EXPECT_TRUE(is_safe(new_leader, false));
  EXPECT_FALSE(is_safe(new_leader));
}

TEST(QuorumStepsSafety, each_step_of_a_leader_is_safe) {
  for (const Order order : {Order::upward, Order::downward}) {
    Complaints complaints;
    each_state_of_a_leader([&](const State& at, Members active) {
      steps_are_safe(rules_in(order), at, active, true, complaints);
    });
  }
}

TEST(QuorumStepsSafety, each_step_of_a_new_leader_is_safe) {
  for (const Order order : {Order::upward, Order::downward}) {
    Complaints complaints;
    each_state_of_a_new_leader([&](const State& at, Members active) {
      steps_are_safe(rules_in(order), at, active, false, complaints);
    });
  }
}

/// Voters and standbys are who streams, as many as wanted are waited for, and just enough have to agree.
State goal_of(const State& start, Members active, int wanted) {
  const int count = std::min(wanted, size(active));
  return {.leader = start.me,
          .quorum = size(active) - count,
          .voters = active,
          .count = count,
          .standbys = active,
          .me = start.me};
}

/// How soon standbys confirm a new value: one more each time that is looked, or all at once.
enum class Pace { slow, quick };
/// How much of an answer is carried out before the next question.
enum class Stride { first, whole };

constexpr int kMostLooks = 40;
constexpr int kMostWrites = 12;

/// Where it ends, with who is active and how many are wanted as they are.
State end_of(Rules& rules, const State& start, Members active, int wanted, Pace pace, Stride stride,
             Complaints& complaints) {
  State at = start;
  int confirmed = 0, writes = 0;
  for (int look = 0; look < kMostLooks; ++look) {
    const int all = size(at.standbys & active);
    confirmed = pace == Pace::quick ? all : std::min(confirmed, all);
    const Steps& steps = rules.of(at, {.confirmed = confirmed, .active = active, .wanted = wanted});
    const auto& list = steps.steps;
    if (list.empty() || list.front().kind == Kind::restart) {
      if (list.empty() && confirmed == all) return at;
      ++confirmed;
      continue;
    }
    for (const auto& step : list) {
      if (step.kind == Kind::restart) break;
      if (step.kind == Kind::standbys) confirmed = 0;
      at = after(at, step);
      if (++writes > kMostWrites) {
        complaints.add("goes on and on: ", start, Seen{0, active, wanted});
        return at;
      }
      if (stride == Stride::first) break;
    }
  }
  complaints.add("waits for ever: ", start, Seen{0, active, wanted});
  return at;
}

void ways_end_alike(Rules& rules, const State& start, Members active, Complaints& complaints) {
  for (int wanted = 1; wanted < kMost; ++wanted) {
    for (const Pace pace : {Pace::slow, Pace::quick}) {
      for (const Stride stride : {Stride::first, Stride::whole}) {
        const State end = end_of(rules, start, active, wanted, pace, stride, complaints);
        if (end != goal_of(start, active, wanted))
          complaints.add("ends elsewhere: ", start, Seen{0, active, wanted}, " ends at ", end);
      }
    }
  }
}

TEST(QuorumStepsSafety, all_ways_of_a_leader_end_where_they_should) {
  for (const Order order : {Order::upward, Order::downward}) {
    Complaints complaints;
    each_state_of_a_leader(
        [&](const State& at, Members active) { ways_end_alike(rules_in(order), at, active, complaints); });
  }
}

TEST(QuorumStepsSafety, all_ways_of_a_new_leader_end_where_they_should) {
  for (const Order order : {Order::upward, Order::downward}) {
    Complaints complaints;
    each_state_of_a_new_leader(
        [&](const State& at, Members active) { ways_end_alike(rules_in(order), at, active, complaints); });
  }
}

}  // namespace
}  // namespace tanist::ha::quorum_model
