#include "postgres/parameters/narrowed_hba.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tanist::postgres {
namespace {

using testing::ElementsAre;
using Lines = std::vector<std::string>;

TEST(NarrowedHba, only_the_superuser_and_replication_are_left_and_each_by_its_own_lines) {
  const Lines lines = {"# comment",
                       "",
                       "local   all  all                peer map=admins  # who logs in here",
                       "host replication replicator,+copies 10.0.0.0/8 scram-sha-256",
                       "host all,replication all 127.0.0.1/32 md5",
                       "hostssl app \"Some One\",postgres 10.0.0.0/8 cert clientcert=verify-full",
                       "host app web, api 10.0.0.0/8 md5",
                       "host app \"all\" 10.0.0.0/8 trust",
                       "hostnossl \"replication\" all 10.0.0.0 255.0.0.0 reject"};
  const auto narrowed = narrowed_hba(lines, "postgres");
  ASSERT_TRUE(narrowed) << narrowed.error();
  EXPECT_THAT(*narrowed,
              ElementsAre("local all \"postgres\"                peer map=admins  # who logs in here",
                          "host replication replicator,+copies 10.0.0.0/8 scram-sha-256",
                          "host replication all 127.0.0.1/32 md5",
                          "host all,replication \"postgres\" 127.0.0.1/32 md5",
                          "hostssl app \"postgres\" 10.0.0.0/8 cert clientcert=verify-full",
                          // A database of that name, in quotes, is like any other.
                          "hostnossl \"replication\" \"postgres\" 10.0.0.0 255.0.0.0 reject"));
}

TEST(NarrowedHba, what_only_the_server_can_tell_is_left_alone) {
  const auto error = [](Lines lines) {
    const auto narrowed = narrowed_hba(lines, "postgres");
    return narrowed ? std::string() : narrowed.error();
  };
  EXPECT_EQ(error({"local all all trust", "host all +staff all md5"}),
            "line 2 of pg_hba.conf names users that only the server can tell: host all +staff all md5");
  EXPECT_EQ(error({"host all @users all md5"}),
            "line 1 of pg_hba.conf names users that only the server can tell: host all @users all md5");
  EXPECT_EQ(
      error({"host all \"/^app\",/^x all md5"}),
      "line 1 of pg_hba.conf names users that only the server can tell: host all \"/^app\",/^x all md5");
  EXPECT_EQ(error({"host @list all all md5"}),
            "line 1 of pg_hba.conf takes its databases from a file: host @list all all md5");
  EXPECT_EQ(error({"include other.conf"}),
            "line 1 of pg_hba.conf is not about connections: include other.conf");
  EXPECT_EQ(error({"host all all \\"}), "line 1 of pg_hba.conf goes on in the next: host all all \\");
  EXPECT_EQ(error({"host replication all all md5", "host app web all md5"}),
            "no line of pg_hba.conf lets postgres in");
  EXPECT_EQ(error({}), "no line of pg_hba.conf lets postgres in");
}

}  // namespace
}  // namespace tanist::postgres
