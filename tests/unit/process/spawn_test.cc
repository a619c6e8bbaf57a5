#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>

#include "async/task_scope.h"
#include "async/wait.h"
#include "process/child.h"
#include "process/proc.h"

/// Programs on a file system that does not answer: a lease on the file holds up whoever opens it, as a hung
/// server of files does.
namespace tanist::process {
namespace {

using namespace std::chrono_literals;

class SpawnTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/tanist-spawn-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    program_ = root_ + "/program";
    std::ofstream(program_) << "#!/bin/sh\nsleep 0.3\ntouch " << root_ << "/ran\n";
    ::chmod(program_.c_str(), 0755);
    ::signal(SIGIO, SIG_IGN);
    lease_ = ::open(program_.c_str(), O_RDWR | O_CLOEXEC);
    if (::fcntl(lease_, F_SETLEASE, F_WRLCK) != 0) GTEST_SKIP() << "no leases here: " << ::strerror(errno);
  }
  void TearDown() override {
    release();
    ::signal(SIGIO, SIG_DFL);
    std::filesystem::remove_all(root_);
  }
  void release() {
    if (lease_ >= 0) ::close(std::exchange(lease_, -1));
  }

 public:
  Task<void> run_it(Duration limit) {
    auto op = process::run(clock_, Command{{program_}}, clock_.now() + limit);
    auto finished = co_await std::move(op);
    if (!finished) error_ = finished.error();
  }
  Task<void> tick() {
    for (;;) {
      co_await clock_.sleep_for(5ms);
      ++ticks_;
    }
  }
  /// The program gets its file now that nobody waits for it.
  Task<void> expect_no_late_one() {
    release();
    const Instant limit = clock_.now() + 5s;
    while (!children(::getpid()).empty() && clock_.now() < limit) {
      co_await clock_.sleep_for(5ms);
    }
    EXPECT_TRUE(children(::getpid()).empty()) << "it runs, or is not reaped";
    co_await clock_.sleep_for(400ms);
    EXPECT_FALSE(std::filesystem::exists(root_ + "/ran"));
  }
  Task<void> give_up_at_the_deadline() {
    auto ticking = scope_.spawn("ticks", tick());
    const Instant begin = clock_.now();
    co_await run_it(300ms);
    EXPECT_LT(clock_.now() - begin, 2s);
    EXPECT_GT(ticks_, 20);
    EXPECT_NE(error_.find("could not be started in time"), std::string::npos) << error_;
    ticking.cancel();
    co_await expect_no_late_one();
  }
  Task<void> give_up_by_cancelling() {
    auto running = scope_.spawn("program", run_it(60s));
    co_await clock_.sleep_for(100ms);
    const Instant begin = clock_.now();
    running.cancel();
    co_await running.join();
    EXPECT_LT(clock_.now() - begin, 2s);
    co_await expect_no_late_one();
  }
  Task<void> wait_for_it() {
    auto running = scope_.spawn("program", run_it(60s));
    co_await clock_.sleep_for(100ms);
    EXPECT_TRUE(running.running());
    release();
    co_await running.join();
    EXPECT_EQ(error_, "");
    EXPECT_TRUE(std::filesystem::exists(root_ + "/ran"));
  }

 protected:
  boost::asio::io_context io_;
  SystemClock clock_;
  TaskScope scope_{io_.get_executor()};
  std::string root_;
  std::string program_;
  std::string error_;
  int lease_ = -1;
  int ticks_ = 0;
};

TEST_F(SpawnTest, a_program_that_cannot_be_loaded_holds_up_only_who_waits_for_it_until_the_deadline) {
  scope_.spawn("test", give_up_at_the_deadline());
  io_.run();
}

TEST_F(SpawnTest, a_program_that_was_given_up_before_it_ran_is_killed_and_reaped) {
  scope_.spawn("test", give_up_by_cancelling());
  io_.run();
}

TEST_F(SpawnTest, a_program_that_is_loaded_late_but_in_time_runs) {
  scope_.spawn("test", wait_for_it());
  io_.run();
}

}  // namespace
}  // namespace tanist::process
