#include "async/wait.h"

#include <gtest/gtest.h>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "async/event.h"
#include "async/task_scope.h"
#include "unit/core/run.h"

namespace tanist {
namespace {

using namespace std::chrono_literals;
using test::run;

SystemClock system_clock;

Task<int> answer_after(Duration d) {
  co_await system_clock.sleep_for(d);
  co_return 42;
}

Task<void> fail_at_once() {
  throw std::runtime_error("broken");
  co_return;
}

Task<void> never(bool& cancelled) {
  Event event;
  try {
    co_await event.wait();
  } catch (const boost::system::system_error&) {
    cancelled = true;
    throw;
  }
}

TEST(wait, an_operation_that_ends_in_time_gives_its_result) {
  EXPECT_EQ(run(with_deadline(system_clock, answer_after(1ms), system_clock.now() + 10s)), std::optional(42));
}

TEST(wait, at_the_deadline_the_operation_is_cancelled_and_awaited) {
  bool cancelled = false;
  EXPECT_FALSE(run(run_until(system_clock, never(cancelled), system_clock.now() + 5ms)));
  EXPECT_TRUE(cancelled);
}

TEST(wait, a_deadline_in_the_past_ends_at_once) {
  bool cancelled = false;
  EXPECT_FALSE(run(run_until(system_clock, never(cancelled), system_clock.now() - 1s)));
}

TEST(wait, an_exception_passes_through_a_deadline) {
  EXPECT_THROW(run(run_until(system_clock, fail_at_once(), system_clock.now() + 10s)), std::runtime_error);
}

TEST(wait, the_first_of_a_race_wins_and_the_other_is_cancelled) {
  bool cancelled = false;
  EXPECT_EQ(run(race(never(cancelled), system_clock.sleep_for(1ms))), 1);
  EXPECT_TRUE(cancelled);
}

Task<void> add_after(Duration d, int& sum, int value) {
  co_await system_clock.sleep_for(d);
  sum += value;
}

TEST(wait, all_returns_when_every_one_has_ended) {
  int sum = 0;
  std::vector<Task<void>> tasks;
  for (int i = 1; i <= 5; ++i) tasks.push_back(add_after(1ms * i, sum, i));
  run(all(std::move(tasks)));
  EXPECT_EQ(sum, 15);
}

TEST(wait, all_of_nothing_returns) {
  run(all({}));
}

TEST(wait, the_first_failure_cancels_the_rest_and_is_thrown) {
  bool cancelled = false;
  std::vector<Task<void>> tasks;
  tasks.push_back(never(cancelled));
  tasks.push_back(fail_at_once());
  EXPECT_THROW(run(all(std::move(tasks))), std::runtime_error);
  EXPECT_TRUE(cancelled);
}

Task<void> set_twice_then_wait(int& woken) {
  Event event;
  event.set();
  event.set();
  co_await event.wait();
  ++woken;
  co_await event.wait();
  ++woken;
  event.clear();
  auto third = event.wait();
  if (co_await run_until(system_clock, std::move(third), system_clock.now() + 2ms)) ++woken;
}

TEST(event, stays_set_until_it_is_cleared) {
  int woken = 0;
  run(set_twice_then_wait(woken));
  EXPECT_EQ(woken, 2);
}

Task<void> close_a_scope(bool& cancelled, bool& joined) {
  TaskScope scope(co_await boost::asio::this_coro::executor);
  auto handle = scope.spawn("never", never(cancelled));
  co_await system_clock.sleep_for(1ms);
  EXPECT_TRUE(handle.running());
  co_await scope.close();
  joined = !handle.running();
}

TEST(task_scope, closing_cancels_and_awaits_what_runs) {
  bool cancelled = false;
  bool joined = false;
  run(close_a_scope(cancelled, joined));
  EXPECT_TRUE(cancelled);
  EXPECT_TRUE(joined);
}

Task<void> cancel_one(bool& cancelled) {
  TaskScope scope(co_await boost::asio::this_coro::executor);
  auto handle = scope.spawn("never", never(cancelled));
  co_await system_clock.sleep_for(1ms);
  handle.cancel();
  co_await handle.join();
  co_await scope.close();
}

TEST(task_scope, one_task_can_be_cancelled_and_joined) {
  bool cancelled = false;
  run(cancel_one(cancelled));
  EXPECT_TRUE(cancelled);
}

Task<void> shielded_nap(int& naps) {
  co_await shield_from_cancellation();
  co_await system_clock.sleep_for(200ms);
  ++naps;
}

TEST(wait, a_shielded_phase_finishes_although_it_was_cancelled) {
  int naps = 0;
  const Instant begun = system_clock.now();
  EXPECT_FALSE(run(run_until(system_clock, shielded_nap(naps), begun + 5ms)));
  EXPECT_EQ(naps, 1);
}

/// Ends slowly when it is cancelled, so that what waits beside it ends first.
Task<void> end_late() {
  co_await shield_from_cancellation();
  co_await system_clock.sleep_for(200ms);
}

Task<void> wait_and_note(std::vector<std::string>& said, Task<void> op) {
  try {
    const bool in_time = co_await run_until(system_clock, std::move(op), system_clock.now() + 10s);
    said.emplace_back(in_time ? "in time" : "deadline");
  } catch (const boost::system::system_error& error) {
    said.emplace_back(error.code() == boost::asio::error::operation_aborted ? "cancelled" : "broken");
  }
}

TEST(wait, a_cancelled_caller_is_told_of_no_deadline) {
  std::vector<std::string> said;
  bool cancelled = false;
  EXPECT_FALSE(run(run_until(system_clock, wait_and_note(said, end_late()), system_clock.now() + 5ms)));
  EXPECT_FALSE(run(run_until(system_clock, wait_and_note(said, never(cancelled)), system_clock.now() + 5ms)));
  EXPECT_EQ(said, (std::vector<std::string>{"cancelled", "cancelled"}));
}

Task<void> wait_for_event_and_note(std::vector<std::string>& said, Event& event, Duration patience) {
  try {
    const bool set = co_await wait_until(system_clock, event, system_clock.now() + patience);
    said.emplace_back(set ? "set" : "deadline");
  } catch (const boost::system::system_error& error) {
    said.emplace_back(error.code() == boost::asio::error::operation_aborted ? "cancelled" : "broken");
  }
}

TEST(wait, an_event_is_waited_for_until_a_deadline) {
  std::vector<std::string> said;
  Event event;
  run(wait_for_event_and_note(said, event, 1ms));
  EXPECT_FALSE(
      run(run_until(system_clock, wait_for_event_and_note(said, event, 10s), system_clock.now() + 5ms)));
  event.set();
  run(wait_for_event_and_note(said, event, 10s));
  EXPECT_EQ(said, (std::vector<std::string>{"deadline", "cancelled", "set"}));
}

Task<void> note(std::vector<std::string>& said, std::string what) {
  said.push_back(std::move(what));
  co_return;
}

Task<void> note_slowly(std::vector<std::string>& said) {
  said.push_back("begun");
  co_await system_clock.sleep_for(20ms);
  said.push_back("ended");
}

Task<void> fail_later() {
  co_await system_clock.sleep_for(1ms);
  throw std::logic_error("broken, too");
}

TEST(cleanup, runs_after_an_operation_that_ended_well) {
  std::vector<std::string> said;
  EXPECT_EQ(run(with_cleanup(answer_after(1ms), note_slowly(said))), 42);
  EXPECT_EQ(said, (std::vector<std::string>{"begun", "ended"}));
  run(with_cleanup(note(said, "done"), note(said, "undone")));
  EXPECT_EQ(said.back(), "undone");
}

TEST(cleanup, runs_after_an_operation_that_failed) {
  std::vector<std::string> said;
  EXPECT_THROW(run(with_cleanup(fail_at_once(), note_slowly(said))), std::runtime_error);
  EXPECT_EQ(said, (std::vector<std::string>{"begun", "ended"}));
}

TEST(cleanup, runs_to_its_end_after_a_cancelled_operation) {
  std::vector<std::string> said;
  bool cancelled = false;
  auto op = with_cleanup(never(cancelled), note_slowly(said));
  EXPECT_FALSE(run(run_until(system_clock, std::move(op), system_clock.now() + 1ms)));
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(said, (std::vector<std::string>{"begun", "ended"}));
}

TEST(cleanup, is_not_ended_by_a_cancellation_that_comes_meanwhile) {
  std::vector<std::string> said;
  auto op = with_cleanup(note(said, "done"), note_slowly(said));
  EXPECT_FALSE(run(run_until(system_clock, std::move(op), system_clock.now() + 5ms)));
  EXPECT_EQ(said, (std::vector<std::string>{"done", "begun", "ended"}));
}

TEST(cleanup, its_own_failure_counts_where_the_operation_had_none) {
  EXPECT_THROW(run(with_cleanup(answer_after(1ms), fail_later())), std::logic_error);
  EXPECT_THROW(run(with_cleanup(fail_at_once(), fail_later())), std::runtime_error);
}

/// Fails, is caught, and waits for something that never comes.
Task<void> go_on_after_a_failure(bool& caught, bool& cancelled) {
  try {
    co_await with_cleanup(fail_at_once(), fail_later());
  } catch (const std::runtime_error&) {
    caught = true;
  }
  co_await never(cancelled);
}

TEST(cleanup, leaves_a_caller_who_goes_on_open_to_cancellation) {
  bool caught = false;
  bool cancelled = false;
  EXPECT_FALSE(
      run(run_until(system_clock, go_on_after_a_failure(caught, cancelled), system_clock.now() + 20ms)));
  EXPECT_TRUE(caught);
  EXPECT_TRUE(cancelled);
}

Task<void> wait_after_the_cleanup(std::vector<std::string>& said) {
  co_await with_cleanup(note(said, "done"), note_slowly(said));
  co_await system_clock.sleep_for(10s);
  said.push_back("not cancelled");
}

TEST(cleanup, a_cancellation_that_came_meanwhile_meets_the_next_wait) {
  std::vector<std::string> said;
  const Instant begun = system_clock.now();
  EXPECT_FALSE(run(run_until(system_clock, wait_after_the_cleanup(said), begun + 5ms)));
  EXPECT_EQ(said, (std::vector<std::string>{"done", "begun", "ended"}));
  EXPECT_LT(system_clock.now() - begun, 5s);
}

TEST(cleanup, runs_if_and_only_if_the_operation_began) {
  std::vector<std::string> said;
  bool cancelled = false;
  std::vector<Task<void>> tasks;
  tasks.push_back(fail_at_once());
  tasks.push_back(with_cleanup(never(cancelled), note(said, "undone")));
  EXPECT_THROW(run(all(std::move(tasks))), std::runtime_error);
  EXPECT_EQ(said.empty(), !cancelled) << "neither of the two, or both";
}

}  // namespace
}  // namespace tanist
