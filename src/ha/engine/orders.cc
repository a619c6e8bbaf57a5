#include "ha/engine/orders.h"

#include <utility>
#include <vector>

/// Orders from outside, kept until a decision has answered them.
namespace tanist::ha {
namespace {

OrderAnswer refusal(const Order& order, const std::string& why) {
  return std::visit(
      [&]<class One>(const One&) -> OrderAnswer { return typename One::Answer(One::Answer::refused(why)); },
      order);
}

}  // namespace

void OrdersInHand::shut_down(bool hurry) {
  commands_.hurry = commands_.hurry || (hurry && commands_.shutdown);
  commands_.shutdown = true;
  wake_();
}

Task<OrderAnswer> OrdersInHand::put(Order order) {
  if (closed_) co_return refusal(order, *closed_);
  // Owned here only once it is answered: an event that belongs to who waits for it would keep both for ever
  // when the daemon ends in between.
  std::shared_ptr<Waiting> mine;
  const OrderId id = ++last_id_;
  const auto waiting = waiting_.emplace(id, std::make_shared<Waiting>()).first->second.get();
  waiting->asker = &mine;
  struct Leaving {
    std::weak_ptr<Waiting> waiting;
    ~Leaving() {
      if (const auto there = waiting.lock()) there->asker = nullptr;
    }
  } leaving{waiting_.at(id)};
  commands_.asked.push_back({.id = id, .order = std::move(order)});
  wake_();
  co_await waiting->answered.wait();
  co_return *std::move(mine->answer);
}

order::ScheduleRestart::Outcome OrdersInHand::schedule(order::ScheduleRestart wanted,
                                                       std::string postmaster_start_time) {
  if (commands_.scheduled_restart) return order::ScheduleRestart::Outcome::scheduled_already;
  commands_.scheduled_restart = ScheduledRestart{.id = ++last_id_,
                                                 .wanted = std::move(wanted),
                                                 .postmaster_start_time = std::move(postmaster_start_time)};
  wake_();
  return order::ScheduleRestart::Outcome::scheduled;
}

order::DropScheduledRestart::Outcome OrdersInHand::drop_schedule() {
  if (!commands_.scheduled_restart) return order::DropScheduledRestart::Outcome::none_scheduled;
  commands_.scheduled_restart.reset();
  wake_();
  return order::DropScheduledRestart::Outcome::dropped;
}

void OrdersInHand::begun(OrderId id) {
  for (auto& asked : commands_.asked)
    if (asked.id == id) asked.begun = true;
}

void OrdersInHand::answer(OrderId id, OrderAnswer answer) {
  if (commands_.scheduled_restart && commands_.scheduled_restart->id == id)
    commands_.scheduled_restart.reset();
  std::erase_if(commands_.asked, [&](const Asked& asked) { return asked.id == id; });
  const auto waiting = waiting_.extract(id);
  if (!waiting) return;
  const auto& there = waiting.mapped();
  there->answer = std::move(answer);
  if (there->asker) *there->asker = there;
  there->answered.set();
}

void OrdersInHand::close(std::string why) {
  closed_ = why;
  for (const auto& asked : std::exchange(commands_.asked, {})) answer(asked.id, refusal(asked.order, why));
}

}  // namespace tanist::ha
