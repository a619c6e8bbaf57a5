#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "core/disk_thread.h"
#include "core/task_scope.h"
#include "core/wait.h"
#include "process/child.h"
#include "process/command_line.h"
#include "process/notify.h"
#include "process/proc.h"
#include "process/signals.h"

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
  auto op = process::run(*clock, std::move(command), clock->now() + limit, std::move(sink));
  std::expected<Finished, std::string> finished = co_await std::move(op);
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

Task<void> cancel_soon(Clock* clock, TaskHandle* handle) {
  auto sleep = clock->sleep_for(50ms);
  co_await std::move(sleep);
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

Task<void> wait_for(PidFd* watched, bool* ended) {
  auto wait = watched->wait();
  co_await std::move(wait);
  *ended = true;
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
  loop.run(wait_for(&*watched, &ended));
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

TEST(Notify, a_datagram_arrives) {
  const std::string path = "/tmp/tanist-notify-" + std::to_string(::getpid());
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  EXPECT_TRUE(notify("READY=1"));
  char buffer[64];
  EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(::recv(fd, buffer, sizeof buffer, 0))), "READY=1");
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_FALSE(notify("READY=1"));
  ::close(fd);
  ::unlink(path.c_str());
}

Task<void> next_signal(Signals* signals, int* got) {
  auto next = signals->next();
  *got = co_await std::move(next);
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
  auto write = disk->write(path, "one", 0600, until);
  std::expected<void, std::string> written = co_await std::move(write);
  auto append = disk->append(path, " two", 0600, until);
  co_await std::move(append);
  auto read = disk->read(path, until);
  auto content = co_await std::move(read);
  if (content) result->content = *content;
  auto remove = disk->remove(path, until);
  co_await std::move(remove);
  auto wrong = disk->write("/proc/none/x", "", 0600, until);
  auto failed = co_await std::move(wrong);
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

}  // namespace
}  // namespace tanist::process
