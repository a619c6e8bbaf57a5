#include "postgres/callbacks.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include "core/disk_thread.h"
#include "core/log.h"
#include "process/proc.h"

namespace tanist::postgres {
namespace {

using namespace std::chrono_literals;

struct CallbacksTest : testing::Test {
  boost::asio::io_context io;
  SystemClock clock;
  TaskScope scope{io.get_executor()};
  Callbacks callbacks{scope};
  std::string file = "/tmp/tanist-callback-" + std::to_string(::getpid());
  std::vector<std::string> logged;

  void SetUp() override {
    log::redirect([this](log::Level, const std::string& line) { logged.push_back(line); });
  }
  void TearDown() override {
    log::redirect({});
    (void)blocking::remove_file(file);
  }
  std::string content() const { return blocking::read_file(file).value_or(std::nullopt).value_or(""); }
};

TEST_F(CallbacksTest, a_callback_is_told_action_role_and_cluster) {
  callbacks.run("/bin/sh -c 'echo \"$0 $*\" > " + file + "' first", "on_start", "primary", "demo");
  io.run();
  EXPECT_EQ(content(), "first on_start primary demo\n");
}

Task<void> until_written(Clock* clock, const CallbacksTest* test, std::string text) {
  while (test->content().find(text) == std::string::npos) {
    auto nap = clock->sleep_for(2ms);
    co_await std::move(nap);
  }
}

Task<void> replace_the_first(CallbacksTest* test) {
  const std::string first = "/bin/sh -c 'echo $$ >> " + test->file + "; sleep 60 & wait'";
  test->callbacks.run(first, "on_start", "replica", "demo");
  auto started = until_written(&test->clock, test, "\n");
  co_await std::move(started);
  const pid_t pid = std::stoi(test->content());
  // A reload does not disturb it, another action ends it with all below it.
  test->callbacks.run("/bin/sh -c 'echo reload >> " + test->file + "'", "on_reload", "replica", "demo");
  auto reloaded = until_written(&test->clock, test, "reload");
  co_await std::move(reloaded);
  EXPECT_FALSE(process::stat(pid)->dead());
  test->callbacks.run("/bin/sh -c 'echo second >> " + test->file + "'", "on_stop", "replica", "demo");
  auto second = until_written(&test->clock, test, "second");
  co_await std::move(second);
  const auto seen = process::stat(pid);
  EXPECT_TRUE(!seen || seen->dead());
  EXPECT_EQ(test->logged, std::vector<std::string>{"Killed " + first + " because it was still running"});
}

TEST_F(CallbacksTest, a_new_one_ends_the_one_that_runs_and_a_reload_disturbs_nobody) {
  scope.spawn("test", replace_the_first(this));
  io.run();
}

TEST_F(CallbacksTest, a_command_that_cannot_be_run_is_logged) {
  callbacks.run("/no/such/callback", "on_start", "replica", "demo");
  callbacks.run("'open", "on_start", "replica", "demo");
  ASSERT_EQ(logged.size(), 2u);
  EXPECT_EQ(logged[0], "callback on_start: could not run \"/no/such/callback\": No such file or directory");
}

}  // namespace
}  // namespace tanist::postgres
