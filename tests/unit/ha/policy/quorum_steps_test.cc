#include "ha/policy/quorum_steps.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <sstream>

namespace tanist::ha {
namespace {

using namespace ::testing;
using policy::QuorumStep;
using policy::QuorumView;

NameSet set_of(const std::string& text) {
  NameSet set;
  std::istringstream words(text);
  for (std::string word; words >> word;)
    if (word != "-") set.insert(word);
  return set;
}

std::string listed(const NameSet& set) {
  return set.empty() ? "-" : fmt::format("{}", fmt::join(in_text_order(set), " "));
}

/// `q(1,r1 r2) s(1,r1 r2) restart`; a leader that /sync did not have yet stands first: `q(r1; 1,p r2)`.
std::string shown(const QuorumView& at) {
  std::string out;
  std::string leader = at.leader;
  for (const auto& step : policy::quorum_steps(at).steps) {
    if (!out.empty()) out += " ";
    switch (step.kind) {
      case QuorumStep::Kind::quorum:
        out += fmt::format("q({}{},{})", step.leader == leader ? "" : step.leader + "; ", step.number,
                           listed(step.names));
        leader = step.leader;
        break;
      case QuorumStep::Kind::standbys: out += fmt::format("s({},{})", step.number, listed(step.names)); break;
      case QuorumStep::Kind::restart: out += "restart"; break;
    }
  }
  return out;
}

QuorumView primary(int quorum, const char* voters, int count, const char* standbys, int confirmed,
                   const char* active, int wanted) {
  return {.leader = "p",
          .quorum = quorum,
          .voters = set_of(voters),
          .count = count,
          .standbys = set_of(standbys),
          .confirmed = confirmed,
          .active = set_of(active),
          .wanted = wanted,
          .me = "p"};
}

std::string warned(const QuorumView& at) {
  return fmt::format("{}", fmt::join(policy::quorum_steps(at).warnings, "; "));
}

TEST(QuorumSteps, the_examples_of_the_specification) {
  struct Example {
    QuorumView at;
    const char* expected;
  };
  const Example examples[] = {
      {primary(0, "-", 0, "-", 0, "r1", 1), "s(1,r1) restart"},
      {primary(0, "-", 1, "r1", 1, "r1", 1), "q(0,r1)"},
      {primary(0, "-", 0, "-", 0, "r1 r2 r3", 2), "s(2,r1 r2 r3) restart"},
      {primary(0, "-", 2, "r1 r2 r3", 1, "r1 r2 r3", 2), "q(2,r1 r2 r3)"},
      {primary(2, "r1 r2 r3", 2, "r1 r2 r3", 3, "r1 r2 r3", 2), "q(1,r1 r2 r3)"},
      {primary(1, "r1 r2 r3", 2, "r1 r2 r3", 3, "r1 r2 r3", 2), ""},
      {primary(0, "r1", 1, "r1", 1, "r1 r2", 1), "q(1,r1 r2) s(1,r1 r2)"},
      {primary(0, "r1", 1, "r1", 1, "r1 r2", 2), "s(2,r1 r2) q(1,r1 r2)"},
      {primary(1, "r1 r2", 2, "r1 r2", 2, "r1 r2", 2), "q(0,r1 r2)"},
      {primary(1, "r1 r2", 1, "r1 r2", 1, "r1", 1), "s(1,r1) q(0,r1)"},
      {primary(0, "r1 r2", 2, "r1 r2", 1, "r1", 2), "q(0,r1) s(1,r1)"},
      {primary(1, "r1 r2", 1, "r1 r2", 0, "-", 1), "q(0,-) s(0,-)"},
      {primary(0, "r1", 1, "r1", 0, "r2", 1), "q(0,-) s(1,r2) restart"},
      {primary(2, "r1 r2 r3", 1, "r1 r2 r3", 3, "r1 r2 r3", 2), "s(2,r1 r2 r3) q(1,r1 r2 r3)"},
      {primary(1, "r1 r2 r3", 2, "r1 r2 r3", 3, "r1 r2 r3", 1), "q(2,r1 r2 r3) s(1,r1 r2 r3)"},
      {primary(2, "r1 r2 r3", 2, "r1 r2 r3", 3, "r1 r2 r3", 1), "s(1,r1 r2 r3)"},
      {primary(1, "r1 r2", 1, "r1 r2", 1, "r1 r3", 1), "s(1,r1) q(1,r1 r3) s(1,r1 r3)"},
      {primary(1, "r1 r2 r3 r4 r5", 4, "r1 r2 r3 r4 r5", 2, "r1 r2 r3", 2),
       "s(4,r1 r2 r3 r4) q(1,r1 r2 r3) s(2,r1 r2 r3)"},
      {primary(1, "r1 r2", 1, "r1", 1, "r1", 1), "q(0,r1)"},
      {primary(0, "r1", 2, "r1 r2", 1, "r1", 2), "s(1,r1)"},
      {primary(0, "r1", 2, "r1 r2", 1, "r1 r2", 2), "q(1,r1 r2)"},
      {primary(0, "r1 r2", 1, "r1 r2", 1, "r1 r2", 1), "q(1,r1 r2)"},
      {primary(1, "r1 r2", 2, "r1 r3", 1, "r1 r3", 1), "q(1,r1 r3) s(1,r1 r3)"},
      {primary(1, "r1 r2", 1, "r1 r2", 0, "r1 r2", 1), ""},
  };
  int number = 0;
  for (const auto& [at, expected] : examples) {
    ++number;
    EXPECT_EQ(shown(at), expected) << number;
    if (number == 22) {
      EXPECT_THAT(warned(at), StartsWith("Quorum and sync not guaranteed to overlap"));
    } else if (number == 23) {
      EXPECT_THAT(warned(at), StartsWith("Mismatched sets"));
    } else {
      EXPECT_EQ(warned(at), "") << number;
    }
  }
}

QuorumView led_by(const char* me, QuorumView at) {
  at.me = me;
  return at;
}

TEST(QuorumSteps, a_new_leader_takes_over_the_record_and_waits_for_its_standbys) {
  EXPECT_EQ(shown(led_by("r1", primary(2, "r1 r2 r3", 1, "p r2 r3", 0, "-", 1))), "q(r1; 2,p r2 r3)");
  QuorumView next = led_by("r1", primary(2, "p r2 r3", 1, "p r2 r3", 1, "r2 r3", 1));
  next.leader = "r1";
  EXPECT_EQ(shown(next), "s(1,r2 r3) q(1,r2 r3)");
  // Beyond the examples: a commit may be where p is, so r2 and r3 do not elect before one of them confirms.
  next.confirmed = 0;
  EXPECT_EQ(shown(next), "s(1,r2 r3) q(2,r2 r3)");
}

TEST(QuorumSteps, a_new_leader_that_waits_for_nobody_sets_its_standbys_first) {
  EXPECT_EQ(shown(led_by("r2", primary(1, "r1 r2", 0, "-", 0, "-", 1))), "s(1,p r1) q(r2; 1,p r1)");
}

TEST(QuorumSteps, a_new_leader_from_outside_waits_for_one_more) {
  EXPECT_EQ(shown(led_by("r3", primary(1, "r1 r2", 2, "p r1 r2", 0, "-", 1))), "q(r3; 1,p r1 r2)");
  QuorumView next = led_by("r3", primary(1, "p r1 r2", 2, "p r1 r2", 0, "r1 r2", 1));
  next.leader = "r3";
  EXPECT_EQ(shown(next), "s(2,r1 r2) q(1,r1 r2) s(1,r1 r2)");
}

TEST(QuorumSteps, a_leader_under_a_new_name_is_no_member_that_went_away) {
  QuorumView renamed = primary(1, "r1 r2", 1, "r1 r2", 2, "r1 r2", 1);
  renamed.leader = "old";
  EXPECT_EQ(shown(renamed), "q(p; 1,r1 r2)");
  EXPECT_THAT(warned(renamed), StartsWith("Quorum and sync not guaranteed to overlap"));
}

TEST(QuorumSteps, a_leader_that_was_just_promoted_waits_for_its_standbys_to_come_back) {
  QuorumView at = primary(1, "r1 r2", 1, "r1 r2", 0, "-", 1);
  at.reconnecting = true;
  EXPECT_EQ(shown(at), "");
  at.active = set_of("r2");
  EXPECT_EQ(shown(at), "s(1,r2) q(1,r2)");
  at.reconnecting = false;
  at.active = {};
  EXPECT_EQ(shown(at), "q(0,-) s(0,-)");
}

TEST(QuorumSteps, what_makes_no_sense_is_mended) {
  EXPECT_EQ(shown(primary(7, "r1 r2", 1, "r1 r2", 2, "r1 r2", 1)), "q(1,r1 r2)");
  EXPECT_EQ(shown(primary(-1, "r1", 1, "r1", 1, "r1", 0)), "");
  EXPECT_EQ(shown(primary(0, "r1", 9, "r1 p", 1, "r1 p", 1)), "");
  EXPECT_EQ(shown(primary(0, "r1", 0, "-", 0, "r1", 1)), "q(0,-) s(1,r1) restart");
}

TEST(QuorumSteps, the_case_of_letters_makes_no_other_member) {
  QuorumView at = primary(1, "R1 r2 R3", 2, "r1 R2 r3", 3, "R1 R2 R3", 2);
  at.leader = "P";
  EXPECT_EQ(shown(at), "");
  EXPECT_EQ(shown(primary(1, "R1 r2", 1, "r1 R2", 1, "R1", 1)), "s(1,r1) q(0,r1)");
}

/// Nobody is elected by those that a commit did not wait for: fewer than both groups together have members.
bool is_safe(const QuorumView& at) {
  NameSet all = joined(at.voters, at.standbys);
  all.insert({at.leader, at.me});
  return at.voters.empty() || static_cast<int>(all.size()) <= at.quorum + at.count + 1;
}

void carry_out(QuorumView& at, const QuorumStep& step) {
  if (step.kind == QuorumStep::Kind::quorum) {
    at.leader = step.leader, at.quorum = step.number, at.voters = step.names;
  } else if (step.kind == QuorumStep::Kind::standbys) {
    at.count = step.number, at.standbys = step.names;
  }
}

std::string told(const QuorumView& at) {
  return fmt::format("quorum {} of {}, {} of {}, {} confirmed, active {}, wanted {}", at.quorum,
                     listed(at.voters), at.count, listed(at.standbys), at.confirmed, listed(at.active),
                     at.wanted);
}

TEST(QuorumSteps, one_at_a_time_lead_large_clusters_to_where_they_should_be) {
  constexpr unsigned kMembers = 9;
  constexpr int kRounds = 1500, kMostLooks = 30;
  std::mt19937 random(20240917);
  const auto below = [&](int limit) { return static_cast<int>(random() % static_cast<unsigned>(limit)); };
  const auto some = [&](const NameSet& also, int sparse) {
    NameSet set;
    for (unsigned n = 0; n < kMembers; ++n)
      if (const auto name = fmt::format("{}{}", below(2) ? "n" : "N", n);
          below(sparse) == 0 || also.contains(name))
        set.insert(name);
    return set;
  };
  int walked = 0;
  for (int round = 0; round < kRounds; ++round) {
    QuorumView at{
        .leader = "p", .standbys = some({}, 2), .active = some({}, 2), .wanted = 1 + below(4), .me = "P"};
    // Mostly as an interrupted change leaves them.
    at.voters = below(3) == 0 ? at.standbys : some(below(2) ? at.standbys : NameSet(), 3);
    at.count = at.standbys.empty() ? 0 : 1 + below(static_cast<int>(at.standbys.size()));
    at.quorum = below(static_cast<int>(at.voters.size()) + 1);
    if (!is_safe(at)) continue;
    ++walked;
    const QuorumView start = at;
    int looks = 0;
    for (; looks < kMostLooks; ++looks) {
      const int all = static_cast<int>(common(at.standbys, at.active).size());
      at.confirmed = below(3) == 0 ? below(all + 1) : all;
      const auto found = policy::quorum_steps(at);
      if (found.steps.empty() && at.confirmed == all) break;
      if (!found.steps.empty()) carry_out(at, found.steps.front());
      ASSERT_TRUE(is_safe(at)) << told(start) << "\n" << told(at);
    }
    const int active = static_cast<int>(at.active.size()), count = std::min(at.wanted, active);
    EXPECT_LT(looks, kMostLooks) << told(start);
    EXPECT_EQ(at.voters, at.active) << told(start);
    EXPECT_EQ(at.standbys, at.active) << told(start);
    EXPECT_EQ(at.count, count) << told(start);
    EXPECT_EQ(at.quorum, active - count) << told(start);
  }
  EXPECT_GT(walked, kRounds / 5);
}

}  // namespace
}  // namespace tanist::ha
