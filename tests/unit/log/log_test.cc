#include "log/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

namespace tanist::log {
namespace {

/// Ends the writer and restores what other tests rely on.
struct Restored {
  ~Restored() {
    configure({});
    shutdown();
  }
};

std::string content_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Directory {
  std::string path = testing::TempDir() + "tanist-log-" + std::to_string(::getpid());
  Directory() { std::filesystem::create_directory(path); }
  ~Directory() { std::filesystem::remove_all(path); }
};

TEST(log, lines_below_the_level_are_not_formatted) {
  std::vector<std::string> lines;
  redirect([&](Level, const std::string& text) { lines.push_back(text); });
  debug("unseen {}", 1);
  info("seen {}", 2);
  redirect({});
  EXPECT_EQ(lines, std::vector<std::string>{"seen 2"});
}

TEST(log, threads_may_log_while_the_writer_runs) {
  const Restored after;
  Options quiet;
  quiet.level = Level::critical;
  quiet.max_queue_size = 10;
  testing::internal::CaptureStderr();
  configure(quiet);
  const auto lost_before = lost();
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 500; ++i) critical("thread {} line {}", t, i);
    });
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(shutdown());
  const std::string written = testing::internal::GetCapturedStderr();
  std::size_t count = 0;
  for (std::size_t at = 0; (at = written.find("thread ", at)) != std::string::npos; ++at) ++count;
  EXPECT_EQ(count + (lost() - lost_before), 2000u);
}

TEST(log, a_level_of_a_logger_counts_for_all_below_it_until_it_is_removed) {
  const Restored after;
  Options options;
  options.level = Level::warning;
  options.format = "%(name)s %(levelname)s %(message)s";
  options.loggers = {{"tanist", Level::error}, {"tanist.tests", Level::debug}};
  testing::internal::CaptureStderr();
  configure(options);
  EXPECT_TRUE(enabled(Level::debug)) << "some logger wants it";
  warning("not wanted: the nearest logger above says error");
  error("wanted");
  options.loggers.clear();
  configure(options);
  EXPECT_FALSE(enabled(Level::debug));
  warning("inherits again");
  shutdown();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "patroni ERROR wanted\npatroni WARNING inherits again\n");
}

TEST(log, lines_go_to_the_file_and_back_to_stderr_as_configured) {
  const Restored after;
  const Directory directory;
  Options options;
  options.format = "%(message)s";
  options.directory = directory.path;
  options.file_mode = 0640;
  testing::internal::CaptureStderr();
  configure(options);
  info("to the file");
  flush();
  options.directory.clear();
  configure(options);
  info("to stderr");
  shutdown();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "to stderr\n");
  EXPECT_EQ(content_of(directory.path + "/patroni.log"), "to the file\n");
  struct stat found{};
  ASSERT_EQ(::stat((directory.path + "/patroni.log").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0640u);
}

TEST(log, a_missing_directory_sends_lines_to_stderr_with_one_complaint) {
  const Restored after;
  Options options;
  options.format = "%(levelname)s %(message)s";
  options.directory = "/nonexistent/tanist";
  testing::internal::CaptureStderr();
  configure(options);
  info("first");
  info("second");
  shutdown();
  EXPECT_EQ(
      testing::internal::GetCapturedStderr(),
      "ERROR could not open \"/nonexistent/tanist/patroni.log\": No such file or directory: log lines go to "
      "stderr until the file can be written again\nINFO first\nINFO second\n");
}

TEST(log, a_full_disk_sends_lines_to_stderr) {
  const Restored after;
  const Directory directory;
  if (::symlink("/dev/full", (directory.path + "/patroni.log").c_str()) != 0) GTEST_SKIP();
  Options options;
  options.format = "%(message)s";
  options.directory = directory.path;
  testing::internal::CaptureStderr();
  configure(options);
  info("not lost");
  shutdown();
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_NE(written.find("No space left on device"), std::string::npos);
  EXPECT_TRUE(written.ends_with("not lost\n")) << written;
}

/// stderr as a pipe that nobody reads, until it is read in the end.
struct StuckStderr {
  int ends[2];
  int before = ::dup(STDERR_FILENO);
  StuckStderr() {
    if (::pipe(ends) != 0) std::abort();
    ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
    const std::string much(4096, 'x');
    while (::write(ends[1], much.data(), much.size()) > 0) {
    }
    ::fcntl(ends[1], F_SETFL, 0);
    ::dup2(ends[1], STDERR_FILENO);
  }
  void restore() {
    if (before < 0) return;
    ::dup2(before, STDERR_FILENO);
    ::close(before);
    ::close(ends[1]);
    ::close(ends[0]);
    before = -1;
  }
  ~StuckStderr() { restore(); }
};

TEST(log, a_queue_that_nobody_empties_loses_lines_counts_them_and_never_blocks) {
  // In a process of its own: its writer hangs for good.
  EXPECT_EXIT(
      {
        StuckStderr stuck;
        Options options;
        options.max_queue_size = 5;
        configure(options);
        for (int i = 0; i < 50; ++i) info("line {}", i);
        const bool dropped = lost() >= 40 && queue_size() <= 5;
        const bool ended = shutdown(std::chrono::milliseconds(50));
        info("nothing is written any more, and this does not hang");
        ::_exit(dropped && !ended ? 5 : 1);
      },
      testing::ExitedWithCode(5), "");
}

TEST(log, after_a_loss_the_next_line_is_followed_by_a_warning) {
  const Restored after;
  const Directory directory;
  const std::string fifo = directory.path + "/patroni.log";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  Options options;
  options.format = "%(levelname)s %(message)s";
  options.max_queue_size = 2;
  options.directory = directory.path;
  configure(options);
  // The writer waits in open() for a reader of the pipe with the first line in hand.
  const auto lost_before = lost();
  info("first");
  while (queue_size() > 0) ::usleep(1000);
  for (int i = 0; i < 5; ++i) info("more {}", i);
  EXPECT_EQ(lost() - lost_before, 3u);
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
  while (queue_size() > 0) ::usleep(1000);
  info("next");
  flush();
  std::string read(4096, '\0');
  read.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::read(reader, read.data(), read.size()))));
  shutdown();
  ::close(reader);
  EXPECT_EQ(read,
            "INFO first\nINFO more 0\nINFO more 1\nINFO next\nWARNING QueueHandler has lost 3 log records\n");
}

TEST(log, a_line_that_was_held_back_is_written_at_the_end) {
  const Restored after;
  Options options;
  options.format = "%(message)s";
  testing::internal::CaptureStderr();
  configure(options);
  info("Lock owner: n1; I am n1");
  shutdown();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "Lock owner: n1; I am n1\n");
}

}  // namespace
}  // namespace tanist::log
