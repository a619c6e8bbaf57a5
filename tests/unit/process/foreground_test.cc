#include "process/foreground.h"

#include <gtest/gtest.h>

#include <csignal>

namespace tanist::process {
namespace {

TEST(Foreground, tells_how_the_program_ended) {
  EXPECT_TRUE(run_in_foreground({"true"})->success());
  EXPECT_EQ(run_in_foreground({"sh", "-c", "exit 7"})->code, 7);
  EXPECT_EQ(run_in_foreground({"sh", "-c", "kill -TERM $$"})->signal, SIGTERM);
}

TEST(Foreground, a_program_that_is_not_there_is_named) {
  const auto ended = run_in_foreground({"/nonexistent/editor"});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error(), "could not run /nonexistent/editor: No such file or directory");
}

TEST(Foreground, the_input_is_what_it_reads) {
  EXPECT_TRUE(run_in_foreground({"sh", "-c", "test \"$(cat)\" = 'a diff'"}, "a diff")->success());
  EXPECT_TRUE(run_in_foreground({"sh", "-c", "test -z \"$(cat)\""}, "")->success());
}

TEST(Foreground, a_reader_that_leaves_early_does_no_harm) {
  EXPECT_TRUE(run_in_foreground({"true"}, std::string(4'000'000, 'x'))->success());
}

TEST(Foreground, signals_of_the_keyboard_are_back_afterwards) {
  ASSERT_TRUE(run_in_foreground({"true"}));
  EXPECT_EQ(::signal(SIGINT, SIG_DFL), SIG_DFL);
  EXPECT_TRUE(run_in_foreground({"sh", "-c", "kill -INT $$; sleep 1; exit 9"})->signal == SIGINT)
      << "the program itself has them";
}

}  // namespace
}  // namespace tanist::process
