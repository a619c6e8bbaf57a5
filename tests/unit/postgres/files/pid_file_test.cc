#include "postgres/files/pid_file.h"

#include <gtest/gtest.h>

namespace tanist::postgres {
namespace {

TEST(PidFile, a_pid_that_was_reused_is_not_our_postmaster) {
  const auto file = parse_pid_file("42\n/data/pg\n1000\n5432\n/tmp\nlocalhost\n 1 2\nready   \n");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->pid, 42);
  EXPECT_EQ(file->port, 5432);
  EXPECT_EQ(file->status, "ready");
  PidFileProcess process{true, false, 1001, 0, "/usr/lib/postgresql/15/bin/postgres", true};
  EXPECT_TRUE(is_our_postmaster(*file, process, "/x/postgres", "/data/pg"));
  process.start_time = 5000;
  EXPECT_TRUE(is_our_postmaster(*file, process, "/x/postgres", "/data/pg"));
  process.works_here = false;
  EXPECT_FALSE(is_our_postmaster(*file, process, "/x/postgres", "/data/pg"));
  process.works_here = true;
  process.executable = "/bin/sleep";
  EXPECT_FALSE(is_our_postmaster(*file, process, "/x/postgres", "/data/pg"));
  process.executable = "/x/postgres";
  process.relative = true;
  EXPECT_FALSE(is_our_postmaster(*file, process, "/x/postgres", "/data/pg"));
  EXPECT_EQ(parse_pid_file("-7\n/data\n")->pid, -7);
  EXPECT_FALSE(parse_pid_file(""));
}

TEST(Titles, client_backends_are_told_from_the_rest) {
  EXPECT_TRUE(is_auxiliary_title("postgres: demo: checkpointer "));
  EXPECT_TRUE(is_auxiliary_title("postgres: walsender rep 127.0.0.1(1) streaming 0/1"));
  EXPECT_TRUE(is_auxiliary_title("postgres: demo: logical replication launcher"));
  EXPECT_FALSE(is_auxiliary_title("postgres: demo: app db 127.0.0.1(55) idle"));
  EXPECT_FALSE(is_auxiliary_title("/usr/lib/postgresql/15/bin/postgres -D /data"));
  EXPECT_TRUE(is_logger_title("postgres: demo: logger "));
  EXPECT_FALSE(is_logger_title("postgres: demo: logger db [local] idle"));
  EXPECT_FALSE(is_auxiliary_title("postgres: demo: startup db 127.0.0.1(55) idle"));
  EXPECT_TRUE(is_client_title("postgres: demo: app db 127.0.0.1(55) idle"));
  EXPECT_FALSE(is_client_title("/usr/lib/postgresql/15/bin/postgres -D /data"));
}

TEST(Titles, the_startup_process_is_found_whatever_it_waits_for) {
  EXPECT_TRUE(is_startup_title("postgres: demo: startup recovering 000000010000000000000003"));
  EXPECT_TRUE(is_startup_title("postgres: startup waiting for 000000010000000000000003"));
  EXPECT_TRUE(is_startup_title("postgres: startup process   recovering 000000010000000000000003"));
  EXPECT_TRUE(is_startup_title("postgres: demo: startup "));
  EXPECT_FALSE(is_startup_title("postgres: demo: startup db 127.0.0.1(55) idle"));
  EXPECT_FALSE(is_startup_title("postgres: demo: checkpointer "));
}

TEST(Titles, wal_senders_that_feed_no_standby_are_told_from_those_that_do) {
  EXPECT_FALSE(is_other_sender_title("postgres: m1: walsender rep 127.0.0.1(1) streaming 0/1"));
  EXPECT_TRUE(is_other_sender_title("postgres: m1: walsender app db 127.0.0.1(1) START_REPLICATION"));
  EXPECT_TRUE(is_other_sender_title("postgres: walsender rep [local] idle"));
  EXPECT_FALSE(is_other_sender_title("postgres: m1: app db 127.0.0.1(55) idle"));
}

}  // namespace
}  // namespace tanist::postgres
