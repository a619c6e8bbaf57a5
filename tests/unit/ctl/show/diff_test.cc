#include "ctl/show/diff.h"

#include <gtest/gtest.h>

namespace tanist::ctl {
namespace {

TEST(Diff, equal_texts_have_none) {
  EXPECT_EQ(unified_diff("a\nb\n", "a\nb\n"), "");
  EXPECT_EQ(unified_diff("", ""), "");
}

TEST(Diff, a_changed_line_stands_in_its_context) {
  const char* before = "loop_wait: 10\npostgresql:\n  parameters:\n    max_connections: 200\nttl: 30\n";
  const char* after =
      "loop_wait: 10\npostgresql:\n  parameters:\n    max_connections: 200\n    work_mem: 8MB\nttl: 20\n";
  EXPECT_EQ(unified_diff(before, after),
            "--- \n+++ \n@@ -2,4 +2,5 @@\n postgresql:\n   parameters:\n     max_connections: 200\n-ttl: 30\n"
            "+    work_mem: 8MB\n+ttl: 20\n");
}

TEST(Diff, everything_may_be_new_or_gone) {
  EXPECT_EQ(unified_diff("", "a\n"), "--- \n+++ \n@@ -0,0 +1 @@\n+a\n");
  EXPECT_EQ(unified_diff("a\nb\n", ""), "--- \n+++ \n@@ -1,2 +0,0 @@\n-a\n-b\n");
}

TEST(Diff, distant_changes_are_hunks_of_their_own) {
  std::string before;
  std::string after;
  for (int i = 1; i <= 20; ++i) {
    before += std::to_string(i) + "\n";
    after += (i == 2 || i == 15 ? "x" : std::to_string(i)) + "\n";
  }
  EXPECT_EQ(unified_diff(before, after),
            "--- \n+++ \n@@ -1,5 +1,5 @@\n 1\n-2\n+x\n 3\n 4\n 5\n@@ -12,7 +12,7 @@\n 12\n 13\n "
            "14\n-15\n+x\n 16\n 17\n "
            "18\n");
}

TEST(Diff, near_changes_share_a_hunk) {
  EXPECT_EQ(unified_diff("a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n"),
            "--- \n+++ \n@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n");
  EXPECT_EQ(unified_diff("a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n"),
            "--- \n+++ \n@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n");
}

TEST(Diff, colours_are_for_terminals) {
  EXPECT_EQ(coloured("--- \n+++ \n@@ -1 +1 @@\n-a\n+b\n c\n"),
            "\033[1m--- \033[0m\n\033[1m+++ \033[0m\n\033[36m@@ -1 +1 "
            "@@\033[0m\n\033[31m-a\033[0m\n\033[32m+b\033[0m\n"
            " c\n");
}

}  // namespace
}  // namespace tanist::ctl
