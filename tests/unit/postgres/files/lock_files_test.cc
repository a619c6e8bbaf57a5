#include "postgres/files/lock_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "async/disk_thread.h"

namespace tanist::postgres {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

class LockFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/tanist-locks-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    fs::create_directories(root_ + "/data/own");
    fs::create_directories(root_ + "/run");
    postgresql_.data_dir = root_ + "/data";
    postgresql_.port = 5433;
    postgresql_.parameters["unix_socket_directories"] = root_ + "/run, own, @abstract";
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string write(const std::string& name, const std::string& content = "") {
    EXPECT_TRUE(blocking::write_file(root_ + name, content, 0600));
    return root_ + name;
  }

  std::vector<std::string> removed_after(std::chrono::seconds age) {
    return remove_empty_lock_files(
        postgresql_, std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()) + age);
  }

  std::string root_;
  config::Postgresql postgresql_;
};

TEST_F(LockFilesTest, those_of_a_server_that_was_killed_while_it_started_are_removed) {
  const auto pid_file = write("/data/postmaster.pid");
  const auto lock = write("/run/.s.PGSQL.5433.lock");
  const auto own = write("/data/own/.s.PGSQL.5433.lock");
  EXPECT_THAT(removed_after(std::chrono::seconds(10)), ElementsAre(pid_file, lock, own));
  EXPECT_FALSE(fs::exists(pid_file) || fs::exists(lock) || fs::exists(own));
}

TEST_F(LockFilesTest, a_server_that_is_just_starting_keeps_them) {
  const auto lock = write("/run/.s.PGSQL.5433.lock");
  EXPECT_THAT(removed_after(std::chrono::seconds(1)), IsEmpty());
  EXPECT_TRUE(fs::exists(lock));
}

TEST_F(LockFilesTest, what_says_something_or_belongs_to_another_port_stays) {
  write("/data/postmaster.pid", "4711\n");
  write("/run/.s.PGSQL.5433.lock", "4711\n");
  write("/run/.s.PGSQL.5432.lock");
  EXPECT_THAT(removed_after(std::chrono::seconds(100)), IsEmpty());
}

TEST_F(LockFilesTest, a_link_is_not_followed) {
  const auto target = write("/run/precious");
  fs::create_symlink(target, root_ + "/run/.s.PGSQL.5433.lock");
  EXPECT_THAT(removed_after(std::chrono::seconds(100)), IsEmpty());
  EXPECT_TRUE(fs::exists(target));
}

TEST_F(LockFilesTest, sockets_that_came_with_a_copy_are_removed_wherever_they_were) {
  const std::string outside = write("/run/.s.PGSQL.5433.lock", "1\n");
  const std::string of_the_other = write("/data/.s.PGSQL.5432.lock", "1\n");
  const std::string own = write("/data/own/.s.PGSQL.5433", "");
  const std::string data = write("/data/PG_VERSION", "15\n");
  EXPECT_THAT(socket_directories_inside(postgresql_), ElementsAre(root_ + "/data/own"));
  EXPECT_THAT(remove_copied_sockets(postgresql_), ElementsAre(own, of_the_other));
  EXPECT_TRUE(fs::exists(outside) && fs::exists(data));
  postgresql_.parameters["unix_socket_directories"] = "., " + root_ + "/data, " + root_ + "/database";
  EXPECT_THAT(socket_directories_inside(postgresql_), ElementsAre(root_ + "/data", root_ + "/data"));
  postgresql_.parameters.clear();
  EXPECT_THAT(socket_directories_inside(postgresql_), IsEmpty());
}

}  // namespace
}  // namespace tanist::postgres
