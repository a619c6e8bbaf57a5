#include "ha/engine/orders.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "async/task_scope.h"
#include "contract/run_task.h"

namespace tanist::ha {
namespace {

using Answer = order::Restart::Answer;
using Outcome = Answer::Outcome;
using Scheduled = order::ScheduleRestart::Outcome;
using Dropped = order::DropScheduledRestart::Outcome;

class Orders : public ::testing::Test {
 protected:
  ~Orders() override { tanist::test::run(io, scope.close()); }

  static Task<void> wait(Orders* self, std::size_t place) {
    const order::Restart restart;
    const OrderAnswer answer = co_await self->orders.put(restart);
    self->answers.at(place) = std::get<Answer>(answer);
  }
  TaskHandle ask() {
    answers.emplace_back();
    auto asker = scope.spawn("ask", wait(this, answers.size() - 1));
    settle();
    return asker;
  }
  void settle() {
    io.restart();
    io.poll();
  }
  const std::vector<Asked>& asked() const { return orders.commands().asked; }
  static order::ScheduleRestart tomorrow() { return {.restart = {}, .at = {}}; }

  boost::asio::io_context io{1};
  int woken = 0;
  OrdersInHand orders{[this] { ++woken; }};
  std::vector<std::optional<Answer>> answers;
  TaskScope scope{io.get_executor()};
};

TEST_F(Orders, wake_the_cycle_and_wait_until_a_decision_answers_them) {
  ask();
  ASSERT_EQ(asked().size(), 1u);
  EXPECT_EQ(woken, 1);
  EXPECT_FALSE(asked()[0].begun);
  orders.begun(asked()[0].id);
  EXPECT_TRUE(asked()[0].begun);
  orders.answer(asked()[0].id, Answer{.outcome = Outcome::done});
  settle();
  EXPECT_EQ(answers[0]->outcome, Outcome::done);
  EXPECT_TRUE(asked().empty());
}

TEST_F(Orders, of_two_each_has_its_own_answer) {
  ask();
  ask();
  ASSERT_EQ(asked().size(), 2u);
  const OrderId first = asked()[0].id, second = asked()[1].id;
  EXPECT_NE(first, second);
  orders.begun(first);
  orders.answer(second, Answer::refused("restart already in progress"));
  settle();
  EXPECT_EQ(answers[1]->why, "restart already in progress");
  EXPECT_FALSE(answers[0]);
  orders.answer(first, Answer{.outcome = Outcome::failed});
  settle();
  EXPECT_EQ(answers[0]->outcome, Outcome::failed);
}

TEST_F(Orders, an_answer_to_nobody_is_harmless) {
  ask();
  orders.answer(asked()[0].id + 1, Answer{});
  settle();
  EXPECT_FALSE(answers[0]);
  EXPECT_EQ(asked().size(), 1u);
}

TEST_F(Orders, an_asker_that_is_gone_takes_nothing_back) {
  auto asker = ask();
  const OrderId id = asked()[0].id;
  asker.cancel();
  settle();
  ASSERT_EQ(asked().size(), 1u);
  orders.begun(id);
  orders.answer(id, Answer{.outcome = Outcome::done});
  EXPECT_TRUE(asked().empty());
  settle();
  EXPECT_FALSE(answers[0]);
}

TEST_F(Orders, at_the_end_of_the_daemon_everybody_is_answered) {
  ask();
  ask();
  orders.begun(asked()[0].id);
  orders.close("the daemon is shutting down");
  settle();
  ask();
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->outcome, Outcome::refused);
    EXPECT_EQ(answer->why, "the daemon is shutting down");
  }
  EXPECT_TRUE(asked().empty());
}

TEST_F(Orders, one_restart_is_scheduled_at_a_time_and_a_decision_ends_it) {
  EXPECT_EQ(orders.drop_schedule(), Dropped::none_scheduled);
  EXPECT_EQ(orders.schedule(tomorrow(), "then"), Scheduled::scheduled);
  EXPECT_EQ(orders.schedule(tomorrow(), "later"), Scheduled::scheduled_already);
  EXPECT_EQ(orders.commands().scheduled_restart->postmaster_start_time, "then");
  const OrderId first = orders.commands().scheduled_restart->id;
  ask();
  EXPECT_NE(asked()[0].id, first);
  orders.answer(first, Answer{.outcome = Outcome::begun});
  EXPECT_FALSE(orders.commands().scheduled_restart);
  EXPECT_EQ(asked().size(), 1u);
  EXPECT_EQ(orders.schedule(tomorrow(), ""), Scheduled::scheduled);
  EXPECT_EQ(orders.drop_schedule(), Dropped::dropped);
}

/// A decision on the schedule that was withdrawn meanwhile says nothing of the new one.
TEST_F(Orders, a_schedule_is_ended_by_its_own_id) {
  EXPECT_EQ(orders.schedule(tomorrow(), ""), Scheduled::scheduled);
  const OrderId first = orders.commands().scheduled_restart->id;
  EXPECT_EQ(orders.drop_schedule(), Dropped::dropped);
  EXPECT_EQ(orders.schedule(tomorrow(), ""), Scheduled::scheduled);
  orders.answer(first, Answer{.outcome = Outcome::begun});
  EXPECT_TRUE(orders.commands().scheduled_restart);
}

TEST_F(Orders, a_second_signal_counts_as_hurry_only_where_it_is) {
  orders.shut_down(true);
  EXPECT_TRUE(orders.commands().shutdown);
  EXPECT_FALSE(orders.commands().hurry);
  orders.shut_down(false);
  EXPECT_FALSE(orders.commands().hurry);
  orders.shut_down(true);
  EXPECT_TRUE(orders.commands().hurry);
}

}  // namespace
}  // namespace tanist::ha
