#include "log/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace tanist::log {
namespace {

namespace fs = std::filesystem;

struct LogFile : testing::Test {
  void SetUp() override { fs::create_directory(directory); }
  void TearDown() override { fs::remove_all(directory); }
  std::string content(const std::string& name) {
    std::ifstream in(directory + "/" + name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  bool exists(const std::string& name) { return fs::exists(directory + "/" + name); }

  std::string directory = testing::TempDir() + "tanist-log-file-" + std::to_string(::getpid());
  RotatingFile::Settings settings{directory + "/patroni.log", 0600, 10, 2};
};

TEST_F(LogFile, it_is_rotated_before_the_next_line_would_reach_the_limit) {
  RotatingFile file(settings);
  ASSERT_TRUE(file.append("1234\n"));
  ASSERT_TRUE(file.append("567\n"));
  EXPECT_FALSE(exists("patroni.log.1")) << "9 of 10 bytes";
  ASSERT_TRUE(file.append("8\n"));
  EXPECT_EQ(content("patroni.log.1"), "1234\n567\n");
  EXPECT_EQ(content("patroni.log"), "8\n");
}

TEST_F(LogFile, only_so_many_old_files_are_kept) {
  RotatingFile file(settings);
  for (const char* line : {"aaaaaaaa\n", "bbbbbbbb\n", "cccccccc\n", "dddddddd\n"})
    ASSERT_TRUE(file.append(line));
  EXPECT_EQ(content("patroni.log"), "dddddddd\n");
  EXPECT_EQ(content("patroni.log.1"), "cccccccc\n");
  EXPECT_EQ(content("patroni.log.2"), "bbbbbbbb\n");
  EXPECT_FALSE(exists("patroni.log.3"));
}

TEST_F(LogFile, without_a_limit_or_old_files_it_grows) {
  for (const auto& [limit, kept] : {std::pair(0, 2), std::pair(10, 0)}) {
    settings.size_limit = limit;
    settings.old_files = kept;
    RotatingFile file(settings);
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(file.append("aaaaaaaa\n"));
    EXPECT_FALSE(exists("patroni.log.1"));
  }
}

TEST_F(LogFile, a_rotation_that_a_crash_interrupted_is_completed_by_the_next_one) {
  std::ofstream(directory + "/patroni.log") << "current1\n";
  std::ofstream(directory + "/patroni.log.2") << "older\n";  // .1 was moved on already
  RotatingFile file(settings);
  ASSERT_TRUE(file.append("next\n"));
  EXPECT_EQ(content("patroni.log.1"), "current1\n");
  EXPECT_EQ(content("patroni.log.2"), "older\n");
  EXPECT_EQ(content("patroni.log"), "next\n");
}

TEST_F(LogFile, the_size_of_an_existing_file_counts) {
  std::ofstream(directory + "/patroni.log") << "12345678\n";
  RotatingFile file(settings);
  ASSERT_TRUE(file.append("x\n"));
  EXPECT_EQ(content("patroni.log"), "x\n");
}

TEST_F(LogFile, each_file_gets_the_configured_mode) {
  settings.mode = 0644;
  RotatingFile file(settings);
  ASSERT_TRUE(file.append("12345678\n"));
  ASSERT_TRUE(file.append("12345678\n"));
  for (const char* name : {"/patroni.log", "/patroni.log.1"}) {
    struct stat found{};
    ASSERT_EQ(::stat((directory + name).c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 07777, 0644u) << name;
  }
  auto changed = settings;
  changed.mode = 0600;
  file.use(changed);
  ASSERT_TRUE(file.append("1\n"));
  struct stat found{};
  ASSERT_EQ(::stat(settings.path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600u);
}

TEST_F(LogFile, a_file_that_was_moved_or_removed_is_created_anew) {
  RotatingFile file(settings);
  ASSERT_TRUE(file.append("1\n"));
  fs::rename(settings.path, directory + "/moved");
  ASSERT_TRUE(file.append("2\n"));
  EXPECT_EQ(content("patroni.log"), "2\n");
  fs::remove(settings.path);
  ASSERT_TRUE(file.append("3\n"));
  EXPECT_EQ(content("patroni.log"), "3\n");
  EXPECT_EQ(content("moved"), "1\n");
}

TEST_F(LogFile, a_directory_that_vanishes_is_an_error_until_it_is_back) {
  RotatingFile file(settings);
  ASSERT_TRUE(file.append("1\n"));
  fs::remove_all(directory);
  const auto failed = file.append("2\n");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error(), "could not open \"" + settings.path + "\": No such file or directory");
  fs::create_directory(directory);
  ASSERT_TRUE(file.append("3\n"));
  EXPECT_EQ(content("patroni.log"), "3\n");
}

TEST_F(LogFile, when_it_cannot_be_rotated_it_grows_and_says_why) {
  fs::create_directories(directory + "/patroni.log.1/x");
  RotatingFile file(settings);
  fs::create_directories(directory + "/patroni.log.2/y");
  ASSERT_TRUE(file.append("12345678\n"));
  ASSERT_TRUE(file.append("12345678\n"));
  EXPECT_EQ(content("patroni.log"), "12345678\n12345678\n");
  EXPECT_NE(file.rotation_problem().find("could not rename"), std::string::npos);
}

}  // namespace
}  // namespace tanist::log
