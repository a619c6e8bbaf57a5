#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "member.h"

namespace tanist::sim {

/// What operators have asked single members for, and what became of it: what was accepted is carried out or
/// refused with a reason, and nothing happens that nobody has asked for.
class OrderBook {
 public:
  explicit OrderBook(World& world) : world_(world) {}

  /// What somebody is asked; the answer is to go through what is returned.
  template <class Order>
  using Answered = MemberObserver::Answered<Order>;
  Answered<ha::order::Reinitialize> ordered(Member& m, const ha::order::Reinitialize& wanted,
                                            Answered<ha::order::Reinitialize> answered);
  Answered<ha::order::ScheduleRestart> ordered(Member& m, const ha::order::ScheduleRestart& wanted,
                                               Answered<ha::order::ScheduleRestart> answered);
  Answered<ha::order::DropScheduledRestart> ordered(Member& m,
                                                    Answered<ha::order::DropScheduledRestart> answered);

  void decided(Member& m, const ha::View& view, const ha::Decision& decision);
  /// Whether the data directory goes because an operator has asked for that; then somebody has.
  bool removed(Member& m, const std::string& why);
  /// Nothing is left to be done or answered.
  bool settled() const;
  /// What is left, and what was not kept; empty: nothing.
  std::string broken() const;

 private:
  struct Copy {
    Member* member = nullptr;
    std::uint64_t incarnation = 0;
    /// How many of the member's data directories had been removed.
    int removals_before = 0;
    std::optional<ha::order::Reinitialize::Answer> answer;
    /// It was told why nothing came of it after all.
    bool failed = false;
  };
  struct Schedule {
    Member* member = nullptr;
    WallTime at{};
    /// nullopt: not answered (yet).
    std::optional<bool> accepted;
    bool withdrawn = false;
    /// A decision has carried it out, or refused it.
    bool over = false;
  };
  Schedule* schedule_of(Member& m, WallTime at);
  bool lost(const Copy& copy) const;
  bool said_and_not_done(const Copy& copy) const;

  World& world_;
  std::vector<Copy> copies_;
  std::vector<Schedule> schedules_;
  std::map<Member*, int> removals_;
  /// Copies that were begun: by member, incarnation and order.
  std::map<Member*, std::set<std::pair<std::uint64_t, ha::OrderId>>> begun_;
};

}  // namespace tanist::sim
