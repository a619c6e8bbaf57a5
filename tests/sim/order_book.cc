#include "order_book.h"

#include <algorithm>

#include "core/format.h"

/// Orders to single members, from what is asked to what became of it.
namespace tanist::sim {

namespace order = ha::order;

namespace {

/// As ha/policy/reinitialize gives it for a reason.
constexpr std::string_view kAskedFor = "an operator has asked for a new copy";

}  // namespace

OrderBook::Answered<order::Reinitialize> OrderBook::ordered(Member& m, const order::Reinitialize& wanted,
                                                            Answered<order::Reinitialize> answered) {
  const std::size_t number = copies_.size();
  copies_.push_back({.member = &m,
                     .incarnation = m.incarnations(),
                     .removals_before = removals_[&m],
                     .answer = std::nullopt});
  if (wanted.force) world_.note("operator", "forces it");
  return [this, number, answered = std::move(answered)](order::Reinitialize::Answer answer) {
    Copy& copy = copies_[number];
    const bool refused = answer.outcome == order::Reinitialize::Answer::Outcome::refused;
    if (refused && answer.why.empty())
      world_.violated(Invariant::obedience, copy.member->name() + " refuses a new copy without a reason");
    world_.note(copy.member->name(),
                "answers the operator: " + (refused ? answer.why : std::string("reinitialize started")));
    copy.answer = answer;
    if (answered) answered(std::move(answer));
  };
}

OrderBook::Answered<order::ScheduleRestart> OrderBook::ordered(Member& m,
                                                               const order::ScheduleRestart& wanted,
                                                               Answered<order::ScheduleRestart> answered) {
  const std::size_t number = schedules_.size();
  schedules_.push_back({.member = &m, .at = wanted.at, .accepted = std::nullopt});
  return [this, number, answered = std::move(answered)](order::ScheduleRestart::Answer answer) {
    Schedule& planned = schedules_[number];
    planned.accepted = answer && *answer == order::ScheduleRestart::Outcome::scheduled;
    if (!answer && answer.error().empty())
      world_.violated(Invariant::obedience,
                      planned.member->name() + " refuses a scheduled restart without a reason");
    world_.note(planned.member->name(), *planned.accepted ? "answers the operator: restart scheduled"
                                        : answer          ? "answers the operator: another is scheduled"
                                                          : "answers the operator: " + answer.error());
    if (answered) answered(std::move(answer));
  };
}

OrderBook::Answered<order::DropScheduledRestart> OrderBook::ordered(
    Member& m, Answered<order::DropScheduledRestart> answered) {
  return [this, &m, answered = std::move(answered)](order::DropScheduledRestart::Answer answer) {
    if (answer && *answer == order::DropScheduledRestart::Outcome::dropped) {
      world_.note(m.name(), "answers the operator: scheduled restart deleted");
      for (auto& planned : schedules_)
        if (planned.member == &m && planned.accepted.value_or(true)) planned.withdrawn = true;
    }
    if (answered) answered(std::move(answer));
  };
}

OrderBook::Schedule* OrderBook::schedule_of(Member& m, WallTime at) {
  const auto found =
      std::ranges::find_if(schedules_, [&](const Schedule& one) { return one.member == &m && one.at == at; });
  return found == schedules_.end() ? nullptr : &*found;
}

void OrderBook::decided(Member& m, const ha::View& view, const ha::Decision& decision) {
  const auto* clone = std::get_if<ha::intent::Clone>(&decision.intent);
  if (clone && clone->order) {
    auto& begun = begun_[&m];
    begun.emplace(m.incarnations(), *clone->order);
    const auto asked = std::ranges::count_if(copies_, [&](const Copy& copy) { return copy.member == &m; });
    if (std::ssize(begun) > asked)
      world_.violated(Invariant::obedience,
                      m.name() + " replaces its data by a copy that nobody has asked for");
  }
  const auto& last = view.last_operation;
  if (last && last->order && last->kind == ha::OperationKind::clone && !last->ok()) {
    // The member says so in its log; who was told that it began is told no more.
    for (auto& copy : copies_)
      if (copy.member == &m && copy.incarnation == m.incarnations()) copy.failed = true;
  }
  const auto& planned = view.commands.scheduled_restart;
  if (!planned) return;
  for (const auto& ordered : decision.duties) {
    const auto* answer = std::get_if<ha::duty::Answer>(&ordered.duty);
    if (!answer || answer->id != planned->id) continue;
    Schedule* known = schedule_of(m, planned->wanted.at);
    const bool begins =
        std::get<order::Restart::Answer>(answer->answer).outcome == order::Restart::Answer::Outcome::begun;
    if (begins && (!known || known->withdrawn))
      world_.violated(Invariant::obedience,
                      fmt::format("{} restarts at {}, which nobody has asked for{}", m.name(),
                                  iso8601(planned->wanted.at), known && known->withdrawn ? " any more" : ""));
    if (known) known->over = true;
  }
}

bool OrderBook::removed(Member& m, const std::string& why) {
  ++removals_[&m];
  if (why != kAskedFor) return false;
  if (begun_[&m].empty())
    world_.violated(Invariant::obedience,
                    m.name() + " removes data on request, and nobody has asked for that");
  return true;
}

bool OrderBook::lost(const Copy& copy) const {
  // With its daemon goes whoever waits for an answer, and what it was about to do.
  return !copy.member->running() || copy.member->incarnations() != copy.incarnation;
}

bool OrderBook::said_and_not_done(const Copy& copy) const {
  const bool started = copy.answer && copy.answer->outcome == order::Reinitialize::Answer::Outcome::started;
  const auto removals = removals_.find(copy.member);
  const bool gone = removals != removals_.end() && removals->second > copy.removals_before;
  return started && !gone && !copy.failed;
}

bool OrderBook::settled() const {
  // The removal comes a moment after the answer.
  const bool answered = std::ranges::all_of(
      copies_, [this](const Copy& copy) { return lost(copy) || (copy.answer && !said_and_not_done(copy)); });
  return answered && std::ranges::all_of(schedules_, [](const Schedule& planned) {
           return planned.over || planned.withdrawn || !planned.accepted.value_or(false);
         });
}

std::string OrderBook::broken() const {
  for (const auto& copy : copies_) {
    if (lost(copy)) continue;
    if (!copy.answer) return copy.member->name() + " has not answered who asked for a new copy";
    if (said_and_not_done(copy))
      return copy.member->name() + " has said that it makes a new copy, and did not";
  }
  for (const auto& planned : schedules_)
    if (planned.accepted.value_or(false) && !planned.withdrawn && !planned.over)
      return fmt::format("the restart of {} at {} was accepted, and neither carried out nor refused",
                         planned.member->name(), iso8601(planned.at));
  return {};
}

}  // namespace tanist::sim
