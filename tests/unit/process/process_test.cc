#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "async/disk_thread.h"
#include "async/task_scope.h"
#include "async/wait.h"
#include "process/child.h"
#include "process/command_line.h"
#include "process/proc.h"
#include "process/signals.h"
#include "process/umask.h"
#include "unit/core/no_threads.h"

namespace tanist::process {
namespace {

using namespace std::chrono_literals;

struct Loop {
  boost::asio::io_context io;
  SystemClock clock;
  TaskScope scope{io.get_executor()};

  static Task<void> closing(TaskScope* scope, Task<void> body) {
    co_await std::move(body);
    (void)scope;
  }
  void run(Task<void> body) {
    scope.spawn("test", closing(&scope, std::move(body)));
    io.run();
  }
};

Command shell(std::string script) {
  return Command{{"/bin/sh", "-c", std::move(script)}};
}

Task<void> run_into(Clock* clock, Command command, Duration limit, std::optional<Finished>* result,
                    std::string* error, LineSink sink = {}) {
  std::expected<Finished, std::string> finished =
      co_await process::run(*clock, std::move(command), clock->now() + limit, std::move(sink));
  if (finished) {
    *result = std::move(*finished);
  } else {
    *error = finished.error();
  }
}

TEST(Child, output_and_exit_code_are_captured) {
  Loop loop;
  std::optional<Finished> result;
  std::string error;
  std::vector<std::string> lines;
  loop.run(run_into(&loop.clock, shell("echo out; printf 'a\\rb\\nc' >&2; exit 3"), 10s, &result, &error,
                    [&](std::string_view line) { lines.emplace_back(line); }));
  ASSERT_TRUE(result) << error;
  EXPECT_EQ(result->out, "out\n");
  EXPECT_EQ(result->exit.code, 3);
  EXPECT_EQ(lines, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(result->describe(), "exit code 3: a\rb\nc");
}

TEST(Child, a_program_that_is_not_there_is_an_error_with_its_name) {
  Loop loop;
  std::optional<Finished> result;
  std::string error;
  loop.run(run_into(&loop.clock, Command{{"/no/such/program"}}, 10s, &result, &error));
  EXPECT_EQ(error, "could not run \"/no/such/program\": No such file or directory");
}

TEST(Child, environment_directory_and_standard_input_are_as_asked) {
  Loop loop;
  std::optional<Finished> result;
  std::string error;
  Command command = shell("pwd; echo $A$HOME; cat; ls /proc/self/fd | wc -w");
  command.environment = Environment{{"A", "x"}, {"PATH", "/bin:/usr/bin"}};
  command.directory = "/usr";
  loop.run(run_into(&loop.clock, std::move(command), 10s, &result, &error));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->out, "/usr\nx\n4\n");
}

TEST(Child, at_the_deadline_the_group_is_ended_and_reaped) {
  Loop loop;
  std::optional<Finished> result;
  std::string error;
  loop.run(run_into(&loop.clock, shell("echo $$; sleep 100.125 & sleep 100.125"), 50ms, &result, &error));
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->timed_out);
  const pid_t pid = std::stoi(result->out);
  EXPECT_FALSE(stat(pid));
  for (const pid_t other : all()) EXPECT_FALSE(title(other) == "sleep 100.125" && !stat(other)->dead());
}

TEST(Child, a_grandchild_that_keeps_the_pipe_does_not_hold_up_the_end) {
  Loop loop;
  std::optional<Finished> result;
  std::string error;
  const Instant begin = loop.clock.now();
  loop.run(run_into(&loop.clock, shell("sleep 20 & echo $!"), 10s, &result, &error));
  ASSERT_TRUE(result);
  EXPECT_LT(loop.clock.now() - begin, 5s);
  ::kill(std::stoi(result->out), SIGKILL);
}

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t size = 0;
  std::int64_t resident = 0;
  statm >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

Task<void> count_ticks(Clock* clock, int* ticks) {
  for (;;) {
    co_await clock->sleep_for(10ms);
    ++*ticks;
  }
}

TEST(Child, one_that_prints_without_end_neither_blocks_the_loop_nor_fills_the_memory) {
  Loop loop;
  std::optional<Finished> result;
  std::string error;
  std::int64_t lines = 0;
  int ticks = 0;
  const std::int64_t before = resident_bytes();
  const Instant begin = loop.clock.now();
  const std::int64_t amount = std::getenv("TANIST_SOAK") != nullptr ? 1'000'000'000 : 200'000'000;
  Command command = shell("yes 'a line of a script that does not know when to be silent' | head -c " +
                          std::to_string(amount));
  command.out = Output::as_error;
  TaskHandle ticking = loop.scope.spawn("ticks", count_ticks(&loop.clock, &ticks));
  auto ending = [](Task<void> body, TaskHandle* other) -> Task<void> {
    co_await std::move(body);
    other->cancel();
  };
  loop.run(ending(
      run_into(&loop.clock, std::move(command), 60s, &result, &error, [&](std::string_view) { ++lines; }),
      &ticking));
  ASSERT_TRUE(result) << error;
  EXPECT_TRUE(result->success());
  EXPECT_EQ(lines, amount / 56 + 1);
  EXPECT_LE(result->err.size(), kMaxOutputBytes + kMaxOutputBytes / 4);
  EXPECT_LT(resident_bytes() - before, 20'000'000);
  // Others were served all the time.
  EXPECT_GT(ticks, (loop.clock.now() - begin) / 100ms);
}

TEST(Child, a_line_without_end_is_cut) {
  Loop loop;
  std::optional<Finished> result;
  std::string error;
  std::vector<std::size_t> lengths;
  loop.run(run_into(&loop.clock, shell("head -c 3000000 /dev/zero >&2; printf '\nend\n' >&2"), 20s, &result,
                    &error, [&](std::string_view line) { lengths.push_back(line.size()); }));
  EXPECT_EQ(lengths, (std::vector<std::size_t>{8192, 3}));
}

TEST(Child, one_that_ignores_the_end_is_killed_with_all_that_left_its_group) {
  Loop loop;
  std::optional<Finished> result;
  std::string error;
  Command command = shell(
      "trap '' TERM; setsid sleep 100.25 & setsid sh -c \"trap '' TERM; sleep 100.25\" & "
      "sleep 100.25; sleep 100.25");
  command.grace = 100ms;
  loop.run(run_into(&loop.clock, std::move(command), 300ms, &result, &error));
  ASSERT_TRUE(result) << error;
  EXPECT_TRUE(result->timed_out);
  for (const pid_t other : all()) EXPECT_FALSE(title(other) == "sleep 100.25" && !stat(other)->dead());
}

TEST(Child, what_left_the_group_of_one_that_obeys_is_killed_too) {
  Loop loop;
  std::optional<Finished> result;
  std::string error;
  loop.run(run_into(&loop.clock, shell("setsid sleep 100.375 & wait"), 300ms, &result, &error));
  ASSERT_TRUE(result) << error;
  EXPECT_TRUE(result->timed_out);
  for (const pid_t other : all()) EXPECT_FALSE(title(other) == "sleep 100.375" && !stat(other)->dead());
}

TEST(Child, how_long_its_end_may_take_is_what_the_command_says) {
  Loop loop;
  std::optional<Finished> result;
  std::string error;
  Command deaf = shell("trap '' TERM; while :; do sleep 0.05; done");
  deaf.grace = 100ms;
  deaf.after_kill = 100ms;
  const Instant begin = loop.clock.now();
  loop.run(run_into(&loop.clock, std::move(deaf), 300ms, &result, &error));
  EXPECT_LT(loop.clock.now() - begin, 3s);
  ASSERT_TRUE(result) << error;
  EXPECT_TRUE(result->timed_out);
}

TEST(Proc, processes_are_found_by_what_they_were_started_with) {
  Command command = Command{{"/bin/sleep", "30"}};
  command.environment = Environment{{"WORKS_FOR", "/a b"}, {"PATH", "/bin"}};
  auto child = Child::spawn(command);
  ASSERT_TRUE(child);
  // The environment is that of the program once it runs.
  std::vector<Identity> found;
  for (int i = 0; i < 100 && found.empty(); ++i) {
    found = with_variable("WORKS_FOR", "/a b");
    ::usleep(10000);
  }
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].pid, child->pid());
  EXPECT_TRUE(with_variable("WORKS_FOR", "/a").empty());
  child->signal_group(SIGKILL);
}

Task<void> cancel_soon(Clock* clock, TaskHandle* handle) {
  co_await clock->sleep_for(50ms);
  handle->cancel();
}

TEST(Child, cancelling_ends_it) {
  Loop loop;
  std::optional<Finished> result;
  std::string error;
  pid_t pid = 0;
  TaskHandle handle = loop.scope.spawn(
      "run", run_into(&loop.clock, shell("echo $$ >&2; exec sleep 100"), 60s, &result, &error,
                      [&](std::string_view line) { pid = std::stoi(std::string(line)); }));
  loop.scope.spawn("cancel", cancel_soon(&loop.clock, &handle));
  loop.io.run();
  EXPECT_FALSE(result);
  ASSERT_NE(pid, 0);
  EXPECT_FALSE(stat(pid));
}

Task<void> wait_for(Clock* clock, const PidFd* process, bool* ended) {
  co_await process->wait(*clock);
  *ended = true;
}

Task<void> nap(Clock* clock) {
  co_await clock->sleep_for(1ms);
}

TEST(PidFd, the_end_is_noticed_also_without_a_descriptor) {
  Loop loop;
  // What the loop itself needs of them it has by then.
  loop.run(nap(&loop.clock));
  loop.io.restart();
  auto child = Child::spawn(Command{{"/bin/sleep", "0.2"}});
  ASSERT_TRUE(child) << child.error();
  const int lowest_free = ::dup(0);
  ::close(lowest_free);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none_left{static_cast<rlim_t>(lowest_free), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none_left), 0);
  bool ended = false;
  loop.run(wait_for(&loop.clock, &child->pidfd(), &ended));
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(ended);
  EXPECT_TRUE(child->reap());
}

[[noreturn]] void spawn_without_threads() {
  Loop loop;
  test::use_up_threads();
  std::optional<Finished> result;
  std::string error;
  loop.run(run_into(&loop.clock, Command{{"/bin/true"}}, 5s, &result, &error));
  test::end_child(!result && error.find("/bin/true") != std::string::npos, error.c_str());
}

TEST(ChildDeathTest, without_a_thread_a_program_is_not_run_and_that_is_an_error) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(spawn_without_threads(), ::testing::ExitedWithCode(0), "");
}

TEST(Proc, this_process_is_described) {
  const auto self = stat(::getpid());
  ASSERT_TRUE(self);
  EXPECT_EQ(self->parent, ::getppid());
  EXPECT_FALSE(self->dead());
  EXPECT_EQ(working_directory(::getpid()), std::filesystem::current_path().string());
  EXPECT_EQ(executable(::getpid()), std::filesystem::read_symlink("/proc/self/exe").string());
  const auto age = SystemClock().wall_now() - start_time(self->start_ticks);
  EXPECT_LT(age < 0s ? -age : age, 600s);
}

TEST(Proc, a_name_with_parentheses_does_not_confuse) {
  const auto seen = parse_stat("42 (a) b (c) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 1 2 3");
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->pid, 42);
  EXPECT_EQ(seen->parent, 7);
  EXPECT_EQ(seen->state, 'S');
  EXPECT_EQ(seen->start_ticks, 98765u);
}

TEST(Proc, a_zombie_is_not_alive_and_descendants_are_found) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::fork() == 0) ::pause();
    ::pause();
    ::_exit(0);
  }
  std::vector<pid_t> below;
  for (int i = 0; i < 2000 && below.empty(); ++i) {
    below = descendants(pid);
    ::usleep(1000);
  }
  ASSERT_EQ(below.size(), 1u);
  const Identity self{pid, stat(pid)->start_ticks};
  EXPECT_TRUE(alive(self));
  EXPECT_FALSE(send_signal(Identity{pid, self.start_ticks + 1}, SIGKILL));
  const Identity grandchild{below[0], stat(below[0])->start_ticks};
  kill_tree(pid);
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
  EXPECT_TRUE(stat(pid)->dead());
  EXPECT_FALSE(alive(self));
  ::waitpid(pid, nullptr, 0);
  for (int i = 0; i < 2000 && alive(grandchild); ++i) ::usleep(1000);
  EXPECT_FALSE(alive(grandchild));
}

TEST(PidFd, the_end_of_a_process_that_is_no_child_is_seen) {
  Loop loop;
  std::optional<Finished> result;
  std::string error;
  loop.run(run_into(&loop.clock, shell("setsid sleep 0.1 >/dev/null 2>&1 & echo $!"), 10s, &result, &error));
  ASSERT_TRUE(result);
  auto watched = PidFd::open(std::stoi(result->out));
  ASSERT_TRUE(watched) << watched.error();
  bool ended = false;
  loop.io.restart();
  loop.run(wait_for(&loop.clock, &*watched, &ended));
  EXPECT_TRUE(ended);
  EXPECT_TRUE(watched->ended());
}

TEST(SplitCommand, splits_as_a_shell_does_and_expands_nothing) {
  EXPECT_EQ(split_command("a 'b c' \"d \\\"e\\\" \\x\" f\\ g '' $HOME *.x"),
            (std::vector<std::string>{"a", "b c", "d \"e\" \\x", "f g", "", "$HOME", "*.x"}));
  EXPECT_EQ(split_command("  "), std::vector<std::string>{});
  EXPECT_FALSE(split_command("a 'b"));
  EXPECT_FALSE(split_command("a \"b"));
  EXPECT_FALSE(split_command("a \\"));
}

Task<void> next_signal(Signals* signals, int* got) {
  *got = co_await signals->next();
}

TEST(Signals, a_signal_is_awaited) {
  Loop loop;
  Signals signals(loop.io.get_executor(), {SIGHUP, SIGTERM});
  int got = 0;
  ::raise(SIGHUP);
  loop.run(next_signal(&signals, &got));
  EXPECT_EQ(got, SIGHUP);
}

struct DiskResult {
  std::optional<std::string> content;
  std::string error;
  std::string late;
};

Task<void> use_disk(Clock* clock, DiskThread* disk, std::string path, DiskResult* result) {
  const Instant until = clock->now() + 10s;
  std::expected<void, std::string> written = co_await disk->write(path, "one", 0600, until);
  co_await disk->append(path, " two", 0600, until);
  auto content = co_await disk->read(path, until);
  if (content) result->content = *content;
  co_await disk->remove(path, until);
  auto failed = co_await disk->write("/proc/none/x", "", 0600, until);
  if (!failed) result->error = failed.error();
  // A disk that hangs costs the caller its deadline and nothing else.
  auto slow = disk->run("look", [] { ::usleep(300000); }, clock->now() + 20ms);
  auto late = co_await std::move(slow);
  if (!late) result->late = late.error();
}

TEST(DiskThread, files_are_written_read_and_removed_and_a_slow_disk_is_given_up) {
  Loop loop;
  DiskThread disk(loop.clock);
  DiskResult result;
  const std::string path = "/tmp/tanist-disk-" + std::to_string(::getpid()) + "/deep/file";
  loop.run(use_disk(&loop.clock, &disk, path, &result));
  EXPECT_EQ(result.content, "one two");
  EXPECT_EQ(result.error, "could not create directory \"/proc/none\": No such file or directory");
  EXPECT_EQ(result.late, "could not look: the disk did not answer in time");
  EXPECT_FALSE(std::filesystem::exists(path));
  std::filesystem::remove_all(std::filesystem::path(path).parent_path().parent_path());
}

TEST(Signals, one_that_was_held_back_arrives_when_it_is_released) {
  Loop loop;
  int got = 0;
  HeldSignals held({SIGUSR1});
  ::raise(SIGUSR1);  // would end this process
  Signals signals(loop.io.get_executor(), {SIGUSR1});
  held.release();
  loop.run(next_signal(&signals, &got));
  EXPECT_EQ(got, SIGUSR1);
}

TEST(Umask, files_become_private_and_the_former_one_is_remembered) {
  const mode_t before = ::umask(0002);
  tighten_umask();
  EXPECT_EQ(start_umask(), 0002u);
  tighten_umask();
  EXPECT_EQ(start_umask(), 0002u);
  EXPECT_EQ(::umask(before), 0077u);
}

}  // namespace
}  // namespace tanist::process
