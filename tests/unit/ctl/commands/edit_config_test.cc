#include "ctl/commands/edit_config.h"
#include "json/parse.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "ctl/commands/show_config.h"
#include "unit/ctl/commands/command_test.h"

namespace tanist::ctl {
namespace {

namespace fs = std::filesystem;

std::string read(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

class EditConfigTest : public ::testing::Test {
 protected:
  EditConfigTest() {
    char name[] = "/tmp/tanistctl-edit-XXXXXX";
    directory = ::mkdtemp(name);
    store.cluster.config = {
        dcs::Version("7"),
        parse_json(R"({"ttl":30,"postgresql":{"parameters":{"max_connections":200}}})").value(), true};
    command.cluster = "shop";
    programs.edit = [this](const std::string& path) {
      edited = path;
      return editor(path);
    };
    programs.page = [this](const std::string& text) { paged = text; };
  }
  ~EditConfigTest() override { fs::remove_all(directory); }

  std::string run() {
    try {
      ending = run_edit_config(command, store, &api, screen.terminal(), programs);
    } catch (const Failure& failure) {
      return failure.what();
    } catch (const Aborted& aborted) {
      return aborted.what();
    }
    return {};
  }
  std::string file(const std::string& text) {
    const std::string path = directory + "/change.yml";
    std::ofstream(path) << text;
    return path;
  }

  std::string directory;
  EditConfigCommand command;
  test::FakeStore store;
  test::FakeApi api;
  Ending ending = Ending::done;
  test::FakeTerminal screen;
  Programs programs;
  std::function<int(const std::string&)> editor = [](const std::string&) { return 0; };
  std::string edited;
  std::string paged;
};

TEST_F(EditConfigTest, settings_are_shown_as_a_diff_and_written) {
  command.settings = {"ttl=20"};
  command.parameters = {" work_mem=8MB"};
  command.force = true;
  EXPECT_EQ(run(), "");
  EXPECT_EQ(screen.out.str(),
            "--- \n+++ \n@@ -1,4 +1,5 @@\n postgresql:\n   parameters:\n     max_connections: 200\n-ttl: 30\n"
            "+    work_mem: 8MB\n+ttl: 20\nConfiguration changed\n");
  EXPECT_EQ(to_json(*store.written),
            R"({"ttl":20,"postgresql":{"parameters":{"max_connections":200,"work_mem":"8MB"}}})");
}

TEST_F(EditConfigTest, a_controlled_parameter_that_members_would_not_take_is_not_written) {
  command.parameters = {"max_connections=abc"};
  command.force = true;
  EXPECT_NE(
      run().find("postgresql.parameters.max_connections: given \"abc\" (a string), allowed: an integer of at "
                 "least 25"),
      std::string::npos);
  EXPECT_FALSE(store.written);
}

TEST_F(EditConfigTest, a_configuration_that_is_no_json_is_not_called_absent) {
  store.cluster.config = {dcs::Version("7"), Document::map(), false};
  command.settings = {"ttl=20"};
  EXPECT_NE(run().find("holds no JSON object"), std::string::npos);
  EXPECT_THROW(run_show_config("shop", store, screen.terminal()), Failure);
}

TEST_F(EditConfigTest, nothing_is_written_without_a_yes) {
  command.settings = {"ttl=20"};
  screen.in.str("n\n");
  EXPECT_EQ(run(), "");
  EXPECT_FALSE(store.written);
  EXPECT_TRUE(screen.out.str().ends_with("+ttl: 20\nApply these changes? [y/N]: ")) << screen.out.str();
  screen.in.str("y\n");
  EXPECT_EQ(run(), "");
  EXPECT_TRUE(store.written);
}

TEST_F(EditConfigTest, without_a_change_nothing_happens) {
  command.settings = {"ttl=30"};
  EXPECT_EQ(run(), "");
  EXPECT_EQ(screen.out.str(), "Not changed\n");
  screen.out.str("");
  command.quiet = true;
  EXPECT_EQ(run(), "");
  EXPECT_EQ(screen.out.str(), "");
  EXPECT_FALSE(store.written);
}

TEST_F(EditConfigTest, a_concurrent_change_is_not_overwritten) {
  command.settings = {"ttl=20"};
  command.force = true;
  store.before_write = [&] { store.cluster.config.version = dcs::Version("8"); };
  EXPECT_EQ(run(), "Config modification aborted due to concurrent changes");
  EXPECT_FALSE(store.written);
}

TEST_F(EditConfigTest, other_failures_of_the_store_are_told_apart) {
  command.settings = {"ttl=20"};
  command.force = true;
  store.outcome = {dcs::Outcome::refused, {}, "permission denied"};
  EXPECT_EQ(run(), "the store refused to change the configuration: permission denied");
  store.outcome = {dcs::Outcome::unavailable, {}, "connection refused"};
  EXPECT_EQ(run(), "could not change the configuration: connection refused");
  store.outcome = {dcs::Outcome::unknown, {}, "no answer in time"};
  EXPECT_TRUE(
      run().starts_with("whether the configuration was changed is not known: no answer in time\nHINT: "));
}

TEST_F(EditConfigTest, what_members_would_refuse_is_not_written) {
  command.settings = {"ttl=abc"};
  command.force = true;
  EXPECT_TRUE(run().starts_with("ttl: ")) << run();
  EXPECT_FALSE(store.written);
  command.settings = {"synchronous_node_count=-1"};
  EXPECT_TRUE(
      run().starts_with("synchronous_node_count: given -1 (an integer), allowed: an integer of at "
                        "least 1\nHINT: "))
      << run();
  EXPECT_FALSE(store.written);
}

TEST_F(EditConfigTest, files_are_merged_or_put_in_its_place) {
  command.force = true;
  command.quiet = true;
  command.apply = file("ttl: null\nloop_wait: 5\npostgresql: {parameters: {work_mem: 4MB}}\n");
  EXPECT_EQ(run(), "");
  EXPECT_EQ(to_json(*store.written),
            R"({"postgresql":{"parameters":{"max_connections":200,"work_mem":"4MB"}},"loop_wait":5})");
  EXPECT_EQ(screen.out.str(), "Configuration changed\n");
  command.apply.reset();
  command.replace = file("ttl: null\nloop_wait: 5\n");
  EXPECT_EQ(run(), "");
  EXPECT_EQ(to_json(*store.written), R"({"loop_wait":5})");
  command.replace = file("- a\n");
  EXPECT_EQ(run(), directory + "/change.yml does not contain a dict");
  command.replace = directory + "/none.yml";
  EXPECT_EQ(run(), "could not read " + directory + "/none.yml: No such file or directory");
}

/// ctl.md §7: what patronictl does not say stands on the error stream.
TEST_F(EditConfigTest, what_is_unwise_is_told_before_the_question_and_stored_all_the_same) {
  api.statuses = {{test::kPga, R"({"server_version":150004})"}, {test::kPgb, R"({"server_version":170002})"}};
  command.settings = {"ttl=15", "loop_wiat=3"};
  command.parameters = {"work_mme=8MB", "max_connections=300", "log_connections=on"};
  screen.in.str("y\n");
  EXPECT_EQ(run(), "");
  EXPECT_EQ(ending, Ending::done);
  EXPECT_EQ(screen.err.str(),
            "warning  ttl is 15, less than 20: members use 20\n"
            "         HINT: edit-config -s ttl=20, or more\n"
            "warning  loop_wait + 2 * retry_timeout is 30, more than ttl (20): members use loop_wait 1 and "
            "retry_timeout 9\n"
            "         HINT: edit-config -s ttl=30, or a smaller loop_wait or retry_timeout\n"
            "warning  loop_wiat unknown key, ignored\n"
            "         HINT: did you mean loop_wait?\n"
            "warning  postgresql.parameters.work_mme there is no such parameter: it is left out\n"
            "         HINT: did you mean work_mem?\n"
            "pga  leader   PostgreSQL 15.4   restart for max_connections; reload, of new sessions only, for "
            "log_connections; at once for ttl\n"
            "pgb  replica  PostgreSQL 17.2   restart for max_connections; reload, of new sessions only, for "
            "log_connections; at once for ttl\n"
            "HINT: `tanistctl restart shop --pending` restarts those that wait for it\n"
            "HINT: max_connections must be at least as large on replicas as on their primary, and is raised: "
            "restart "
            "the replicas before the primary\n");
  EXPECT_TRUE(store.written);
  // What was unwise before is not said again.
  store.cluster.config.data = *store.written;
  store.written.reset();
  screen.err.str("");
  command.settings = {"loop_wait=9"};
  command.parameters = {"max_connections=100"};
  command.force = true;
  EXPECT_EQ(run(), "");
  EXPECT_EQ(screen.err.str().find("work_mme"), std::string::npos) << screen.err.str();
  EXPECT_EQ(screen.err.str().find("loop_wiat"), std::string::npos);
  EXPECT_NE(screen.err.str().find("and is lowered: restart the primary before the replicas\n"),
            std::string::npos);
  EXPECT_TRUE(store.written);
}

TEST_F(EditConfigTest, a_dry_run_tells_everything_and_stores_nothing) {
  command.dry_run = true;
  command.settings = {"loop_wait=5"};
  EXPECT_EQ(run(), "");
  EXPECT_EQ(ending, Ending::done);
  EXPECT_TRUE(
      screen.out.str().ends_with("+loop_wait: 5\n postgresql:\n   parameters:\n     max_connections: 200\n"
                                 "all members: at once for loop_wait\nNothing was stored (--dry-run)\n"))
      << screen.out.str();
  EXPECT_EQ(screen.err.str(), "");
  command.settings = {"loop_wait=50"};
  command.force = true;
  EXPECT_EQ(run(), "");
  EXPECT_EQ(ending, Ending::unwise);
  command.settings = {"ttl=abc"};
  EXPECT_NE(run(), "");
  EXPECT_FALSE(store.written);
}

TEST_F(EditConfigTest, members_that_do_not_answer_are_judged_as_the_others) {
  api.statuses = {{test::kPgb, R"({"server_version":150004})"}};
  command.parameters = {"shared_buffers=1GB"};
  command.force = true;
  EXPECT_EQ(run(), "");
  EXPECT_EQ(screen.err.str(),
            "pga  leader   PostgreSQL ?      restart for shared_buffers\n"
            "     not asked for its version: connection refused\n"
            "pgb  replica  PostgreSQL 15.4   restart for shared_buffers\n"
            "HINT: `tanistctl restart shop --pending` restarts those that wait for it\n");
  EXPECT_TRUE(store.written);
}

TEST_F(EditConfigTest, who_wants_it_quiet_is_told_what_is_wrong_alone) {
  command.settings = {"loop_wait=50"};
  command.parameters = {"shared_buffers=128"};
  command.quiet = true;
  command.force = true;
  EXPECT_EQ(run(), "");
  EXPECT_TRUE(screen.err.str().starts_with("warning  loop_wait + 2 * retry_timeout is 70"))
      << screen.err.str();
  EXPECT_EQ(screen.err.str().find("shared_buffers"), std::string::npos) << screen.err.str();
}

TEST_F(EditConfigTest, colours_are_for_terminals) {
  command.dry_run = true;
  command.settings = {"loop_wait=50"};
  screen.out_is_terminal = true;
  EXPECT_EQ(run(), "");
  EXPECT_NE(screen.out.str().find("\033[33mwarning \033[0m loop_wait + 2"), std::string::npos)
      << screen.out.str();
  screen.colours = false;
  screen.out.str("");
  EXPECT_EQ(run(), "");
  EXPECT_EQ(screen.out.str().find('\033'), std::string::npos);
}

TEST_F(EditConfigTest, standard_input_needs_force) {
  command.apply = "-";
  screen.in.str("ttl: 20\n");
  EXPECT_EQ(run(), "");
  EXPECT_TRUE(screen.out.str().ends_with("Use --force option to apply changes\n"));
  EXPECT_FALSE(store.written);
  screen.in.clear();
  screen.in.str("ttl: 20\n");
  command.force = true;
  EXPECT_EQ(run(), "");
  EXPECT_EQ(store.written->find("ttl")->as_int(), 20);
}

TEST_F(EditConfigTest, without_options_an_editor_has_it) {
  command.cluster = "a/b";
  command.force = true;
  editor = [](const std::string& path) {
    EXPECT_EQ(read(path), "postgresql:\n  parameters:\n    max_connections: 200\nttl: 30\n");
    EXPECT_NE(path.find("/a_b-config-"), std::string::npos);
    EXPECT_TRUE(path.ends_with(".yaml"));
    std::ofstream(path) << "ttl: 20\n";
    return 0;
  };
  EXPECT_EQ(run(), "");
  EXPECT_EQ(to_json(*store.written), R"({"ttl":20})");
  EXPECT_FALSE(fs::exists(edited));
  editor = [](const std::string&) { return 3; };
  EXPECT_EQ(run(), "Editor exited with return code 3");
}

TEST_F(EditConfigTest, a_typing_error_can_be_mended) {
  command.force = true;
  int rounds = 0;
  editor = [&](const std::string& path) {
    std::ofstream(path) << (++rounds == 1 ? "ttl: [\n" : "ttl: 25\n");
    return 0;
  };
  screen.in.str("y\n");
  EXPECT_EQ(run(), "");
  EXPECT_EQ(to_json(*store.written), R"({"ttl":25})");
  EXPECT_NE(screen.err.str().find("Error: " + edited + ":"), std::string::npos) << screen.err.str();
  EXPECT_FALSE(fs::exists(edited));
  rounds = 0;
  screen.in.str("n\n");
  EXPECT_EQ(run(), "nothing was changed; what was written is in " + edited);
  EXPECT_EQ(read(edited), "ttl: [\n");
  fs::remove(edited);
}

TEST_F(EditConfigTest, a_terminal_gets_colours_in_a_pager) {
  screen.out_is_terminal = true;
  command.settings = {"ttl=20"};
  command.force = true;
  EXPECT_EQ(run(), "");
  EXPECT_NE(paged.find("\033[32m+ttl: 20\033[0m\n"), std::string::npos) << paged;
  EXPECT_EQ(screen.out.str(), "Configuration changed\n");
}

TEST_F(EditConfigTest, a_terminal_that_wants_no_colours_gets_none) {
  screen.out_is_terminal = true;
  screen.colours = false;
  command.settings = {"ttl=20"};
  command.force = true;
  EXPECT_EQ(run(), "");
  EXPECT_NE(paged.find("\n+ttl: 20\n"), std::string::npos) << paged;
}

TEST_F(EditConfigTest, without_a_configuration_there_is_nothing_to_edit) {
  store.cluster.config = {};
  EXPECT_EQ(run(), "The config key does not exist in the cluster shop");
}

std::string set(const std::string& pair, const std::string& before = R"({"ttl":30})") {
  Document config = parse_json(before).value();
  try {
    apply_setting(config, pair);
  } catch (const Failure& failure) {
    return failure.what();
  }
  return to_json(config);
}

TEST(ApplySetting, values_are_yaml) {
  EXPECT_EQ(set("ttl=20"), R"({"ttl":20})");
  EXPECT_EQ(set(" ttl = '20'"), R"({"ttl":"20"})");
  EXPECT_EQ(set("pause=on"), R"({"ttl":30,"pause":true})");
  EXPECT_EQ(set("slots={a: {type: physical}}"), R"({"ttl":30,"slots":{"a":{"type":"physical"}}})");
  EXPECT_EQ(set("a.b.c=x=y"), R"({"ttl":30,"a":{"b":{"c":"x=y"}}})");
}

TEST(ApplySetting, null_and_nothing_delete_and_take_empty_levels_along) {
  EXPECT_EQ(set("ttl=", R"({"ttl":30,"pause":true})"), R"({"pause":true})");
  EXPECT_EQ(set("a.b.c=null", R"({"a":{"b":{"c":1}},"d":1})"), R"({"d":1})");
  EXPECT_EQ(set("a.b.c=null", R"({"a":{"b":{"c":1},"e":2}})"), R"({"a":{"e":2}})");
  EXPECT_EQ(set("a.b="), R"({"ttl":30})");
}

TEST(ApplySetting, what_stands_in_the_way_is_replaced) {
  EXPECT_EQ(set("ttl.a=1"), R"({"ttl":{"a":1}})");
}

TEST(ApplySetting, parameters_may_have_dots_in_their_names) {
  EXPECT_EQ(set("postgresql.parameters.pg_stat_statements.max=100", "{}"),
            R"({"postgresql":{"parameters":{"pg_stat_statements.max":100}}})");
}

TEST(ApplySetting, what_is_no_setting_is_an_error) {
  EXPECT_EQ(set("ttl"), "Invalid parameter setting ttl");
  EXPECT_EQ(set("a..b=1"), "Invalid parameter setting a..b=1");
  EXPECT_EQ(set("=1"), "Invalid parameter setting =1");
  EXPECT_NE(set("ttl=[").find("ttl=["), std::string::npos);
}

TEST(UsualPrograms, come_from_the_environment_and_the_path) {
  char name[] = "/tmp/tanistctl-programs-XXXXXX";
  const std::string directory = ::mkdtemp(name);
  const auto script = [&](const std::string& called, const std::string& text) {
    std::ofstream(directory + "/" + called) << "#!/bin/sh\n" << text;
    fs::permissions(directory + "/" + called, fs::perms::owner_all);
  };
  EXPECT_THROW((void)usual_programs({{"PATH", directory}}).edit("/x"), Failure);
  EXPECT_THROW(usual_programs({{"PATH", directory}}).page("x"), Failure);
  script("my-editor", "echo \"$@\" > " + directory + "/seen; exit 4\n");
  const auto programs = usual_programs(
      {{"PATH", directory}, {"EDITOR", directory + "/my-editor --wait"}, {"PAGER", directory + "/my-pager"}});
  EXPECT_EQ(programs.edit("/tmp/x y.yaml"), 4);
  EXPECT_EQ(read(directory + "/seen"), "--wait /tmp/x y.yaml\n");
  script("my-pager", "/bin/cat > " + directory + "/shown\n");
  programs.page("a diff\n");
  EXPECT_EQ(read(directory + "/shown"), "a diff\n");
  // A pager that is left at once does not end the tool.
  script("my-pager", "exit 0\n");
  programs.page(std::string(1'000'000, 'x'));
  fs::remove_all(directory);
}

TEST(ShowConfig, prints_yaml_and_an_empty_line) {
  test::FakeStore store;
  test::FakeTerminal screen;
  run_show_config("shop", store, screen.terminal());
  EXPECT_EQ(screen.out.str(), "");
  store.cluster.config = {dcs::Version("1"),
                          parse_json(R"({"ttl":30,"postgresql":{"parameters":{"a":"on"}}})").value(), true};
  run_show_config("shop", store, screen.terminal());
  EXPECT_EQ(screen.out.str(), "postgresql:\n  parameters:\n    a: 'on'\nttl: 30\n\n");
}

TEST_F(EditConfigTest, zones_that_members_of_other_make_know_nothing_of_are_not_written) {
  command.settings = {"synchronous_mode=on", "synchronous_zones={min_other_zones: 1}"};
  command.force = true;
  EXPECT_TRUE(
      run().starts_with("nothing was changed: synchronous_zones cannot be set while members of other make "
                        "are in the cluster"));
  for (auto& [name, member] : store.cluster.members) member.tanist_version = "0.1.0";
  EXPECT_EQ(run(), "");
  EXPECT_NE(screen.err.str().find("leads and has no tag zone"), std::string::npos) << screen.err.str();
}

}  // namespace
}  // namespace tanist::ctl
