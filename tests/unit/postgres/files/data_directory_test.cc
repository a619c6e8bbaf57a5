#include "postgres/files/data_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "async/disk_thread.h"

namespace tanist::postgres {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class DataDirectoryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/tanist-data-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    data_ = root_ + "/data";
    mark_ = root_ + "/data.tanist/failed";
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

  std::string root_;
  std::string data_;
  std::string mark_;
};

TEST_F(DataDirectoryTest, a_missing_or_empty_one_is_empty) {
  EXPECT_EQ(look_at_data_directory(data_).kind, DataDirectory::empty);
  fs::create_directory(data_);
  EXPECT_EQ(look_at_data_directory(data_).kind, DataDirectory::empty);
  const auto disk = look_at_data_directory(data_).disk;
  ASSERT_TRUE(disk.has_value());
  EXPECT_LE(disk->free_bytes, disk->size_bytes);
  EXPECT_GT(disk->size_bytes, 0);
  fs::create_directory(data_ + "/lost+found");
  write(data_ + "/.keep");
  EXPECT_EQ(look_at_data_directory(data_).kind, DataDirectory::empty);
}

TEST_F(DataDirectoryTest, files_of_others_make_it_foreign) {
  write(data_ + "/thesis.txt");
  const auto seen = look_at_data_directory(data_);
  EXPECT_EQ(seen.kind, DataDirectory::foreign);
  EXPECT_THAT(seen.error, HasSubstr("holds no whole PostgreSQL cluster"));
  write(data_ + "/PG_VERSION", "15\n");
  EXPECT_EQ(look_at_data_directory(data_).kind, DataDirectory::foreign);
}

TEST_F(DataDirectoryTest, a_cluster_is_described) {
  make_cluster(data_);
  write(data_ + "/standby.signal");
  write(data_ + "/postmaster.pid", "42\n");
  auto seen = look_at_data_directory(data_);
  EXPECT_EQ(seen.kind, DataDirectory::ok);
  EXPECT_EQ(seen.major_version, 150000);
  EXPECT_TRUE(seen.standby_signal);
  EXPECT_FALSE(seen.backup_label);
  EXPECT_EQ(seen.postmaster_pid, "42\n");
  EXPECT_EQ(seen.permission_error, "");
  ::chmod(data_.c_str(), 0777);
  EXPECT_THAT(look_at_data_directory(data_).permission_error, HasSubstr("has permissions 0777"));
  EXPECT_EQ(parse_major_version("9.6\n"), 90600);
  EXPECT_EQ(parse_major_version(""), 0);
}

/// What cannot be read is not what is not there: the directory is nobody else's because of it.
TEST_F(DataDirectoryTest, a_file_of_it_that_cannot_be_read_makes_it_unreadable_and_not_foreign) {
  const std::vector<std::string> files{"PG_VERSION", "global/pg_control", "standby.signal", "postmaster.pid"};
  for (const std::string& file : files) {
    fs::remove_all(data_);
    make_cluster(data_);
    fs::remove(data_ + "/" + file);
    fs::create_symlink(file.substr(file.find('/') + 1), data_ + "/" + file);  // leads to itself
    const auto seen = look_at_data_directory(data_);
    EXPECT_EQ(seen.kind, DataDirectory::unreadable) << file;
    EXPECT_THAT(seen.error, HasSubstr(data_ + "/" + file));
    EXPECT_THAT(seen.error, HasSubstr("symbolic links"));
  }
}

TEST_F(DataDirectoryTest, a_process_out_of_descriptors_has_an_unreadable_one) {
  make_cluster(data_);
  const int lowest_free = ::dup(0);
  ::close(lowest_free);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none_left{static_cast<rlim_t>(lowest_free), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none_left), 0);
  const auto seen = look_at_data_directory(data_);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(seen.kind, DataDirectory::unreadable);
  EXPECT_THAT(seen.error, HasSubstr("Too many open files"));
}

TEST_F(DataDirectoryTest, a_file_in_its_place_is_unreadable) {
  write(data_);
  EXPECT_EQ(look_at_data_directory(data_).kind, DataDirectory::unreadable);
}

TEST_F(DataDirectoryTest, removing_takes_linked_wal_along_and_renaming_keeps_it) {
  make_cluster(data_);
  write(root_ + "/wal/0001");
  fs::create_directory_symlink(root_ + "/wal", data_ + "/pg_wal");
  ASSERT_EQ(rename_data_directory(data_, mark_, false), data_ + ".failed");
  EXPECT_FALSE(fs::exists(data_));
  EXPECT_TRUE(fs::exists(data_ + ".failed/pg_wal/0001"));
  EXPECT_TRUE(fs::exists(root_ + "/wal.failed/0001"));
  ASSERT_TRUE(remove_data_directory(data_ + ".failed"));
  EXPECT_FALSE(fs::exists(root_ + "/wal.failed"));
  EXPECT_FALSE(fs::exists(data_ + ".failed"));
  EXPECT_EQ(rename_data_directory(data_, mark_, false), "");
}

TEST_F(DataDirectoryTest, nothing_that_was_put_aside_is_removed_but_by_the_bootstrap_that_made_it) {
  const auto put_aside = [&](const std::string& file, bool may_give_way) {
    make_cluster(data_);
    write(root_ + "/wal/" + file);
    write(root_ + "/space/PG_15_202209061/" + file);
    fs::create_directory_symlink(root_ + "/wal", data_ + "/pg_wal");
    fs::create_directory(data_ + "/pg_tblspc");
    fs::create_directory_symlink(root_ + "/space", data_ + "/pg_tblspc/16400");
    const auto renamed = rename_data_directory(data_, mark_, may_give_way);
    if (!renamed) return renamed.error();
    EXPECT_TRUE(fs::exists(*renamed + "/pg_wal/" + file));
    EXPECT_TRUE(fs::exists(*renamed + "/pg_tblspc/16400/PG_15_202209061/" + file));
    return *renamed;
  };
  EXPECT_EQ(put_aside("first", false), data_ + ".failed");
  EXPECT_EQ(put_aside("second", true), data_ + ".failed.1");
  // The disk does not fill with attempts that fail again and again.
  EXPECT_EQ(put_aside("third", true), data_ + ".failed.1");
  EXPECT_FALSE(fs::exists(root_ + "/wal.failed.1/second"));
  EXPECT_TRUE(fs::exists(data_ + ".failed/pg_wal/first"));
  for (const std::string numbered : {"", ".1"})
    ASSERT_TRUE(remove_data_directory(data_ + ".failed" + numbered));
  EXPECT_EQ(put_aside("fourth", true), data_ + ".failed");
  EXPECT_EQ(put_aside("fifth", true), data_ + ".failed");
  EXPECT_FALSE(fs::exists(root_ + "/wal.failed/fourth"));
  // What somebody has put there since is another one.
  fs::rename(data_ + ".failed", root_ + "/away");
  make_cluster(data_ + ".failed");
  EXPECT_EQ(put_aside("sixth", true), data_ + ".failed.1");
}

/// What pg_upgrade left is the way back, and another cluster's is not ours at all.
TEST_F(DataDirectoryTest, in_the_place_of_a_tablespace_only_what_is_of_this_cluster_is_touched) {
  std::string control(16, '\0');
  const std::uint32_t catalog = 202209061;
  std::memcpy(control.data() + 12, &catalog, sizeof catalog);
  const auto make = [&] {
    make_cluster(data_);
    write(data_ + "/global/pg_control", control);
    fs::create_directory(data_ + "/pg_tblspc");
    fs::create_directory_symlink(root_ + "/space", data_ + "/pg_tblspc/16400");
    for (const std::string name : {"PG_14_202107181", "PG_15_202209061", "PG_15_202205121"})
      write(root_ + "/space/" + name + "/1");
  };
  make();
  ASSERT_TRUE(remove_data_directory(data_));
  EXPECT_FALSE(fs::exists(root_ + "/space/PG_15_202209061"));
  EXPECT_TRUE(fs::exists(root_ + "/space/PG_15_202205121/1"));
  EXPECT_TRUE(fs::exists(root_ + "/space/PG_14_202107181/1"));
  make();
  ASSERT_TRUE(rename_data_directory(data_, mark_, false));
  EXPECT_TRUE(fs::exists(data_ + ".failed/pg_tblspc/16400/PG_15_202209061/1"));
  EXPECT_FALSE(fs::exists(root_ + "/space/PG_15_202209061"));
  EXPECT_TRUE(fs::exists(root_ + "/space/PG_14_202107181/1"));
  // Where it is not known what is of it, nothing is.
  make();
  fs::remove(data_ + "/PG_VERSION");
  fs::remove(data_ + "/global/pg_control");
  ASSERT_TRUE(remove_data_directory(data_));
  EXPECT_TRUE(fs::exists(root_ + "/space/PG_15_202209061/1"));
}

TEST_F(DataDirectoryTest, behind_a_link_the_place_that_it_names_is_emptied_and_used_again) {
  const std::string disk = root_ + "/disk/pg";
  const auto make = [&] {
    make_cluster(disk);
    write(root_ + "/wal/0001");
    fs::create_directory_symlink(root_ + "/wal", disk + "/pg_wal");
  };
  make();
  fs::create_directory_symlink("disk/pg", data_);
  ASSERT_TRUE(remove_data_directory(data_));
  EXPECT_TRUE(fs::is_symlink(data_));
  EXPECT_TRUE(fs::is_empty(disk));
  EXPECT_FALSE(fs::exists(root_ + "/wal"));
  make();
  ASSERT_EQ(rename_data_directory(data_, mark_, false), disk + ".failed");
  EXPECT_TRUE(fs::is_symlink(data_));
  EXPECT_TRUE(fs::is_empty(data_));
  EXPECT_TRUE(fs::exists(disk + ".failed/PG_VERSION"));
  EXPECT_TRUE(fs::exists(root_ + "/wal.failed/0001"));
  // A link to nowhere yet.
  fs::remove_all(root_ + "/disk");
  EXPECT_EQ(look_at_data_directory(data_).kind, DataDirectory::empty);
  ASSERT_TRUE(remove_data_directory(data_));
  ASSERT_TRUE(make_data_directory(data_));
  EXPECT_TRUE(fs::is_directory(disk));
}

TEST_F(DataDirectoryTest, a_directory_is_known_by_more_than_its_name) {
  make_cluster(data_);
  const auto before = file_identity(data_);
  ASSERT_TRUE(before && !before->empty());
  fs::rename(data_, root_ + "/other");
  EXPECT_EQ(file_identity(root_ + "/other"), before);
  make_cluster(data_);
  EXPECT_NE(file_identity(data_), before);
  EXPECT_EQ(file_identity(root_ + "/none"), "");
}

TEST_F(DataDirectoryTest, directories_that_cannot_be_written_to_name_their_setting) {
  config::Settings settings;
  settings.postgresql.data_dir = data_;
  settings.postgresql.pgpass = root_ + "/home/pgpass";
  settings.postgresql.parameters["unix_socket_directories"] = root_ + "/a, " + root_ + "/b,@abstract";
  EXPECT_TRUE(prepare_directories(settings, data_, false));
  EXPECT_TRUE(fs::is_directory(root_ + "/b"));
  settings.postgresql.parameters["unix_socket_directories"] = "/proc/none";
  const auto failed = prepare_directories(settings, data_, false);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error(),
              HasSubstr("'/proc/none' is defined in postgresql.parameters.unix_socket_directories"));
}

TEST_F(DataDirectoryTest, configuration_files_travel_with_the_data) {
  config::Postgresql postgresql;
  postgresql.data_dir = data_;
  make_cluster(data_);
  write(data_ + "/pg_hba.conf", "local all all trust\n");
  back_up_configuration(postgresql);
  fs::remove(data_ + "/pg_hba.conf");
  restore_configuration(postgresql);
  EXPECT_EQ(read_dated(data_ + "/pg_hba.conf")->content, "local all all trust\n");
  EXPECT_TRUE(fs::exists(data_ + "/pg_ident.conf"));
}

}  // namespace
}  // namespace tanist::postgres
