#include "postgres/local/statements.h"

#include <gtest/gtest.h>

namespace tanist::postgres {
namespace {

TEST(Statements, are_left_out_of_what_a_server_said) {
  EXPECT_EQ(without_statements("running bootstrap script ... FATAL:  out of space at character 9\n"
                               "STATEMENT:  ALTER USER \"postgres\" WITH PASSWORD E's3cret\n"
                               "\tof two lines';\n"
                               "\t\n"
                               "child process exited with exit code 1\n"),
            "running bootstrap script ... FATAL:  out of space at character 9\n"
            "child process exited with exit code 1\n");
}

TEST(Statements, with_a_password_are_known_in_any_language) {
  EXPECT_EQ(without_statements("ANWEISUNG:  ALTER USER \"postgres\" WITH PASSWORD E's3cret';"), "");
  EXPECT_EQ(without_statements("nothing of the kind"), "nothing of the kind");
  EXPECT_EQ(without_statements(""), "");
}

}  // namespace
}  // namespace tanist::postgres
