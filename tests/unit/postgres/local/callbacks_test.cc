#include "postgres/local/callbacks.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include "async/disk_thread.h"
#include "log/log.h"
#include "process/proc.h"

namespace tanist::postgres {
namespace {

using namespace std::chrono_literals;

struct CallbacksTest : testing::Test {
  boost::asio::io_context io;
  SystemClock clock;
  TaskScope scope{io.get_executor()};
  Callbacks callbacks{clock, scope};
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
  /// A shell script as the command; `first` is its $0.
  void run(const std::string& script, const std::string& action, const std::string& role = "replica") {
    Callbacks::Call call;
    call.command = "/bin/sh -c '" + script + "' first";
    call.action = action;
    call.role = role;
    call.scope = "demo";
    call.name = "n1";
    call.timeline = {7};
    call.leader = "n2";
    callbacks.run(std::move(call));
  }
  std::string command(const std::string& script) const { return "/bin/sh -c '" + script + "' first"; }
};

TEST_F(CallbacksTest, a_callback_is_told_action_role_and_cluster) {
  run("echo \"$0 $*\" > " + file, "on_start", "primary");
  io.run();
  EXPECT_EQ(content(), "first on_start primary demo\n");
}

TEST_F(CallbacksTest, a_callback_finds_the_same_and_more_in_its_environment) {
  ::setenv("PATRONI_RESTAPI_PASSWORD", "secret", 1);
  run("env | grep -E \"^(TANIST|PATRONI)_\" | sort > " + file, "on_role_change", "primary");
  io.run();
  ::unsetenv("PATRONI_RESTAPI_PASSWORD");
  EXPECT_EQ(content(),
            "TANIST_ACTION=on_role_change\nTANIST_LEADER=n2\nTANIST_NAME=n1\nTANIST_ROLE=primary\n"
            "TANIST_SCOPE=demo\nTANIST_TIMELINE=7\n");
}

Task<void> until_written(Clock* clock, const CallbacksTest* test, std::string text) {
  while (test->content().find(text) == std::string::npos) {
    co_await clock->sleep_for(2ms);
  }
}

/// A SIGKILL is sent in no time, but obeyed when the kernel comes to it.
Task<void> expect_gone(Clock* clock, pid_t pid) {
  const Instant limit = clock->now() + 5s;
  for (;;) {
    const auto seen = process::stat(pid);
    if (!seen || seen->dead()) co_return;
    EXPECT_LT(clock->now(), limit) << "process " << pid << " lives on";
    if (clock->now() >= limit) co_return;
    co_await clock->sleep_for(2ms);
  }
}

Task<void> replace_the_first(CallbacksTest* test) {
  const std::string first = "echo $$ >> " + test->file + "; sleep 60 & wait";
  test->run(first, "on_start");
  co_await until_written(&test->clock, test, "\n");
  const pid_t pid = std::stoi(test->content());
  // A reload does not disturb it, another action ends it with all below it.
  test->run("echo reload >> " + test->file, "on_reload");
  co_await until_written(&test->clock, test, "reload");
  EXPECT_FALSE(process::stat(pid)->dead());
  test->run("echo second >> " + test->file, "on_stop");
  co_await until_written(&test->clock, test, "second");
  co_await expect_gone(&test->clock, pid);
  EXPECT_EQ(test->logged,
            std::vector<std::string>{"Killed " + test->command(first) + " because it was still running"});
}

TEST_F(CallbacksTest, a_new_one_ends_the_one_that_runs_and_a_reload_disturbs_nobody) {
  scope.spawn("test", replace_the_first(this));
  io.run();
}

Task<void> replace_a_stubborn_one(CallbacksTest* test) {
  // Deaf to SIGTERM, with a child that left for a session of its own.
  test->run("trap \"\" TERM INT; setsid sleep 60 & echo $! >> " + test->file + "; while :; do sleep 1; done",
            "on_start");
  co_await until_written(&test->clock, test, "\n");
  const pid_t child = std::stoi(test->content());
  const Instant begin = test->clock.now();
  test->run("echo second >> " + test->file, "on_role_change");
  EXPECT_LT(test->clock.now() - begin, 500ms);
  co_await until_written(&test->clock, test, "second");
  co_await expect_gone(&test->clock, child);
}

TEST_F(CallbacksTest, one_that_ignores_signals_is_killed_with_its_descendants_without_waiting) {
  scope.spawn("test", replace_a_stubborn_one(this));
  io.run();
}

Task<void> replace_one_that_is_being_loaded(CallbacksTest* test, std::string program, int lease) {
  const Instant begin = test->clock.now();
  test->callbacks.run({.command = program, .action = "on_start"});
  EXPECT_LT(test->clock.now() - begin, 500ms);
  co_await test->clock.sleep_for(50ms);
  test->run("echo second >> " + test->file, "on_stop");
  co_await until_written(&test->clock, test, "second");
  // Now its file system answers: nobody wants it any more.
  ::close(lease);
  co_await test->callbacks.wait_begun(test->clock.now() + 5s);
  co_await test->clock.sleep_for(300ms);
  EXPECT_EQ(test->content(), "second\n");
}

TEST_F(CallbacksTest, one_whose_program_cannot_be_loaded_holds_up_nobody) {
  // Whoever opens a file with a lease waits for its holder.
  const std::string program = file + ".sh";
  ASSERT_TRUE(blocking::write_file(program, "#!/bin/sh\nsleep 0.1\necho first >> " + file + "\n", 0700));
  ::signal(SIGIO, SIG_IGN);
  const int lease = ::open(program.c_str(), O_RDWR | O_CLOEXEC);
  const bool leased = ::fcntl(lease, F_SETLEASE, F_WRLCK) == 0;
  if (leased) {
    scope.spawn("test", replace_one_that_is_being_loaded(this, program, lease));
    io.run();
  } else {
    ::close(lease);
  }
  ::signal(SIGIO, SIG_DFL);
  (void)blocking::remove_file(program);
  if (!leased) GTEST_SKIP() << "no leases here";
}

TEST_F(CallbacksTest, a_command_that_cannot_be_run_is_logged) {
  callbacks.run({.command = "/no/such/callback", .action = "on_start"});
  callbacks.run({.command = "'open", .action = "on_start"});
  io.run();
  ASSERT_EQ(logged.size(), 2u);
  EXPECT_EQ(logged[1], "callback on_start: could not run \"/no/such/callback\": No such file or directory");
}

}  // namespace
}  // namespace tanist::postgres
