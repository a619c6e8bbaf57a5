#include "process/data_directory_processes.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "process/child.h"

namespace tanist::process {
namespace {

namespace fs = std::filesystem;

class DataDirectoryProcesses : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/tanist-place-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    fs::create_directories(root_ + "/host/data");
    fs::create_directories(root_ + "/container/data");
    place_ = work_place(root_ + "/host/data");
  }
  void TearDown() override {
    for (auto& child : children_) child.signal_group(SIGKILL);
    fs::remove_all(root_);
  }

  /// Runs a script that says a word once it is where it wants to be.
  Identity start(std::vector<std::string> argv) {
    Command command{std::move(argv)};
    auto child = Child::spawn(command);
    if (!child) {
      ADD_FAILURE() << child.error();
      return {};
    }
    char word = 0;
    const int out = child->take_stdout();
    there_ = ::read(out, &word, 1) == 1;
    ::close(out);
    const auto seen = stat(child->pid());
    const Identity identity{child->pid(), seen ? seen->start_ticks : 0};
    children_.push_back(std::move(*child));
    return identity;
  }
  Identity start_in(const std::string& directory) {
    const Identity one = start({"/bin/sh", "-c", "cd \"$0\" && echo x && exec sleep 60", directory});
    // Between two programs a process has none that could be asked for.
    for (int i = 0; i < 500; ++i) {
      const auto program = executable(one.pid);
      if (program && program->ends_with("sleep")) break;
      ::usleep(2000);
    }
    return one;
  }
  /// In a mount namespace of its own, after `mount`.
  Identity start_elsewhere(const std::string& mount, const std::string& directory) {
    const std::string script = mount + " && cd \"$0\" && echo x && exec sleep 60";
    return start({"/usr/bin/unshare", ::geteuid() == 0 ? "-m" : "-rm", "/bin/sh", "-c", script, directory});
  }
  std::set<Identity> found() const { return processes_of(place_, {"sleep", "sh", "dash"}); }

  std::string root_;
  WorkPlace place_;
  std::vector<Child> children_;
  bool there_ = false;
};

TEST_F(DataDirectoryProcesses, those_that_work_there_are_found_and_no_others) {
  const Identity here = start_in(root_ + "/host/data");
  start_in(root_ + "/container/data");
  EXPECT_EQ(found(), std::set<Identity>{here});
  EXPECT_TRUE(processes_of(place_, {"postgres"}).empty());
  EXPECT_TRUE(processes_of({}, {"sleep"}).empty());
  EXPECT_EQ(work_place(root_ + "/none").path, "");
}

/// A container whose data directory has the name of ours: its server is none of ours.
TEST_F(DataDirectoryProcesses, another_directory_of_that_name_in_another_mount_namespace_is_another_one) {
  const Identity other = start_elsewhere("mount --bind " + root_ + "/container/data " + root_ + "/host/data",
                                         root_ + "/host/data");
  if (!there_) GTEST_SKIP() << "no mount namespace can be made here";
  ASSERT_EQ(working_directory(other.pid), place_.path) << "what the test is about";
  EXPECT_EQ(works_in(other.pid, place_), false);
  EXPECT_FALSE(sees_the_same(other.pid, place_.path));
  EXPECT_TRUE(found().empty());
}

/// A service that is started again gets new mounts (PrivateTmp and the like); its server is still its own.
TEST_F(DataDirectoryProcesses, this_directory_is_known_in_another_mount_namespace_by_whatever_name) {
  const Identity same = start_elsewhere("true", root_ + "/host/data");
  if (!there_) GTEST_SKIP() << "no mount namespace can be made here";
  const Identity renamed = start_elsewhere(
      "mount --bind " + root_ + "/host/data " + root_ + "/container/data", root_ + "/container/data");
  EXPECT_FALSE(has_our_mounts(same.pid));
  EXPECT_TRUE(sees_the_same(same.pid, place_.path));
  EXPECT_EQ(found(), (std::set<Identity>{same, renamed}));
}

TEST_F(DataDirectoryProcesses, a_server_ends_with_its_children_but_for_one) {
  const Identity server = start({"/bin/sh", "-c", "sleep 61 & sleep 62 & sleep 63 & echo x; wait"});
  ASSERT_TRUE(there_);
  const auto below = children(server.pid);
  ASSERT_EQ(below.size(), 3u);
  const Identity spared{below[1], stat(below[1])->start_ticks};
  const auto ended = kill_server(server, children_[0].pidfd().descriptor(), spared);
  EXPECT_LE(ended.size(), 3u);
  // A SIGKILL is obeyed when the kernel comes to it.
  const auto lives = [](pid_t pid) {
    const auto seen = stat(pid);
    return seen && !seen->dead();
  };
  for (int i = 0; i < 500 && (alive(server) || lives(below[0]) || lives(below[2])); ++i) ::usleep(2000);
  EXPECT_FALSE(alive(server));
  for (const pid_t pid : {below[0], below[2]}) {
    const auto seen = stat(pid);
    EXPECT_TRUE(!seen || seen->dead());
  }
  EXPECT_TRUE(alive(spared));
  send_signal(spared, SIGKILL);
}

/// What a guardian does: no event loop, no daemon.
TEST_F(DataDirectoryProcesses, everything_of_a_directory_is_killed_until_nobody_is_left) {
  const std::string data = root_ + "/host/data";
  const Identity server =
      start({"/bin/sh", "-c", "cd \"$0\" || exit; sleep 61 & sleep 62 & sleep 63 & echo x; wait", data});
  ASSERT_TRUE(there_);
  const auto below = children(server.pid);
  ASSERT_EQ(below.size(), 3u);
  const Identity spared{below[1], stat(below[1])->start_ticks};
  const Identity lonely = start_in(data);
  Doomed doomed;
  doomed.place = place_;
  doomed.programs = {"sleep", "sh", "dash"};
  doomed.postmaster = server;
  doomed.pidfd = children_[0].pidfd().descriptor();
  doomed.spared = spared;
  int pauses = 0;
  const auto pause = [&pauses] {
    ::usleep(2000);
    return ++pauses < 2000;
  };
  EXPECT_TRUE(kill_until_gone(doomed, pause));
  EXPECT_FALSE(alive(server));
  EXPECT_FALSE(alive(lonely)) << "it belongs to nobody, and works there";
  EXPECT_LE(doomed.others.size(), 2u) << "what is dead at the first look need not be known";
  for (const pid_t pid : {below[0], below[2]}) {
    const auto seen = stat(pid);
    EXPECT_TRUE(!seen || seen->dead());
  }
  for (const Identity& one : doomed.others) EXPECT_FALSE(alive(one));
  EXPECT_TRUE(alive(spared));
  // One that is asked for again has nothing to do.
  pauses = 0;
  EXPECT_TRUE(kill_until_gone(doomed, pause));
  EXPECT_EQ(pauses, 0);
  send_signal(spared, SIGKILL);
}

TEST_F(DataDirectoryProcesses, who_kills_may_give_up) {
  start_in(root_ + "/host/data");
  ASSERT_TRUE(there_);
  Doomed doomed;
  doomed.place = place_;
  doomed.programs = {"sleep", "sh", "dash"};
  EXPECT_FALSE(kill_until_gone(doomed, [] { return false; }));
}

}  // namespace
}  // namespace tanist::process
