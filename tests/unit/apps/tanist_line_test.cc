#include "apps/tanist_line.h"

#include <gtest/gtest.h>

#include "cli/completion.h"
#include "cli/man_page.h"
#include "cli/parse.h"
#include "unit/cli/generated_file.h"

namespace tanist::apps {
namespace {

const std::string kSource = "src/apps/tanist_line.h: see tests/unit/apps/tanist_line_test.cc";
const std::string kPackaging = TANIST_SOURCE_DIR "/packaging/";

TEST(TanistLine, completions_and_the_man_page_are_made_from_it) {
  using cli::test::expect_current;
  const auto line = daemon_line("tanist");
  expect_current(kPackaging + "completion/tanist.bash", cli::bash_completion(line, kSource));
  expect_current(kPackaging + "completion/_tanist", cli::zsh_completion(line, kSource));
  expect_current(kPackaging + "completion/tanist.fish", cli::fish_completion(line, kSource));
  expect_current(kPackaging + "completion/patroni.fish",
                 cli::fish_completion_of_other_name(line, "patroni", kSource));
  expect_current(kPackaging + "man/tanist.1", cli::man_page(line, kSource));
  expect_current(kPackaging + "man/patroni.1", ".so man1/tanist.1\n");
}

/// config.md §7: `patroni 4.1.4`; tools compare it.
TEST(TanistLine, called_patroni_it_says_what_level_of_that_it_is) {
  EXPECT_EQ(cli::parse(daemon_line("patroni"), {"--version"}).text, "patroni 4.1.4\n");
  EXPECT_TRUE(cli::parse(daemon_line("tanist"), {"--version"}).text.starts_with("tanist "));
  EXPECT_TRUE(daemon_usage("patroni").starts_with("usage: patroni [-h]"));
  EXPECT_EQ(daemon_line("whatever").name, "tanist");
}

}  // namespace
}  // namespace tanist::apps
