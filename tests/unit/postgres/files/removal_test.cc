#include "postgres/files/removal.h"

#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "async/disk_thread.h"
#include "log/log.h"
#include "postgres/files/data_directory.h"

namespace tanist::postgres {
namespace {

namespace fs = std::filesystem;

class RemovalTest : public testing::Test {
 protected:
  void SetUp() override {
    log::redirect([](log::Level, const std::string&) {});
    std::string pattern = "/tmp/tanist-removal-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    data_ = root_ + "/data";
    mark_ = root_ + "/data.tanist/removal";
    make_cluster();
  }
  void TearDown() override {
    log::redirect({});
    fs::remove_all(root_);
  }

  void write(const std::string& path) { ASSERT_TRUE(blocking::write_file(path, "15\n", 0600)); }
  void make_cluster() {
    write(data_ + "/PG_VERSION");
    write(data_ + "/global/pg_control");
    write(data_ + "/base/1/1259");
  }
  /// The daemon is killed when it has removed some of the files.
  void break_off() {
    const auto identity = file_identity(data_ + "/PG_VERSION");
    ASSERT_TRUE(identity);
    ASSERT_TRUE(blocking::write_file(mark_, data_ + "\n" + *identity + "\n", 0600));
    fs::remove_all(data_ + "/base");
  }

  std::string root_;
  std::string data_;
  std::string mark_;
};

TEST_F(RemovalTest, leaves_neither_data_nor_mark) {
  ASSERT_TRUE(remove_cluster(data_, mark_));
  EXPECT_FALSE(fs::exists(data_));
  EXPECT_FALSE(fs::exists(mark_));
}

TEST_F(RemovalTest, that_was_broken_off_is_finished) {
  for (const bool control_gone : {false, true}) {
    make_cluster();
    break_off();
    if (control_gone) fs::remove_all(data_ + "/global");
    ASSERT_TRUE(finish_removal(data_, mark_));
    EXPECT_EQ(look_at_data_directory(data_).kind, DataDirectory::empty);
    EXPECT_FALSE(fs::exists(mark_));
  }
}

TEST_F(RemovalTest, what_was_put_there_since_is_kept) {
  break_off();
  fs::rename(data_, root_ + "/old");
  make_cluster();
  ASSERT_TRUE(finish_removal(data_, mark_));
  EXPECT_TRUE(fs::exists(data_ + "/base/1/1259"));
  EXPECT_FALSE(fs::exists(mark_));
}

TEST_F(RemovalTest, nothing_goes_without_a_mark) {
  ASSERT_TRUE(finish_removal(data_, mark_));
  EXPECT_TRUE(fs::exists(data_ + "/base/1/1259"));
}

TEST_F(RemovalTest, what_cannot_be_noted_is_not_begun) {
  write(root_ + "/data.tanist");
  EXPECT_FALSE(remove_cluster(data_, mark_));
  EXPECT_TRUE(fs::exists(data_ + "/base/1/1259"));
}

/// What is left of a removal that was broken off is known by PG_VERSION: it has to outlast the rest.
TEST_F(RemovalTest, the_version_file_goes_last) {
  for (const char* name : {"/a", "/pg_wal", "/z"}) write(data_ + name + std::string("/file"));
  const int watch = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  ASSERT_GE(::inotify_add_watch(watch, data_.c_str(), IN_DELETE), 0);
  ASSERT_TRUE(remove_data_directory(data_));
  std::string last;
  alignas(inotify_event) char events[4096];
  const auto got = ::read(watch, events, sizeof events);
  ::close(watch);
  for (long at = 0; at < got;) {
    const auto* event = reinterpret_cast<const inotify_event*>(events + at);
    if (event->len > 0) last = event->name;
    at += static_cast<long>(sizeof *event + event->len);
  }
  EXPECT_EQ(last, "PG_VERSION");
}

}  // namespace
}  // namespace tanist::postgres
