#include "async/disk_thread.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <stdexcept>

#include "unit/core/no_threads.h"
#include "unit/core/run.h"

namespace tanist {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class DiskThreadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/tanist-disk-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(root_); }
  Instant soon() { return clock_.now() + 5s; }

  SystemClock clock_;
  std::string root_;
};

TEST_F(DiskThreadTest, files_are_written_with_the_directories_they_need_read_and_removed) {
  DiskThread disk(clock_);
  const std::string path = root_ + "/a/b/file";
  EXPECT_TRUE(test::run(disk.write(path, "text", 0600, soon())));
  EXPECT_EQ(test::run(disk.read(path, soon())), "text");
  EXPECT_TRUE(test::run(disk.remove(path, soon())));
  EXPECT_TRUE(test::run(disk.remove(path, soon())));
  EXPECT_EQ(test::run(disk.read(path, soon())), std::nullopt);
  EXPECT_FALSE(blocking::sync_directory(root_ + "/none"));
}

TEST_F(DiskThreadTest, work_that_throws_is_an_error_and_the_next_is_done) {
  DiskThread disk(clock_);
  std::function<int()> throws = []() -> int { throw std::runtime_error("no memory"); };
  const auto failed = test::run(disk.call<int>("count", throws, soon()));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error(), "could not count: no memory");
  std::function<int()> counts = [] { return 7; };
  EXPECT_EQ(test::run(disk.call<int>("count", counts, soon())), 7);
}

[[noreturn]] void ask_without_threads() {
  test::use_up_threads();
  SystemClock clock;
  DiskThread disk(clock);
  const auto refused = test::run(disk.read("/etc/passwd", clock.now() + 5s));
  if (refused || refused.error().find("no thread can be made for it") == std::string::npos)
    test::end_child(false, refused ? "it was read" : refused.error().c_str());
  test::give_threads_back();
  const auto read = test::run(disk.read("/etc/passwd", clock.now() + 5s));
  test::end_child(read && *read, read ? "it is there" : read.error().c_str());
}

TEST(DiskThreadDeathTest, without_a_thread_requests_fail_until_one_can_be_made) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(ask_without_threads(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace tanist
