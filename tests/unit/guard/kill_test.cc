#include "guard/kill.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "guard/titles.h"
#include "process/child.h"

namespace tanist::guard {
namespace {

namespace fs = std::filesystem;

TEST(Kill, what_a_stopped_server_waits_for_is_known_by_its_title) {
  for (const char* title : {"postgres: archiver", "postgres: demo: archiver",
                            "postgres: a: b: archiver last was 000000010000000000000003",
                            "postgres: demo: archiver archiving 00000002.history",
                            "postgres: archiver failed on 000000010000000000000003",
                            "postgres: demo: walsender repl 10.0.0.1(4711) streaming 0/3000060"})
    EXPECT_EQ(kind_of_title(title), TitleKind::waits) << title;
  for (const char* title : {"postgres: logger", "postgres: demo: logger", "postgres: demo: stats collector"})
    EXPECT_EQ(kind_of_title(title), TitleKind::harmless) << title;
}

TEST(Kill, whatever_else_a_title_says_may_commit) {
  for (const char* title :
       {"", "postgres", "/usr/lib/postgresql/15/bin/postgres -D /data", "archiver", "postgres:archiver",
        "postgres: demo: app shop 10.0.0.1(4711) idle", "postgres: demo: checkpointer",
        "postgres: demo: startup", "postgres: demo: background writer", "postgres: demo: walwriter",
        "postgres: demo: autovacuum launcher", "postgres: demo: autovacuum worker shop",
        "postgres: demo: logical replication launcher", "postgres: demo: pg_cron",
        "postgres: demo: io worker 0", "postgres: demo: walreceiver streaming 0/3000060",
        // Users of such names.
        "postgres: demo: archiver shop 10.0.0.1(4711) idle", "postgres: demo: archiver last [local] idle",
        "postgres: demo: logger shop [local] COMMIT", "postgres: demo: x: archiver shop [local] idle"})
    EXPECT_EQ(kind_of_title(title), TitleKind::other) << title;
}

/// Shells, named `postgres` by a link, play servers.
class KillTree : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/tanist-guard-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    fs::create_directories(root_ + "/data");
    fs::create_directories(root_ + "/other");
    fs::copy("/bin/sh", root_ + "/postgres", fs::copy_options::overwrite_existing);
    target_ = target_at(root_ + "/data");
  }
  void TearDown() override {
    for (auto& child : children_) {
      for (const pid_t pid : below(child.pid())) ::kill(pid, SIGKILL);
      child.signal_group(SIGKILL);
    }
    fs::remove_all(root_);
  }
  static Target target_at(const std::string& directory) {
    Target target;
    target.data_dir.reset(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    target.place = Place::of(target.data_dir.get()).value();
    return target;
  }
  /// One whose shells have said that they are there.
  pid_t start(const std::string& script, const std::string& directory = "data", int words = 1) {
    process::Command command{{root_ + "/postgres", "-c", "cd " + root_ + "/" + directory + "; " + script}};
    auto child = process::Child::spawn(command);
    if (!child) {
      ADD_FAILURE() << child.error();
      return 0;
    }
    const int out = child->take_stdout();
    char word = 0;
    for (int i = 0; i < words; ++i) EXPECT_EQ(::read(out, &word, 1), 1);
    ::close(out);
    children_.push_back(std::move(*child));
    return children_.back().pid();
  }
  /// A child of the script, which lives until it is killed.
  std::string child() const { return "(printf x; read y <" + root_ + "/never) & "; }
  void make_never() { ASSERT_EQ(::mkfifo((root_ + "/never").c_str(), 0600), 0); }
  static std::vector<pid_t> below(pid_t pid) {
    std::vector<pid_t> found;
    Children children(pid);
    while (const auto child = children.next()) found.push_back(*child);
    return found;
  }
  /// The kernel comes to a SIGKILL when it does.
  static bool ends(pid_t pid) {
    const Descriptor fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    pollfd end{fd.get(), POLLIN, 0};
    return !fd || ::poll(&end, 1, 5000) == 1;
  }

  std::string root_;
  Target target_;
  std::vector<process::Child> children_;
};

TEST_F(KillTree, a_server_is_found_by_its_directory_and_ends_with_its_children) {
  make_never();
  const pid_t server = start(child() + child() + child() + "wait", "data", 3);
  const auto family = below(server);
  ASSERT_EQ(family.size(), 3u);
  const pid_t neighbour = start(child() + "wait", "other");
  ASSERT_EQ(look(target_), Left::may_commit);
  EXPECT_GE(kill_round(target_).met, 4u);
  EXPECT_TRUE(ends(server));
  for (const pid_t pid : family) EXPECT_TRUE(ends(pid));
  while (kill_round(target_).met > 0) {
  }
  EXPECT_EQ(look(target_), Left::nothing);
  const auto lives = look_at(neighbour);
  ASSERT_TRUE(lives);
  EXPECT_FALSE(lives->dead()) << "it works in another directory";
}

TEST_F(KillTree, what_a_dead_postmaster_left_is_killed) {
  make_never();
  const pid_t server = start(child() + child() + "wait", "data", 2);
  const auto family = below(server);
  ASSERT_EQ(family.size(), 2u);
  ::kill(server, SIGKILL);
  ASSERT_TRUE(ends(server));
  EXPECT_EQ(look(target_), Left::may_commit);
  kill_round(target_);
  for (const pid_t pid : family) EXPECT_TRUE(ends(pid));
  while (kill_round(target_).met > 0) {
  }
  EXPECT_EQ(look(target_), Left::nothing);
}

TEST_F(KillTree, a_stopped_postmaster_is_killed_and_so_is_one_that_was_named) {
  make_never();
  const pid_t server = start(child() + "wait");
  target_.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, server, 0)));
  EXPECT_EQ(pid_of(target_.pidfd.get()), server);
  ::kill(server, SIGSTOP);
  EXPECT_GE(kill_round(target_).met, 2u);
  EXPECT_TRUE(ends(server));
}

TEST_F(KillTree, a_program_of_another_name_in_the_directory_lives) {
  make_never();
  fs::copy("/bin/sh", root_ + "/archive");
  process::Command command{
      {root_ + "/archive", "-c", "cd " + root_ + "/data; printf x; read y <" + root_ + "/never"}};
  auto other = process::Child::spawn(command);
  ASSERT_TRUE(other);
  const int out = other->take_stdout();
  char word = 0;
  ASSERT_EQ(::read(out, &word, 1), 1);
  ::close(out);
  EXPECT_EQ(look(target_), Left::nothing);
  EXPECT_EQ(kill_round(target_).met, 0u);
  EXPECT_FALSE(look_at(other->pid())->dead());
  // With that name the server would be one.
  target_.program << "archive";
  EXPECT_EQ(look(target_), Left::may_commit);
  other->signal_group(SIGKILL);
}

TEST_F(KillTree, a_server_without_a_title_is_not_taken_for_one_that_only_waits) {
  make_never();
  const pid_t server = start(child() + "wait");
  const auto family = below(server);
  EXPECT_FALSE(only_waits(server, family));
  EXPECT_FALSE(only_waits(server, {})) << "one that waits for nothing ends";
  EXPECT_TRUE(only_waits(server, {}, true)) << "what was waited for has ended";
  EXPECT_FALSE(only_waits(server, family, true)) << "it has started something";
}

TEST_F(KillTree, what_a_child_of_a_server_starts_is_judged_by_the_child) {
  make_never();
  // The server, its child, and what that has begun and does not execute yet.
  const pid_t server = start("(printf x; " + child() + "wait) & wait", "data", 2);
  const auto family = below(server);
  ASSERT_EQ(family.size(), 1u);
  ASSERT_EQ(below(family[0]).size(), 1u);
  target_.settled = server;
  target_.settled_ticks = look_at(server)->start_ticks;
  EXPECT_EQ(look(target_), Left::may_commit) << "the child has no title that says what it is";
  ::kill(server, SIGSTOP);
  for (const pid_t pid : family) {
    for (const pid_t orphan : below(pid)) ::kill(orphan, SIGKILL);
    ::kill(pid, SIGKILL);
    ASSERT_TRUE(ends(pid));
  }
  EXPECT_EQ(look(target_), Left::cannot_commit) << "one that is ending, and whose children have";
  target_.settled_ticks += 1;
  EXPECT_EQ(look(target_), Left::may_commit) << "another one with its number";
}

TEST(Proc, a_stat_is_read_whatever_its_name_holds) {
  const auto seen = parse_stat("12 (a) S (b)) T 34 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 4711 22");
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->parent, 34);
  EXPECT_TRUE(seen->held());
  EXPECT_EQ(seen->start_ticks, 4711u);
  for (const char* broken :
       {"", "12", "12 (x", "12 (x) S", "12 (x) S y 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 1",
        "12 (x) S 3 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 z"})
    EXPECT_FALSE(parse_stat(broken)) << broken;
  EXPECT_TRUE(look_at(::getpid()));
  EXPECT_EQ(look_at(::getpid())->parent, ::getppid());
  EXPECT_FALSE(look_at(0));
  EXPECT_FALSE(look_at(-5));
}

}  // namespace
}  // namespace tanist::guard
