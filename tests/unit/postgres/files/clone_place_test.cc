#include "postgres/files/clone_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "async/disk_thread.h"
#include "log/log.h"
#include "postgres/files/data_directory.h"

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
    plan_.removal_mark = root_ + "/state/removal";
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
  /// A clone beside the data directory, with WAL elsewhere, that was renamed; the mark is still there.
  void finish_but_for_the_mark() {
    plan_.outside = {root_ + "/wal"};
    const auto place = prepare_clone(plan_);
    ASSERT_TRUE(place && place->beside);
    ::usleep(20000);
    write(root_ + "/wal/0001");
    make_cluster(place->path);
    fs::create_directory_symlink(root_ + "/wal", place->path + "/pg_wal");
    fs::rename(place->path, data_);
  }
  unsigned mode_after(unsigned mode, const std::string& version) {
    fs::remove_all(data_);
    fs::create_directory(data_);
    ::chmod(data_.c_str(), mode);
    const auto place = prepare_clone(plan_);
    EXPECT_TRUE(place && place->beside);
    make_cluster(place->path);
    write(place->path + "/PG_VERSION", version + "\n");
    EXPECT_TRUE(finish_clone(*place, data_, mark_));
    struct stat seen{};
    ::stat(data_.c_str(), &seen);
    return seen.st_mode & 07777;
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
  plan_.why_replace = "the test says so";
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

TEST_F(ClonePlaceTest, the_mark_of_a_clone_that_has_taken_its_place_removes_nothing) {
  finish_but_for_the_mark();
  const auto left = clear_left_clone(data_, mark_);
  ASSERT_TRUE(left) << left.error();
  EXPECT_FALSE(*left);
  EXPECT_EQ(kind(), DataDirectory::ok);
  EXPECT_TRUE(fs::exists(root_ + "/wal/0001"));
  EXPECT_FALSE(fs::exists(mark_));
}

TEST_F(ClonePlaceTest, nor_does_it_at_the_next_attempt_or_beside_a_server_that_runs) {
  finish_but_for_the_mark();
  EXPECT_FALSE(prepare_clone(plan_));
  EXPECT_EQ(kind(), DataDirectory::ok);
  EXPECT_TRUE(fs::exists(root_ + "/wal/0001"));
  write(mark_, data_ + ".clone\noutside " + root_ + "/wal\n");
  EXPECT_FALSE(marks_unfinished_clone(data_, mark_));
  EXPECT_FALSE(fs::exists(mark_));
  write(mark_, data_ + "\n");
  EXPECT_TRUE(marks_unfinished_clone(data_, mark_));
  EXPECT_TRUE(fs::exists(root_ + "/wal/0001"));
}

TEST_F(ClonePlaceTest, what_was_restored_over_an_unfinished_clone_uses_its_directories_undisturbed) {
  plan_.outside = {root_ + "/wal"};
  const auto place = prepare_clone(plan_);
  ASSERT_TRUE(place && place->beside);
  write(place->path + "/PG_VERSION", "15\n");
  ::usleep(20000);
  make_cluster(data_);
  write(root_ + "/wal/0001");
  fs::create_directory_symlink(root_ + "/wal", data_ + "/pg_wal");
  const auto left = clear_left_clone(data_, mark_);
  ASSERT_TRUE(left) << left.error();
  EXPECT_FALSE(fs::exists(place->path));
  EXPECT_EQ(kind(), DataDirectory::ok);
  EXPECT_TRUE(fs::exists(root_ + "/wal/0001"));
}

TEST_F(ClonePlaceTest, a_cluster_restored_by_hand_is_not_taken_for_what_a_clone_left_in_its_place) {
  fs::create_directory(data_);
  plan_.in_place = true;
  ASSERT_TRUE(prepare_clone(plan_));
  make_cluster(data_);
  note_made(data_, mark_);
  // The same directory, as where a file system is mounted; the same number of the file, as it is free again.
  fs::remove_all(data_ + "/global");
  fs::remove(data_ + "/PG_VERSION");
  ::usleep(20000);
  make_cluster(data_);
  const auto left = clear_left_clone(data_, mark_);
  ASSERT_FALSE(left);
  EXPECT_THAT(left.error(), HasSubstr("somebody restored since"));
  EXPECT_THAT(left.error(), HasSubstr("HINT: remove \"" + mark_));
  EXPECT_FALSE(prepare_clone(plan_));
  EXPECT_EQ(kind(), DataDirectory::ok);
  // Nor is one of which nothing is known.
  write(mark_, data_ + "\n");
  EXPECT_FALSE(clear_left_clone(data_, mark_));
  EXPECT_EQ(kind(), DataDirectory::ok);
  plan_.why_replace = "somebody wants it";
  EXPECT_TRUE(prepare_clone(plan_));
  EXPECT_EQ(kind(), DataDirectory::empty);
}

TEST_F(ClonePlaceTest, what_a_clone_left_in_its_place_is_removed_however_whole_it_looks) {
  plan_.in_place = true;
  ASSERT_TRUE(prepare_clone(plan_));
  make_cluster(data_);
  note_made(data_, mark_);
  const auto left = clear_left_clone(data_, mark_);
  ASSERT_TRUE(left) << left.error();
  EXPECT_EQ(kind(), DataDirectory::empty);
  EXPECT_FALSE(fs::exists(mark_));
  // Where there is no mark none is made.
  make_cluster(data_);
  note_made(data_, mark_);
  EXPECT_FALSE(fs::exists(mark_));
}

TEST_F(ClonePlaceTest, the_group_looks_only_where_it_was_let_in_and_postgresql_starts_with_it) {
  EXPECT_EQ(mode_after(0755, "15"), 0700u);
  EXPECT_EQ(mode_after(0750, "15"), 0750u);
  EXPECT_EQ(mode_after(0750, "10"), 0700u);
  EXPECT_EQ(mode_after(0700, "15"), 0700u);
}

TEST_F(ClonePlaceTest, each_removal_says_why_it_was_allowed) {
  std::vector<std::string> logged;
  log::redirect([&logged](log::Level, const std::string& line) { logged.push_back(line); });
  make_cluster(data_);
  plan_.why_replace = "it was damaged";
  ASSERT_TRUE(prepare_clone(plan_));
  EXPECT_THAT(logged, testing::ElementsAre("removing data directory \"" + data_ + "\": it was damaged"));
  logged.clear();
  // A method that keeps data, then one that begins with nothing.
  plan_.keep_data = true;
  ASSERT_TRUE(prepare_clone(plan_));
  logged.clear();
  make_cluster(data_);
  plan_.keep_data = false;
  ASSERT_TRUE(prepare_clone(plan_));
  EXPECT_THAT(logged, testing::ElementsAre("removing data directory \"" + data_ + "\": it was damaged"));
  logged.clear();
  plan_.why_replace.clear();
  ASSERT_TRUE(prepare_clone(plan_));
  log::redirect({});
  EXPECT_THAT(logged, testing::ElementsAre(HasSubstr("a clone into it was not finished")));
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

TEST_F(ClonePlaceTest, behind_a_link_the_clone_is_made_where_it_leads_to) {
  fs::create_directory_symlink(root_ + "/disk/pg", data_);
  plan_.why_replace = "it has diverged";
  for (const bool there : {false, true}) {
    if (there) make_cluster(root_ + "/disk/pg");
    const auto place = prepare_clone(plan_);
    ASSERT_TRUE(place) << place.error();
    EXPECT_FALSE(place->beside);
    EXPECT_TRUE(fs::is_empty(root_ + "/disk/pg"));
    make_cluster(data_);
    ASSERT_TRUE(discard_clone(*place, data_, mark_));
    EXPECT_TRUE(fs::is_symlink(data_) && fs::is_empty(data_));
  }
  const auto place = prepare_clone(plan_);
  make_cluster(data_);
  ASSERT_TRUE(place && finish_clone(*place, data_, mark_));
  EXPECT_TRUE(fs::is_symlink(data_));
  EXPECT_TRUE(fs::exists(root_ + "/disk/pg/PG_VERSION"));
}

}  // namespace
}  // namespace tanist::postgres
