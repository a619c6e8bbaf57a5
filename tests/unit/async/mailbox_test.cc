#include "async/mailbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "contract/run_task.h"
#include "unit/core/manual_clock.h"

namespace tanist {
namespace {

using namespace std::chrono_literals;

/// A new kind of order is its struct, its place in the list, and who obeys it.
struct Double {
  static constexpr std::string_view kName = "double";
  using Answer = int;
  int number = 0;
};
struct Greet {
  static constexpr std::string_view kName = "greet";
  struct Answer {
    std::string text;
  };
  std::string whom;
};
using Door = Mailbox<Double, Greet>;

std::string told(const Unanswered& unanswered) {
  switch (unanswered.kind) {
    case Unanswered::Kind::not_begun: return "not begun: " + unanswered.why;
    case Unanswered::Kind::late: return "late: " + unanswered.why;
    case Unanswered::Kind::lost: return "lost: " + unanswered.why;
  }
  return {};
}

/// Doubles when it is let, and greets at once.
struct Receiver {
  Event let;
  int begun = 0;

  Task<int> obey(Double order) {
    ++begun;
    co_await let.wait();
    co_return 2 * order.number;
  }
  Task<Greet::Answer> obey(Greet order) {
    ++begun;
    co_return Greet::Answer{"good morning, " + order.whom};
  }
};

/// Two loops, run by hand: the askers' with the clock, and the receiver's.
class MailboxTest : public ::testing::Test {
 protected:
  MailboxTest() { door.open(scope, receiver); }
  ~MailboxTest() override {
    door.close("the test is over");
    tanist::test::run(asking, askers.close());
    tanist::test::run(obeying, scope.close());
  }

  static Task<void> ask(MailboxTest* self, Double order, std::size_t place) {
    const auto answer = co_await self->door.ask(order, self->clock.now() + 10s);
    self->answers.at(place) = answer ? std::to_string(*answer) : told(answer.error());
  }
  TaskHandle double_of(int number) {
    answers.emplace_back();
    return askers.spawn("ask", ask(this, Double{number}, answers.size() - 1));
  }
  void obey() {
    obeying.restart();
    obeying.poll();
  }
  /// Until nothing is left to do on either side.
  void settle() {
    for (int i = 0; i < 3; ++i) {
      clock.settle();
      obey();
    }
    clock.settle();
  }

  boost::asio::io_context asking{1};
  boost::asio::io_context obeying{1};
  tanist::test::ManualClock clock{asking};
  Receiver receiver;
  TaskScope askers{asking.get_executor()};
  TaskScope scope{obeying.get_executor()};
  Door door{clock, "nobody is there yet"};
  std::vector<std::string> answers;
};

TEST_F(MailboxTest, an_order_is_carried_out_on_the_other_loop_and_answered) {
  double_of(21);
  clock.settle();
  EXPECT_EQ(receiver.begun, 0) << "that is for the other loop";
  obey();
  EXPECT_EQ(receiver.begun, 1);
  receiver.let.set();
  settle();
  EXPECT_EQ(answers, std::vector<std::string>{"42"});
}

TEST_F(MailboxTest, two_who_ask_at_once_are_answered_each) {
  double_of(1);
  double_of(2);
  settle();
  receiver.let.set();
  settle();
  EXPECT_EQ(answers, (std::vector<std::string>{"2", "4"}));
}

TEST_F(MailboxTest, an_asker_waits_no_longer_than_its_deadline) {
  double_of(1);
  settle();
  clock.advance(10s);
  EXPECT_EQ(answers, std::vector<std::string>{"late: no answer in time"});
  receiver.let.set();
  settle();
  EXPECT_EQ(answers, std::vector<std::string>{"late: no answer in time"}) << "and hears nothing later";
}

TEST_F(MailboxTest, what_a_blocked_loop_did_not_begin_in_time_is_not_begun_later) {
  double_of(1);
  clock.advance(40s);
  EXPECT_EQ(answers, std::vector<std::string>{"not begun: no answer in time, nothing was done"});
  settle();
  EXPECT_EQ(receiver.begun, 0);
}

TEST_F(MailboxTest, what_is_only_told_is_begun_however_late) {
  EXPECT_TRUE(door.tell(Greet{"all"}));
  clock.advance(40s);
  settle();
  EXPECT_EQ(receiver.begun, 1);
}

TEST_F(MailboxTest, an_asker_that_is_cancelled_takes_its_order_back_unless_it_is_begun) {
  auto gone = double_of(1);
  settle();
  gone.cancel();
  settle();
  receiver.let.set();
  settle();
  EXPECT_EQ(receiver.begun, 1);

  gone = double_of(2);
  clock.settle();
  gone.cancel();
  settle();
  EXPECT_EQ(receiver.begun, 1);
  EXPECT_EQ(answers, (std::vector<std::string>{"", ""}));
}

TEST_F(MailboxTest, whoever_asks_too_early_or_too_late_is_told_so) {
  Door closed(clock, "nobody is there yet");
  EXPECT_EQ(told(tanist::test::run(asking, closed.ask(Greet{"a"}, clock.now() + 1s)).error()),
            "not begun: nobody is there yet");
  door.close("the daemon is shutting down");
  EXPECT_EQ(told(tanist::test::run(asking, door.ask(Greet{"a"}, clock.now() + 1s)).error()),
            "not begun: the daemon is shutting down");
  EXPECT_EQ(told(door.tell(Greet{"a"}).error()), "not begun: the daemon is shutting down");
}

TEST_F(MailboxTest, at_the_end_everybody_who_waits_is_told) {
  double_of(1);
  settle();
  double_of(2);
  clock.settle();
  door.close("the daemon is shutting down");
  tanist::test::run(obeying, scope.close());
  settle();
  EXPECT_EQ(answers, (std::vector<std::string>{"lost: the daemon is shutting down",
                                               "not begun: the daemon is shutting down"}));
}

TEST_F(MailboxTest, a_loop_that_never_comes_to_an_order_says_so_when_it_goes) {
  Door other(clock, "");
  std::optional<std::string> answer;
  {
    boost::asio::io_context short_lived{1};
    TaskScope there(short_lived.get_executor());
    other.open(there, receiver);
    const auto asker = [](Door* to, Clock* by, std::optional<std::string>* out) -> Task<void> {
      const Greet order{"a"};
      const auto greeted = co_await to->ask(order, by->now() + 10s);
      *out = greeted ? greeted->text : told(greeted.error());
    };
    askers.spawn("ask", asker(&other, &clock, &answer));
    clock.settle();
    other.close("it ended");
  }
  settle();
  EXPECT_EQ(answer, "not begun: it ended");
}

/// For ThreadSanitizer: askers come, give up and are cancelled while the other thread answers, closes and
/// ends.
TEST(MailboxThreads, askers_and_receiver_end_in_any_order) {
  struct Quick {
    std::atomic<int> begun = 0;
    Task<int> obey(Double order) {
      ++begun;
      co_return 2 * order.number;
    }
    Task<Greet::Answer> obey(Greet order) { co_return Greet::Answer{order.whom}; }
  };
  const auto many = [](Door* door, Clock* clock, int* answered) -> Task<void> {
    for (int i = 0; i < 50; ++i) {
      const Double order{i};
      const Duration patience = i % 5 == 0 ? 0s : 10s;
      const auto answer = co_await door->ask(order, clock->now() + patience);
      if (answer) {
        EXPECT_EQ(*answer, 2 * i);
      }
      ++*answered;
    }
  };
  SystemClock clock;
  for (int round = 0; round < 20; ++round) {
    Quick receiver;
    Door door(clock, "not yet");
    boost::asio::io_context obeying{1};
    auto work = boost::asio::make_work_guard(obeying);
    TaskScope scope(obeying.get_executor());
    door.open(scope, receiver);
    std::thread control([&] { obeying.run(); });
    int answered = 0;
    std::thread api([&] {
      boost::asio::io_context asking{1};
      TaskScope askers(asking.get_executor());
      for (int i = 0; i < 4; ++i) askers.spawn("asker", many(&door, &clock, &answered));
      if (round % 3 == 0) {
        asking.run_for(1ms);
        tanist::test::run(asking, askers.close());
      }
      asking.run();
    });
    if (round % 2 == 0) boost::asio::post(obeying, [&] { door.close("the end"); });
    api.join();
    work.reset();
    if (round % 3 != 0) {
      EXPECT_EQ(answered, 4 * 50);
    }
    boost::asio::post(obeying, [&] { door.close("the end"); });
    control.join();
    tanist::test::run(obeying, scope.close());
  }
}

}  // namespace
}  // namespace tanist
