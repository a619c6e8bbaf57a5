#include "ctl/commands/table.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "cli/completion.h"
#include "cli/man_page.h"
#include "cli/reference.h"
#include "ctl/doctor/findings.h"
#include "unit/cli/generated_file.h"

namespace tanist::ctl {
namespace {

using cli::test::expect_current;

const std::string kSource =
    "the table in src/ctl/commands/table.cc: see tests/unit/ctl/commands/table_test.cc";

const std::string kTop = TANIST_SOURCE_DIR "/";

TEST(Table, completions_are_those_of_the_table) {
  const auto tool = program("tanistctl");
  expect_current(kTop + "packaging/completion/tanistctl.bash", cli::bash_completion(tool, kSource));
  expect_current(kTop + "packaging/completion/_tanistctl", cli::zsh_completion(tool, kSource));
  expect_current(kTop + "packaging/completion/tanistctl.fish", cli::fish_completion(tool, kSource));
  expect_current(kTop + "packaging/completion/patronictl.fish",
                 cli::fish_completion_of_other_name(tool, "patronictl", kSource));
}

TEST(Table, the_man_page_is_that_of_the_table) {
  expect_current(kTop + "packaging/man/tanistctl.1", cli::man_page(program("tanistctl"), kSource));
}

TEST(Table, the_reference_in_the_docs_is_that_of_the_table) {
  const std::string path = kTop + "docs/tanistctl.md";
  const auto page = cli::test::read_file(path);
  const auto text = cli::reference(program("tanistctl"));
  EXPECT_NE(page.find("<!-- begin: commands -->"), std::string::npos);
  expect_current(path, cli::with_section(page, "commands", text));
}

/// What `doctor` looks at, from the table of its checks.
TEST(Table, the_checks_in_the_docs_are_those_of_doctor) {
  const std::string path = kTop + "docs/tanistctl.md";
  const auto page = cli::test::read_file(path);
  std::string text = "| check | looks at | asks |\n|---|---|---|\n";
  std::set<std::string> names;
  for (const auto& check : doctor::checks()) {
    EXPECT_TRUE(names.insert(check.name).second) << check.name;
    text += "| `" + std::string(check.name) + "` | " + check.looks_at + " | " + check.asks + " |\n";
  }
  EXPECT_NE(page.find("<!-- begin: checks -->"), std::string::npos);
  expect_current(path, cli::with_section(page, "checks", text));
}

TEST(Table, each_command_has_a_name_of_its_own_and_says_what_it_does) {
  std::set<std::string_view> names;
  for (const auto& command : commands()) {
    EXPECT_TRUE(names.insert(command.line.name).second) << command.line.name;
    EXPECT_NE(command.run, nullptr) << command.line.name;
    EXPECT_FALSE(command.line.help.empty()) << command.line.name;
    for (const auto& option : command.line.options)
      EXPECT_FALSE(option.help.empty()) << command.line.name << " " << option.names;
  }
}

/// ctl.md §13 and the commands of patronictl 4.1.
TEST(Table, each_command_of_patronictl_is_known) {
  for (const char* name : {"list", "topology", "switchover", "failover", "dsn", "query", "history", "version",
                           "remove", "reload", "restart", "reinit", "flush", "pause", "resume", "show-config",
                           "edit-config", "demote-cluster", "promote-cluster"}) {
    EXPECT_NE(find_command(name), nullptr) << name;
  }
  EXPECT_EQ(find_command("scaffold"), nullptr);
}

/// ctl.md §3–§11: the options that scripts of the original's users type.
TEST(Table, each_option_of_patronictl_is_taken) {
  const std::map<std::string, std::string> wanted = {
      {"list", "--group -e --extended -t --timestamp -f --format -W -w --watch"},
      {"topology", "--group -W -w --watch"},
      {"switchover", "--group --leader --primary --candidate --scheduled --force"},
      {"failover", "--group --candidate --force"},
      {"restart", "--group -r --role --any --scheduled --pg-version --pending --timeout --force"},
      {"reload", "--group -r --role --force"},
      {"reinit", "--group --force --from-leader --wait"},
      {"flush", "--group -r --role --force"},
      {"pause", "--group --wait"},
      {"resume", "--group --wait"},
      {"show-config", "--group"},
      {"edit-config", "--group -q --quiet -s --set -p --pg --apply --replace --force"},
      {"dsn", "--group -r --role -m --member"},
      {"query",
       "--group -r --role -m --member -c --command -f --file -U --username --password -d --dbname --format "
       "--delimiter -W -w --watch"},
      {"history", "--group -f --format"},
      {"version", "--group"},
      {"remove", "--group -f --format"},
      {"demote-cluster", "--host --port --restore-command --primary-slot-name --force"},
      {"promote-cluster", "--force"}};
  const auto names_of = [](const std::vector<cli::Option>& options) {
    std::set<std::string> names;
    for (const auto& option : options)
      for (auto& name : option.each_name()) names.insert(std::move(name));
    return names;
  };
  for (const auto& [command, options] : wanted) {
    const auto names = names_of(find_command(command)->line.options);
    std::istringstream words(options);
    for (std::string word; words >> word;) EXPECT_TRUE(names.contains(word)) << command << " " << word;
  }
  EXPECT_FALSE(names_of(find_command("failover")->line.options).contains("--leader"));
  const auto global = names_of(program("patronictl").options);
  for (const char* name : {"-c", "--config-file", "-d", "--dcs-url", "--dcs", "-k", "--insecure"})
    EXPECT_TRUE(global.contains(name)) << name;
}

}  // namespace
}  // namespace tanist::ctl
