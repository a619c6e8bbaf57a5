#include "ha/policy/quorum_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tanist::ha::policy {
namespace {

using Kind = QuorumStep::Kind;

int size(const NameSet& names) {
  return static_cast<int>(names.size());
}

/// In the order of their bytes.
NameSet first_of(const NameSet& names, int number) {
  const auto list = in_text_order(names);
  return {list.begin(), list.begin() + std::clamp(number, 0, size(names))};
}

NameSet last_of(const NameSet& names, int number) {
  const auto list = in_text_order(names);
  return {list.end() - std::clamp(number, 0, size(names)), list.end()};
}

/// What is wrong with a state; empty: nothing.
std::string problem_of(const QuorumView& at) {
  NameSet electors = at.voters, holders = at.standbys;
  electors.insert(at.leader);
  holders.insert(at.me);
  // Without voters there is only the leader to elect, and it has everything.
  const int all = size(joined(electors, holders));
  if (!at.voters.empty() && all > at.quorum + at.count + 1)
    return fmt::format(
        "Quorum and sync not guaranteed to overlap: of {} members {} elect and {} hold a commit at least",
        all, at.quorum + 1, at.count + 1);
  if (!is_within(electors, holders) && !is_within(holders, electors))
    return fmt::format("Mismatched sets: only in /sync {}, only in synchronous_standby_names {}",
                       fmt::join(without(electors, holders), ","),
                       fmt::join(without(holders, electors), ","));
  return {};
}

/// Collects the steps; `at_` is what stands once they are done. After one that is refused, or an end, no more
/// are added.
class Plan {
 public:
  explicit Plan(QuorumView view) : at_(std::move(view)) {
    at_.wanted = std::max(at_.wanted, 1);
    at_.active.erase(at_.me);
    at_.zones.wanted = std::min(at_.zones.wanted, at_.zones.among(at_.active));
    at_.wanted = std::max(at_.wanted, at_.zones.least_count(at_.active));
    // What stands in the store, or was set by hand, may make no sense. A quorum of all voters is one that
    // elects nobody without the leader.
    at_.voters.erase(at_.leader);
    at_.standbys.erase(at_.me);
    at_.quorum = std::clamp(at_.quorum, 0, size(at_.voters));
    at_.count = std::min(at_.count, size(at_.standbys));
    if (at_.count <= 0) at_.count = 0, at_.standbys.clear();
    at_.confirmed = std::clamp(at_.confirmed, 0, size(common(at_.standbys, at_.active)));
  }

  QuorumSteps made() {
    if (!same_name(at_.leader, at_.me)) {
      take_lead();
    } else if (at_.reconnecting && common(at_.standbys, at_.active).empty()) {
      over_ = true;
    } else {
      refused_ = !is_sound(at_);
    }
    mend();
    finish_interrupted();
    use_confirmed();
    // Those of other zones that have gone leave the list after those that have come are in it.
    if (would_miss_zones(common(at_.standbys, at_.active))) add_new();
    drop_gone();
    add_new();
    change_count();
    return std::move(made_);
  }

 private:
  bool ended() const { return over_ || refused_; }

  bool is_sound(const QuorumView& at) {
    auto problem = problem_of(at);
    if (problem.empty()) return true;
    made_.warnings.push_back(std::move(problem));
    return false;
  }

  void add(QuorumStep step) {
    if (!made_.steps.empty() && made_.steps.back().kind == step.kind) made_.steps.pop_back();
    made_.steps.push_back(std::move(step));
  }

  void record(int quorum, NameSet voters) {
    if (ended()) return;
    if (same_name(at_.leader, at_.me) && at_.quorum == quorum && at_.voters == voters) {
      if (!voters.empty()) return;
      add({.kind = Kind::restart});
      over_ = true;
      return;
    }
    QuorumView next = at_;
    next.leader = at_.me, next.quorum = quorum, next.voters = std::move(voters);
    refused_ = !is_sound(next);
    if (refused_) return;
    at_ = std::move(next);
    add({.kind = Kind::quorum, .leader = at_.leader, .number = at_.quorum, .names = at_.voters});
  }

  /// With the least quorum that no commit needs to fear: neither those that come, which `count` standbys
  /// hold, nor those that have been.
  void set_voters(const NameSet& voters, int count) {
    if (voters.empty() || (at_.confirmed == 0 && at_.voters.empty())) return record(0, {});
    // Beyond replication.md §17: each commit so far is held by as many voters as the quorum in force is short
    // of all of them, and by all standbys that have confirmed, who stay voters. Which of them left is not
    // known, so those that do are taken for holders.
    const int left = size(without(at_.voters, voters));
    const int holders = std::max(at_.confirmed, size(at_.voters) - at_.quorum - left);
    record(size(voters) - std::min(count, holders), voters);
  }

  void set_standbys(int count, NameSet names) {
    if (ended()) return;
    QuorumView next = at_;
    // replication.md §21: also on the way from one list to another. To wait for more is always safe.
    next.count = std::max(count, at_.zones.least_count(names)), next.standbys = std::move(names);
    refused_ = !is_sound(next);
    if (refused_) return;
    at_ = std::move(next);
    add({.kind = Kind::standbys, .leader = at_.leader, .number = at_.count, .names = at_.standbys});
  }

  /// A list of these alone would have too few of other zones, and the one of now has more.
  bool would_miss_zones(const NameSet& stay) const {
    const int others = at_.zones.among(stay);
    return others < at_.zones.wanted && others < at_.zones.among(at_.standbys);
  }

  void take_lead() {
    NameSet voters = without(at_.voters, {at_.me});
    voters.insert(at_.leader);
    if (at_.standbys.empty()) set_standbys(std::max(size(voters) - at_.quorum, 1), voters);
    // Whoever was elected has all commits, so as many as before have to agree.
    record(at_.quorum, std::move(voters));
    // The standbys need a moment to find the new primary.
    over_ = !refused_ && common(at_.standbys, at_.active).empty();
  }

  void mend() {
    if (!std::exchange(refused_, false)) return;
    const int quorum = size(at_.standbys) - at_.count;
    if (at_.standbys.empty()) {
      record(0, {});
    } else {
      // What the record promised of earlier commits may never have been true.
      record(quorum + std::max(at_.count - at_.confirmed, 0), at_.standbys);
    }
  }

  /// Brings voters and standbys together, where only one of them was written.
  void finish_interrupted() {
    if (is_within(at_.standbys, at_.voters)) {
      const NameSet stay = joined(at_.standbys, common(at_.voters, at_.active));
      if (at_.standbys.empty()) {
        if (!at_.voters.empty()) set_voters({}, 0);
        return;
      }
      if (!(stay == at_.voters)) set_voters(stay, at_.count);
      if (!is_within(stay, at_.standbys)) set_standbys(at_.count, stay);
    } else {
      // Beyond the reference, which takes out voters that are gone, too: it ends then in sets that do not
      // fit, and does nothing for as long as those are gone.
      NameSet stay = joined(at_.voters, common(at_.standbys, at_.active));
      // With nobody to elect any list will do; else who is gone is left in for now.
      if (would_miss_zones(stay)) stay = at_.voters.empty() ? at_.active : at_.standbys;
      if (!is_within(at_.standbys, stay)) set_standbys(std::min(at_.count, size(stay)), stay);
      if (!is_within(stay, at_.voters)) set_voters(stay, at_.count);
    }
  }

  /// The standbys have confirmed more than the quorum counts on.
  void use_confirmed() {
    const int all = size(at_.standbys);
    if (at_.quorum + std::min(at_.count, at_.confirmed) <= all) return;
    const int least = std::max(at_.wanted, at_.zones.least_count(at_.standbys));
    if (at_.count > least) {
      set_standbys(std::max(least, all - at_.quorum), at_.standbys);
    } else {
      set_voters(at_.voters, at_.count);
    }
  }

  void drop_gone() {
    NameSet gone = without(at_.standbys, at_.active);
    if (gone.empty()) return;
    if (gone == at_.standbys) {
      set_voters({}, 0);
      set_standbys(0, {});
      return;
    }
    // As many as an election can do without leave synchronous_standby_names first.
    if (at_.quorum > 0) {
      const NameSet stay = without(at_.standbys, last_of(gone, at_.quorum));
      set_standbys(std::min(std::max(at_.wanted, at_.count), size(stay)), stay);
      set_voters(stay, at_.count);
      gone = common(gone, stay);
    }
    // The others leave /sync first: commits wait for all of them.
    if (gone.empty()) return;
    const NameSet stay = without(at_.standbys, gone);
    const int count = size(stay);
    set_voters(stay, std::min(at_.wanted, count));
    set_standbys(count, stay);
  }

  void add_new() {
    NameSet fresh = without(at_.active, at_.standbys);
    if (fresh.empty()) return;
    const int count = std::min(at_.wanted, size(joined(at_.standbys, fresh)));
    const int more = count - at_.count;
    if (at_.standbys.empty()) {
      set_standbys(count, fresh);
      set_voters(fresh, count);
      return;
    }
    // More commits wait first, then there are more voters.
    if (more > 0) {
      const NameSet chosen = first_of(fresh, more);
      const NameSet all = joined(at_.standbys, chosen);
      set_standbys(at_.count + size(chosen), all);
      set_voters(all, at_.count);
      fresh = without(fresh, chosen);
    }
    // More have to agree first, then commits are content with any of more.
    if (fresh.empty()) return;
    const NameSet all = joined(at_.standbys, fresh);
    set_voters(all, count);
    set_standbys(count, all);
  }

  void change_count() {
    const int all = size(at_.standbys);
    const int count = std::min(at_.wanted, all);
    if (count > at_.count) {
      set_standbys(count, at_.standbys);
      set_voters(at_.voters, count);
    } else if (count < at_.count) {
      if (at_.quorum < all - count) set_voters(at_.voters, count);
      set_standbys(count, at_.standbys);
    }
  }

  QuorumView at_;
  QuorumSteps made_;
  bool refused_ = false;
  bool over_ = false;
};

}  // namespace

QuorumSteps quorum_steps(QuorumView view) {
  return Plan(std::move(view)).made();
}

}  // namespace tanist::ha::policy
