#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "ha/policy/quorum_steps.h"

/// Up to five members, sets of them as bits, and sets of such sets: who may elect and who may hold a commit
/// is listed, not calculated.
namespace tanist::ha::quorum_model {

constexpr int kMost = 5;

/// Bit n: member n.
using Members = std::uint32_t;
/// Bit n: the members that the bits of n say.
using Families = std::uint32_t;

inline int size(Members members) {
  return std::popcount(members);
}

inline Members only(int member) {
  return Members{1} << member;
}

/// What /sync and synchronous_standby_names say.
struct State {
  int leader = 0;
  int quorum = 0;
  Members voters = 0;
  int count = 0;
  Members standbys = 0;
  /// The primary.
  int me = 0;
  auto operator<=>(const State&) const = default;
};

/// What is seen beside them.
struct Seen {
  int confirmed = 0;
  Members active = 0;
  int wanted = 1;
  /// Who stands in another zone, and how many of them each commit needs.
  Members others = 0;
  int other_zones = 0;
  auto operator<=>(const Seen&) const = default;
};

struct Step {
  policy::QuorumStep::Kind kind{};
  int number = 0;
  Members names = 0;
};

struct Steps {
  std::vector<Step> steps;
  bool warned = false;
};

/// Names of members: the rules go by their order in places, so each test is made with both.
enum class Order { upward, downward };

inline std::string name_of(int member, Order order) {
  return "m" + std::to_string(order == Order::upward ? member : kMost - member);
}

inline NameSet names_of(Members members, Order order) {
  NameSet names;
  for (int member = 0; member < kMost; ++member)
    if (members & only(member)) names.insert(name_of(member, order));
  return names;
}

inline Members members_of(const NameSet& names, Order order) {
  Members members = 0;
  for (int member = 0; member < kMost; ++member)
    if (names.contains(name_of(member, order))) members |= only(member);
  return members;
}

/// quorum_steps, each question asked once.
class Rules {
 public:
  explicit Rules(Order order) : order_(order) {}

  const Steps& of(const State& at, const Seen& seen) {
    auto [found, is_new] = known_.try_emplace({at, seen});
    if (is_new) found->second = ask(at, seen);
    return found->second;
  }

 private:
  Steps ask(const State& at, const Seen& seen) const {
    const auto found = policy::quorum_steps(
        {.leader = name_of(at.leader, order_),
         .quorum = at.quorum,
         .voters = names_of(at.voters, order_),
         .count = at.count,
         .standbys = names_of(at.standbys, order_),
         .confirmed = seen.confirmed,
         .active = names_of(seen.active, order_),
         .wanted = seen.wanted,
         .me = name_of(at.me, order_),
         .zones = {.wanted = seen.other_zones, .members = names_of(seen.others, order_)}});
    Steps steps{.steps = {}, .warned = !found.warnings.empty()};
    for (const auto& step : found.steps)
      steps.steps.push_back({step.kind, step.number, members_of(step.names, order_)});
    return steps;
  }

  Order order_;
  std::map<std::pair<State, Seen>, Steps> known_;
};

inline State after(State at, const Step& step) {
  if (step.kind == policy::QuorumStep::Kind::quorum) {
    at.leader = at.me, at.quorum = step.number, at.voters = step.names;
  } else if (step.kind == policy::QuorumStep::Kind::standbys) {
    at.count = step.number, at.standbys = step.names;
  }
  return at;
}

/// The sets of members that can acknowledge a commit: the primary and `count` of its standbys (no matter who
/// else).
inline Families commits(const State& at) {
  Families families = 0;
  for (Members set = 0; set < only(kMost); ++set)
    if ((set & only(at.me)) && size(set & at.standbys & ~only(at.me)) >= at.count)
      families |= Families{1} << set;
  return families;
}

/// The sets of members that can elect one of them (replication.md §20): a candidate, and as many of leader
/// and voters as the quorum asks for. The leader of the record needs nobody, where `leader_alone`.
inline Families elections(const State& at, bool leader_alone) {
  Families families = 0;
  const Members asked = at.voters | only(at.leader);
  for (Members set = 0; set < only(kMost); ++set) {
    bool elects = leader_alone && (set & only(at.leader));
    for (int candidate = 0; candidate < kMost; ++candidate) {
      if (!(set & only(candidate))) continue;
      const bool among = asked & only(candidate);
      elects = elects || size(set & asked & ~only(candidate)) >= at.quorum + (among ? 0 : 1);
    }
    if (elects) families |= Families{1} << set;
  }
  return families;
}

/// Each set of the one has a member in common with each of the other.
inline bool meet(Families one, Families other) {
  static const auto apart = [] {
    std::array<Families, std::size_t{1} << kMost> table{};
    for (Members a = 0; a < table.size(); ++a)
      for (Members b = 0; b < table.size(); ++b)
        if ((a & b) == 0) table[a] |= Families{1} << b;
    return table;
  }();
  for (Members set = 0; set < apart.size(); ++set)
    if ((one >> set & 1) && (other & apart[set])) return false;
  return true;
}

/// No commit that is acknowledged from now on can be missing on who is elected.
inline bool is_safe(const State& at, bool leader_alone = true) {
  return meet(commits(at), elections(at, leader_alone));
}

/// As the changes of one leader leave it: one set holds the other, and both together are no larger than
/// quorum and count allow.
inline bool is_sound(const State& at) {
  const Members asked = at.voters | only(at.leader), held = at.standbys | only(at.me), all = asked | held;
  return (all == asked || all == held) && (at.voters == 0 || size(all) <= at.quorum + at.count + 1);
}

inline std::string text(Members members) {
  std::string out;
  for (int member = 0; member < kMost; ++member)
    if (members & only(member)) out += std::to_string(member);
  return out.empty() ? "-" : out;
}

inline std::string text(const State& at) {
  return "leader " + std::to_string(at.leader) + " quorum " + std::to_string(at.quorum) + " of " +
         text(at.voters) + ", " + std::to_string(at.me) + " waits for " + std::to_string(at.count) + " of " +
         text(at.standbys);
}

inline std::string text(const Seen& seen) {
  return "; " + std::to_string(seen.confirmed) + " confirmed, active " + text(seen.active) + ", wanted " +
         std::to_string(seen.wanted) +
         (seen.other_zones > 0 ? ", " + std::to_string(seen.other_zones) + " of " + text(seen.others) : "");
}

inline std::string text(const Steps& steps) {
  using Kind = policy::QuorumStep::Kind;
  std::string out;
  for (const auto& step : steps.steps)
    out += step.kind == Kind::restart ? " restart"
                                      : std::string(step.kind == Kind::quorum ? " q(" : " s(") +
                                            std::to_string(step.number) + "," + text(step.names) + ")";
  return out.empty() ? " nothing" : out;
}

}  // namespace tanist::ha::quorum_model
