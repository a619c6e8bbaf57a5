#include "postgres/parameters/hba.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tanist::postgres {
namespace {

TEST(Hba, lines_that_postgresql_reads) {
  for (const char* line :
       {"", "  # comment", "local all all trust", "host all all 0.0.0.0/0 scram-sha-256",
        "host all all 10.0.0.1 255.255.255.255 md5",
        "hostssl \"my db\" \"a user\" all cert clientcert=verify-full",
        "host all,replication all 10.20.0.0/24 scram-sha-256", "host a, b c samehost reject",
        "host all +g .example.com peer", "include /etc/x",
        "hostnossl all all ::1/128 ldap ldapserver=x ldapprefix=\"cn=\"", "host all all ::1 ffff:: md5"})
    EXPECT_EQ(hba_problem(line), std::nullopt) << line;
}

TEST(Hba, lines_that_let_everybody_in) {
  for (const char* line : {"host all all 0.0.0.0/0 trust", "hostssl all all 10.0.0.1 255.0.0.0 trust",
                           "host replication all samenet trust", "host all all db.example.com trust"})
    EXPECT_TRUE(lets_strangers_in(line)) << line;
  for (const char* line :
       {"local all all trust", "host all all 127.0.0.1/32 trust", "host all all ::1/128 trust",
        "host all all samehost trust", "host all all 0.0.0.0/0 md5", "host all trust", "# x"})
    EXPECT_FALSE(lets_strangers_in(line)) << line;
  EXPECT_TRUE(is_for_replication("host a,replication all 0.0.0.0/0 md5"));
  EXPECT_FALSE(is_for_replication("host all all 0.0.0.0/0 md5"));
  EXPECT_FALSE(is_for_replication("# replication"));
}

TEST(Hba, the_first_line_that_fits_says_how_this_host_is_let_in) {
  const std::vector<std::string> lines = {"local all all trust", "host replication all 127.0.0.1/32 trust",
                                          "host all +staff all reject", "host all app,postgres 0.0.0.0/0 md5",
                                          "host all all 0.0.0.0/0 scram-sha-256"};
  EXPECT_EQ(hba_method(lines, true, "postgres", "postgres"), "trust");
  EXPECT_EQ(hba_method(lines, false, "postgres", "postgres"), "md5");
  EXPECT_EQ(hba_method(lines, false, "postgres", "admin"), "scram-sha-256");
  EXPECT_EQ(hba_method({"host all all 10.0.0.0/8 md5"}, false, "postgres", "postgres"), "");
  EXPECT_EQ(hba_method({"include x", "host all all all md5"}, false, "postgres", "postgres"), "");
  EXPECT_EQ(hba_method({"host all all 127.0.0.1 255.255.255.255 md5"}, false, "postgres", "postgres"), "md5");
}

TEST(Hba, lines_that_it_does_not) {
  EXPECT_EQ(hba_problem("hots all all all md5"),
            "begins with \"hots\", which is no type of connection: did you mean host?");
  EXPECT_EQ(hba_problem("local all all"), "has 3 fields, local lines need 4: type, database, user, method");
  EXPECT_EQ(hba_problem("host all all md5"),
            "has 4 fields, host lines need 5: type, database, user, address, method");
  EXPECT_EQ(hba_problem("host all all 10.0.0.1 md5"), "the address 10.0.0.1 needs a mask");
  EXPECT_EQ(hba_problem("host all all all scram-sha256"),
            "\"scram-sha256\" is no authentication method: did you mean scram-sha-256?");
  EXPECT_TRUE(is_hba_record("  hostssl a b c d", false));
  EXPECT_FALSE(is_hba_record("# host", true));
  EXPECT_FALSE(is_hba_record("include x", false));
  EXPECT_TRUE(is_hba_record("include x", true));
  EXPECT_EQ(ident_problem("m sys db"), std::nullopt);
  EXPECT_EQ(ident_problem("m \"/^(.*)@x$\" \\1"), std::nullopt);
  EXPECT_NE(ident_problem("m sys"), std::nullopt);
}

}  // namespace
}  // namespace tanist::postgres
