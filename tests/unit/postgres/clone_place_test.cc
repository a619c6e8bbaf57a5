#include "postgres/clone_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "core/disk_thread.h"
#include "postgres/data_directory.h"

namespace tanist::postgres {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ClonePlaceTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/tanist-clone-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    plan_.data_dir = data_ = root_ + "/data";
    plan_.mark = mark_ = root_ + "/state/clone";
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& content = "") {
    ASSERT_TRUE(blocking::write_file(path, content, 0600));
  }
  void make_cluster(const std::string& at) {
    write(at + "/PG_VERSION", "15\n");
    write(at + "/global/pg_control", "x");
    ::chmod(at.c_str(), 0700);
  }
  DataDirectory kind() const { return look_at_data_directory(data_).kind; }

  std::string root_;
  std::string data_;
  std::string mark_;
  ClonePlan plan_;
};

TEST_F(ClonePlaceTest, a_clone_is_built_beside_and_takes_the_place_when_it_is_whole) {
  fs::create_directory(data_);
  const auto place = prepare_clone(plan_);
  ASSERT_TRUE(place);
  EXPECT_TRUE(place->beside);
  make_cluster(place->path);
  EXPECT_EQ(kind(), DataDirectory::empty);
  ASSERT_TRUE(finish_clone(*place, data_, mark_));
  EXPECT_EQ(kind(), DataDirectory::ok);
  EXPECT_FALSE(fs::exists(mark_));
}

TEST_F(ClonePlaceTest, a_tool_that_says_it_succeeded_and_left_no_cluster_has_failed) {
  plan_.in_place = true;
  const auto place = prepare_clone(plan_);
  ASSERT_TRUE(place);
  EXPECT_FALSE(finish_clone(*place, data_, mark_));
  write(data_ + "/PG_VERSION", "15\n");
  const auto half = finish_clone(*place, data_, mark_);
  ASSERT_FALSE(half);
  EXPECT_THAT(half.error(), HasSubstr("global/pg_control is missing"));
  EXPECT_TRUE(fs::exists(mark_));
}

TEST_F(ClonePlaceTest, a_clone_never_goes_into_a_directory_with_content) {
  write(data_ + "/thesis.txt");
  EXPECT_FALSE(prepare_clone(plan_));
  EXPECT_TRUE(fs::exists(data_ + "/thesis.txt"));
}

TEST_F(ClonePlaceTest, data_is_replaced_only_where_that_was_allowed) {
  make_cluster(data_);
  EXPECT_FALSE(prepare_clone(plan_));
  EXPECT_EQ(kind(), DataDirectory::ok);
  plan_.replace = true;
  ASSERT_TRUE(prepare_clone(plan_));
  EXPECT_EQ(kind(), DataDirectory::empty);
}

TEST_F(ClonePlaceTest, what_an_unfinished_clone_left_is_removed_and_nothing_else) {
  const auto place = prepare_clone(plan_);
  ASSERT_TRUE(place && place->beside);
  write(place->path + "/PG_VERSION", "15\n");
  const auto again = prepare_clone(plan_);
  ASSERT_TRUE(again && again->beside);
  EXPECT_FALSE(fs::exists(place->path));
  ASSERT_TRUE(discard_clone(*again, data_, mark_));
  // A directory of that name which is not ours: the clone is built in place instead.
  write(data_ + ".clone/thesis.txt");
  const auto in_place = prepare_clone(plan_);
  ASSERT_TRUE(in_place);
  EXPECT_FALSE(in_place->beside);
  write(data_ + "/PG_VERSION", "15\n");
  ASSERT_TRUE(discard_clone(*in_place, data_, mark_));
  EXPECT_EQ(kind(), DataDirectory::empty);
  EXPECT_TRUE(fs::exists(data_ + ".clone/thesis.txt"));
}

TEST_F(ClonePlaceTest, a_method_that_keeps_data_finds_it_and_keeps_it_after_a_failure) {
  make_cluster(data_);
  plan_.keep_data = true;
  const auto place = prepare_clone(plan_);
  ASSERT_TRUE(place);
  EXPECT_EQ(place->path, data_);
  EXPECT_EQ(kind(), DataDirectory::ok);
  const auto mark = read_clone_mark(mark_);
  ASSERT_TRUE(mark && *mark);
  EXPECT_TRUE((*mark)->keep_data);
  EXPECT_EQ((*mark)->path, data_);
  // The next try of it goes on from there; another method begins with nothing.
  ASSERT_TRUE(prepare_clone(plan_));
  EXPECT_EQ(kind(), DataDirectory::ok);
  plan_.keep_data = false;
  const auto other = prepare_clone(plan_);
  ASSERT_TRUE(other) << other.error();
  EXPECT_EQ(kind(), DataDirectory::empty);
}

TEST_F(ClonePlaceTest, of_linked_directories_only_what_the_attempt_made_is_removed) {
  write(root_ + "/others/PG_15/base");
  fs::create_directory(root_ + "/wal");
  ::usleep(20000);
  plan_.in_place = true;
  const auto place = prepare_clone(plan_);
  ASSERT_TRUE(place);
  // As a script that copies links leaves it: one directory of its own, one of somebody else.
  write(root_ + "/wal/0001");
  make_cluster(data_);
  fs::create_directory_symlink(root_ + "/wal", data_ + "/pg_wal");
  fs::create_directory(data_ + "/pg_tblspc");
  fs::create_directory_symlink(root_ + "/others", data_ + "/pg_tblspc/16400");
  const auto discarded = discard_clone(*place, data_, mark_);
  ASSERT_FALSE(discarded);
  EXPECT_THAT(discarded.error(), HasSubstr("it was not made by it"));
  EXPECT_FALSE(fs::exists(root_ + "/wal/0001"));
  EXPECT_TRUE(fs::exists(root_ + "/others/PG_15/base"));
  EXPECT_EQ(kind(), DataDirectory::empty);
  // The links are gone: what is left is somebody else's for good.
  EXPECT_TRUE(discard_clone(*place, data_, mark_));
  EXPECT_FALSE(fs::exists(mark_));
}

}  // namespace
}  // namespace tanist::postgres
