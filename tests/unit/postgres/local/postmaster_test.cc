#include "postgres/local/postmaster.h"

#include <signal.h>

#include "postgres/local/directory.h"
#include "postgres/local/programs.h"
#include "process/proc.h"
#include "unit/postgres/parts_fixture.h"

/// The processes of a data directory, with a shell in the place of PostgreSQL.
namespace tanist::postgres {
namespace {

using namespace std::chrono_literals;

class PostmasterTest : public PartTest {
 protected:
  void SetUp() override {
    PartTest::SetUp();
    postmaster_.on_arrival([this](Postmaster::Arrival arrival) { arrivals_.push_back(arrival); });
    postmaster_.on_end([this] { ++ends_; });
  }
  Task<void> close() {
    context_.closing = true;
    co_await context_.scope.close();
  }

  Task<void> launch_and_kill() {
    const Result launched = postmaster_.launch({"/bin/sh", "-c", "sleep 60 & sleep 60 & wait"}, {});
    EXPECT_TRUE(launched);
    const process::Identity shell = postmaster_.identity();
    EXPECT_EQ(arrivals_.size(), 1u);
    EXPECT_FALSE(arrivals_.at(0).found) << "this daemon has started it";
    EXPECT_TRUE(context_.facts.running());
    EXPECT_EQ(context_.facts.postmaster_pid, shell.pid);
    const Instant limit = in(5s);
    std::vector<pid_t> below;
    while (below.size() < 2 && clock_.now() < limit) {
      co_await clock_.sleep_for(5ms);
      below = process::children(shell.pid);
    }
    EXPECT_EQ(below.size(), 2u);
    const bool down = co_await postmaster_.kill_everything(in(10s));
    EXPECT_TRUE(down);
    EXPECT_EQ(ends_, 1);
    EXPECT_EQ(context_.facts.process, Process::none);
    EXPECT_FALSE(process::alive(shell));
    for (const pid_t pid : below) {
      const auto seen = process::stat(pid);
      EXPECT_TRUE(!seen || seen->dead());
    }
    EXPECT_EQ(context_.generation, 2u) << "one came, one went";
    co_await close();
  }

  Task<void> leave_orphans() {
    const Result launched = postmaster_.launch({"/bin/sh", "-c", "sleep 60 & wait"}, {});
    EXPECT_TRUE(launched);
    const process::Identity shell = postmaster_.identity();
    const Instant limit = in(5s);
    std::vector<pid_t> below;
    while (below.empty() && clock_.now() < limit) {
      co_await clock_.sleep_for(5ms);
      below = process::children(shell.pid);
    }
    postmaster_.note_children();
    process::send_signal(shell, SIGKILL);
    const bool down = co_await postmaster_.wait_down(in(10s));
    EXPECT_TRUE(down) << "only once what it left is gone, too";
    for (const pid_t pid : below) {
      const auto seen = process::stat(pid);
      EXPECT_TRUE(!seen || seen->dead());
    }
    co_await close();
  }

  Programs programs_{context_};
  Directory directory_{context_};
  Postmaster postmaster_{context_, programs_, directory_};
  std::vector<Postmaster::Arrival> arrivals_;
  int ends_ = 0;
};

TEST_F(PostmasterTest, it_ends_with_its_children_and_both_is_told) {
  run(launch_and_kill());
}

TEST_F(PostmasterTest, what_one_that_died_has_left_is_killed_before_it_is_down) {
  run(leave_orphans());
}

}  // namespace
}  // namespace tanist::postgres
