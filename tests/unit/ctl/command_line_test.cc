#include "ctl/command_line.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/stores.h"
#include "core/format.h"
#include "core/version.h"
#include "unit/ctl/surroundings.h"

namespace tanist::ctl {
namespace {

namespace fs = std::filesystem;

config::Etcd3 etcd3_of(const Settings& settings) {
  return std::get<config::Etcd3>(store_options(settings));
}

/// No member answers.
class Nobody final : public MemberApi {
 public:
  std::expected<net::HttpResponse, NoAnswer> ask(const std::string&, const MemberCall&) override {
    return std::unexpected(NoAnswer{"nobody is there"});
  }
};

class CommandLineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/tanistctl-test-XXXXXX";
    directory = ::mkdtemp(name);
    environment["HOME"] = directory;
  }
  void TearDown() override { fs::remove_all(directory); }

  std::string file(const std::string& name, const std::string& text) {
    const std::string path = directory + "/" + name;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }

  int call(std::vector<std::string> arguments) {
    out.str("");
    err.str("");
    asked.clear();
    settings.reset();
    store = {};
    store.cluster.config = {dcs::Version("7"), Document::map({{"ttl", 30}}), true};
    arguments.insert(arguments.begin(), "/usr/bin/tanistctl");
    Surroundings around{
        .environment = environment,
        .terminal = {out, err, [&] { return now; }, [] { return WallTime{}; },
                     [&](Instant until) {
                       waits.push_back(until - now);
                       return --rounds > 0;
                     },
                     nullptr, terminal},
        .open_store =
            [&](const Settings& s) {
              settings = s;
              return std::make_unique<ClusterStore>(
                  "etcd", [&](Executor, Clock&, const std::string& cluster) {
                    asked.push_back(cluster);
                    store.failure = asked.size() > 1 && failures-- > 0 ? "connection refused" : "";
                    return std::make_unique<test::FakeAccess>(store);
                  });
            },
        .open_member_api = [](const Settings&) { return std::make_unique<Nobody>(); },
        .programs = {},
    };
    return run_command_line(arguments, around);
  }

  std::string directory;
  config::Environment environment;
  std::ostringstream out;
  std::ostringstream err;
  std::vector<std::string> asked;
  std::optional<Settings> settings;
  test::FakeCluster store;
  std::vector<Duration> waits;
  Instant now{};
  int failures = 0;
  int rounds = 1;
  bool terminal = false;
};

TEST_F(CommandLineTest, list_shows_the_configured_cluster) {
  const auto path =
      file("a.yml", "scope: shop\nname: pga\nrestapi: {listen: 1.2.3.4:8008}\netcd3: {host: 'e:2379'}\n");
  EXPECT_EQ(call({"-c", path, "list"}), 0) << err.str();
  EXPECT_TRUE(out.str().starts_with("+ Cluster: shop (7411111111111111111) ---")) << out.str();
  EXPECT_EQ(asked, (std::vector<std::string>{"shop"}));
  EXPECT_EQ(settings->place("shop").path(), "/service/shop");
  EXPECT_EQ(config::to_string(etcd3_of(*settings).endpoints.at(0)), "e:2379");
}

TEST_F(CommandLineTest, several_clusters_follow_each_other) {
  EXPECT_EQ(call({"-d", "etcd3://e", "list", "shop", "town", "-f", "tsv"}), 0) << err.str();
  EXPECT_EQ(asked, (std::vector<std::string>{"shop", "town"}));
  EXPECT_NE(out.str().find("\nCluster\tMember"), std::string::npos);
  EXPECT_NE(out.str().find("\ntown\tpga"), std::string::npos);
}

TEST_F(CommandLineTest, without_a_cluster_name_there_is_a_warning) {
  EXPECT_EQ(call({"-d", "etcd3://e", "list"}), 0);
  EXPECT_EQ(out.str(), "");
  EXPECT_NE(err.str().find(" - WARNING - Listing members: No cluster names were provided\n"),
            std::string::npos);
}

TEST_F(CommandLineTest, topology_is_a_tree) {
  EXPECT_EQ(call({"-d", "etcd3://e", "topology", "shop"}), 0);
  EXPECT_NE(out.str().find("| + pgb  |"), std::string::npos) << out.str();
  EXPECT_EQ(call({"-d", "etcd3://e", "topology", "-f", "json", "shop"}), 2);
}

TEST_F(CommandLineTest, the_timestamp_precedes_the_table) {
  EXPECT_EQ(call({"-d", "etcd3://e", "list", "shop", "-t"}), 0);
  EXPECT_EQ(out.str().find("-"), 4u) << out.str();
  EXPECT_EQ(out.str().find("\n+ Cluster"), 19u) << out.str();
}

TEST_F(CommandLineTest, watching_waits_from_beginning_to_beginning) {
  rounds = 3;
  EXPECT_EQ(call({"-d", "etcd3://e", "list", "shop", "-W"}), 0);
  EXPECT_EQ(asked.size(), 3u);
  EXPECT_EQ(waits, (std::vector<Duration>(3, std::chrono::seconds(2))));
  EXPECT_EQ(out.str().find('\033'), std::string::npos);
  waits.clear();
  terminal = true;
  rounds = 1;
  EXPECT_EQ(call({"-d", "etcd3://e", "list", "shop", "-W", "-w", "0.5"}), 0);
  EXPECT_EQ(waits, (std::vector<Duration>(1, std::chrono::milliseconds(500))));
  EXPECT_TRUE(out.str().starts_with("\033[2J\033[1;1H+ Cluster"));
}

TEST_F(CommandLineTest, watching_outlives_a_store_that_is_away_for_a_while) {
  rounds = 3;
  failures = 1;
  EXPECT_EQ(call({"-d", "etcd3://e", "list", "shop", "-W"}), 0);
  EXPECT_NE(out.str().find("\nError: could not read cluster shop from etcd: connection refused\n+ Cluster"),
            std::string::npos)
      << out.str();
}

TEST_F(CommandLineTest, wrong_usage_is_exit_code_2) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{{"nonsense"},
                                                                     {"list", "-f", "xml"},
                                                                     {"list", "--nonsense"},
                                                                     {"list", "-w", "soon"},
                                                                     {"list", "-w", "0"},
                                                                     {"list", "-f"},
                                                                     {"--nonsense", "list"}}) {
    EXPECT_EQ(call(arguments), 2) << arguments[0];
    EXPECT_NE(err.str().find("\nError: "), std::string::npos) << err.str();
    EXPECT_EQ(out.str(), "");
  }
  call({"nonsense"});
  EXPECT_NE(err.str().find("Error: No such command 'nonsense'."), std::string::npos) << err.str();
}

TEST_F(CommandLineTest, options_of_edit_config_may_be_repeated) {
  EXPECT_EQ(call({"-d", "etcd3://e", "edit-config", "shop", "-s", "ttl=20", "-p", "work_mem=1MB", "-s",
                  "pause=on", "--pg", "jit=off", "--force"}),
            0)
      << err.str();
  ASSERT_TRUE(store.written);
  EXPECT_EQ(to_json(*store.written),
            R"({"ttl":20,"pause":true,"postgresql":{"parameters":{"work_mem":"1MB","jit":false}}})");
  EXPECT_EQ(call({"-d", "etcd3://e", "edit-config", "shop", "-q", "-s", "ttl"}), 1);
  EXPECT_EQ(err.str(), "Error: Invalid parameter setting ttl\n");
}

TEST_F(CommandLineTest, the_cluster_is_the_configured_one_where_none_is_named) {
  const auto path = file("a.yml", "scope: shop\netcd3: {host: 'e:2379'}\n");
  EXPECT_EQ(call({"-c", path, "show-config"}), 0) << err.str();
  EXPECT_EQ(out.str(), "ttl: 30\n\n");
  EXPECT_EQ(asked, (std::vector<std::string>{"shop"}));
  EXPECT_EQ(call({"-d", "etcd3://e", "show-config"}), 2);
  EXPECT_NE(err.str().find("Error: Missing argument 'CLUSTER'"), std::string::npos) << err.str();
  EXPECT_EQ(call({"-c", path, "reload"}), 2) << "it must be named";
  EXPECT_EQ(call({"-c", path, "reload", "shop", "-r", "boss"}), 2);
  EXPECT_EQ(call({"-c", path, "show-config", "--group", "1"}), 1);
}

TEST_F(CommandLineTest, the_end_of_the_input_aborts) {
  EXPECT_EQ(call({"-d", "etcd3://e", "edit-config", "shop", "-s", "ttl=20"}), 1);
  EXPECT_TRUE(err.str().ends_with("Aborted!\n")) << err.str();
  EXPECT_FALSE(store.written);
}

TEST_F(CommandLineTest, whole_clusters_change_sides_and_know_no_group) {
  EXPECT_EQ(call({"-d", "etcd3://e", "promote-cluster", "shop", "--force"}), 1);
  EXPECT_NE(err.str().find("Error: Cluster is already in the required state"), std::string::npos)
      << err.str();
  EXPECT_EQ(call({"-d", "etcd3://e", "demote-cluster", "shop", "--group", "1"}), 2);
}

TEST_F(CommandLineTest, a_refusal_is_an_exit_code_for_those_who_ask_for_it) {
  const std::vector<std::string> version = {"-d", "etcd3://e", "version", "shop"};
  EXPECT_EQ(call(version), 0);
  EXPECT_NE(out.str().find("\npgb: failed to get version: nobody is there\n"), std::string::npos)
      << out.str();
  EXPECT_EQ(call({"--strict", "-d", "etcd3://e", "version", "shop"}), 3);
  environment["TANISTCTL_STRICT"] = "1";
  EXPECT_EQ(call(version), 3);
  environment["TANISTCTL_STRICT"] = "off";
  EXPECT_EQ(call(version), 0);
}

TEST_F(CommandLineTest, what_is_flushed_stands_last) {
  EXPECT_EQ(call({"-d", "etcd3://e", "flush", "shop", "pga"}), 2);
  EXPECT_NE(err.str().find("Error: Invalid value for 'TARGET': 'pga' is not one of 'restart', 'switchover'."),
            std::string::npos)
      << err.str();
  EXPECT_EQ(call({"-d", "etcd3://e", "flush", "shop"}), 2);
  EXPECT_EQ(call({"-d", "etcd3://e", "flush", "shop", "pga", "restart", "--force"}), 0) << err.str();
  EXPECT_NE(out.str().find("No scheduled restart for member pga\n"), std::string::npos) << out.str();
  EXPECT_EQ(out.str().find("pgb\n"), std::string::npos) << out.str();
  EXPECT_EQ(call({"-d", "etcd3://e", "flush", "shop", "switchover"}), 0) << err.str();
  EXPECT_EQ(out.str(), "No pending scheduled switchover\n");
}

TEST_F(CommandLineTest, help_and_version_end_well) {
  EXPECT_EQ(call({"--help"}), 0);
  EXPECT_NE(out.str().find("topology"), std::string::npos);
  EXPECT_NE(out.str().find("switchover"), std::string::npos);
  EXPECT_EQ(call({"list", "--help"}), 0);
  EXPECT_NE(out.str().find("--extended"), std::string::npos) << out.str();
  for (const char* command : {"show-config", "edit-config", "reload", "switchover", "failover", "restart",
                              "reinit", "flush", "pause", "resume", "remove", "dsn", "history", "version"}) {
    EXPECT_EQ(call({command, "--help"}), 0);
    EXPECT_NE(out.str().find("CLUSTER"), std::string::npos) << out.str();
  }
  EXPECT_EQ(call({}), 0);
  EXPECT_NE(out.str().find("topology"), std::string::npos);
  EXPECT_EQ(call({"--version"}), 0);
  EXPECT_EQ(out.str(), std::string("tanistctl ") + version() + "\n");
}

TEST_F(CommandLineTest, a_missing_configuration_file_is_an_error) {
  const std::string path = directory + "/missing.yml";
  EXPECT_EQ(call({"-c", path, "list", "shop"}), 1);
  EXPECT_EQ(err.str(), "Error: Provided config file " + path +
                           " not existing or no read rights. Check the -c/--config-file parameter\n");
  environment["PATRONICTL_CONFIG_FILE"] = path;
  EXPECT_EQ(call({"list", "shop"}), 1);
  EXPECT_TRUE(err.str().ends_with("parameter\nHINT: the file is named by PATRONICTL_CONFIG_FILE\n"))
      << err.str();
}

TEST_F(CommandLineTest, a_stranger_is_told_where_to_begin) {
  EXPECT_EQ(call({"list"}), 0);
  EXPECT_NE(err.str().find("Listing members: No cluster names were provided\nHINT: name one, or by -c FILE a "
                           "configuration that has one as `scope` (a daemon's own does); there is none of " +
                           directory + "/.config/patroni/patronictl.yaml, "),
            std::string::npos)
      << err.str();
  EXPECT_EQ(call({"-c", file("a.yml", "scope: shop\netcd3: {}\n"), "list"}), 0);
  EXPECT_EQ(settings->source, directory + "/a.yml");
  EXPECT_EQ(call({"-d", "etcd3://h", "list", "shop"}), 0);
  EXPECT_EQ(settings->source, "-d etcd3://h");
}

TEST_F(CommandLineTest, wrong_usage_of_a_command_shows_how_it_is_used) {
  EXPECT_EQ(call({"restart"}), 2);
  EXPECT_TRUE(
      err.str().starts_with("Usage: tanistctl restart [OPTIONS] CLUSTER [MEMBERS...]\n"
                            "Try 'tanistctl restart --help' for help.\n\nError: "))
      << err.str();
  EXPECT_EQ(call({"nonsense"}), 2);
  EXPECT_TRUE(err.str().starts_with("Usage: tanistctl [OPTIONS] COMMAND [ARGS]...\n")) << err.str();
}

TEST_F(CommandLineTest, a_broken_configuration_file_is_one_error) {
  EXPECT_EQ(call({"-c", file("b.yml", "scope: [shop\n"), "list"}), 1);
  EXPECT_TRUE(err.str().starts_with("Error: " + directory + "/b.yml:")) << err.str();
}

TEST_F(CommandLineTest, a_directory_is_merged_in_order) {
  file("conf/a.yml", "scope: shop\nnamespace: one\netcd3: {host: 'a:1'}\n");
  file("conf/b.yaml", "namespace: /two/\netcd3: {protocol: https}\n");
  file("conf/c.txt", "namespace: three\n");
  EXPECT_EQ(call({"-c", directory + "/conf", "list"}), 0) << err.str();
  EXPECT_EQ(settings->place("shop").path(), "/two/shop");
  EXPECT_TRUE(etcd3_of(*settings).https);
  EXPECT_EQ(config::to_string(etcd3_of(*settings).endpoints.at(0)), "a:1");
}

TEST_F(CommandLineTest, a_file_may_be_empty_and_need_not_be_one) {
  EXPECT_EQ(call({"-c", file("a.yml", "# nothing yet\n"), "-d", "etcd3://e", "list", "shop"}), 0)
      << err.str();
  EXPECT_EQ(call({"-c", "/dev/null", "-d", "etcd3://e", "list", "shop"}), 0) << err.str();
  EXPECT_EQ(call({"-c", file("b.yml", "[a, list]\n"), "-d", "etcd3://e", "list", "shop"}), 1);
  EXPECT_NE(err.str().find("b.yml does not contain a dict"), std::string::npos) << err.str();
}

TEST_F(CommandLineTest, the_default_file_is_read_and_the_environment_wins) {
  file(".config/patroni/patronictl.yaml", "scope: shop\netcd3: {host: 'a:1'}\nctl: {insecure: on}\n");
  environment["PATRONI_SCOPE"] = "town";
  environment["PATRONI_CONFIGURATION"] = "scope: ignored\n";
  EXPECT_EQ(call({"list"}), 0) << err.str();
  EXPECT_EQ(asked, (std::vector<std::string>{"town"}));
  EXPECT_TRUE(settings->insecure);
}

TEST_F(CommandLineTest, without_a_file_the_environment_configures) {
  environment["PATRONI_CONFIGURATION"] = "scope: shop\netcd3: {host: 'a:1'}\n";
  EXPECT_EQ(call({"list"}), 0) << err.str();
  EXPECT_EQ(asked, (std::vector<std::string>{"shop"}));
  environment.erase("PATRONI_CONFIGURATION");
  environment["PATRONI_SCOPE"] = "town";
  environment["PATRONI_ETCD3_HOSTS"] = "b:2,c:3";
  EXPECT_EQ(call({"list"}), 0) << err.str();
  EXPECT_EQ(asked, (std::vector<std::string>{"town"}));
  EXPECT_EQ(etcd3_of(*settings).endpoints.size(), 2u);
}

std::string trouble(const std::string& section) {
  Settings settings;
  if (!section.empty()) settings.document = Document::map({{section, Document::map({{"host", "h"}})}});
  try {
    store_options(settings);
  } catch (const Failure& e) {
    return e.what();
  }
  return {};
}

TEST(CtlSettings, a_configuration_without_a_store_is_an_error) {
  EXPECT_EQ(trouble(""),
            "Can not find suitable configuration of distributed configuration store\n"
            "Available implementations: consul, etcd, etcd3, exhibitor, kubernetes, raft, zookeeper\n"
            "HINT: -c FILE names a configuration (a daemon's own does), -d etcd3://HOST:PORT the store");
}

TEST(CtlSettings, a_store_that_this_version_does_not_speak_to_is_named) {
  const std::string of = fmt::format(" is not available in Tanist {}\nHINT: ", version());
  for (const auto& store : config::kStores) {
    const std::string section(store.section);
    const std::string hint = section == "etcd"
                                 ? "rename the section to etcd3, its keys stay as they are, or give -d "
                                   "etcd3://HOST:PORT"
                                 : "this version speaks to " + config::available_stores();
    EXPECT_EQ(trouble(section),
              config::is_available(store) ? "" : "the configured store " + section + of + hint);
  }
}

std::string by_url(const std::string& url) {
  Document document = Document::map({{"scope", "shop"},
                                     {"etcd3", Document::map({{"hosts", "x:1"}, {"cacert", "/ca"}})},
                                     {"raft", Document::map({{"data_dir", "/r"}})}});
  try {
    apply_dcs_url(document, url);
  } catch (const Failure& e) {
    return e.what();
  }
  document.erase("scope");
  document.erase("raft");
  return to_spaced_json(document);
}

TEST(CtlSettings, a_url_replaces_the_stores_section) {
  EXPECT_EQ(by_url("etcd3://h:1234"), R"({"etcd3": {"host": "h:1234"}})");
  EXPECT_EQ(by_url("etcd3://h:1234/other"), R"({"etcd3": {"host": "h:1234"}, "namespace": "other"})");
  EXPECT_EQ(by_url("etcd3://h"), R"({"etcd3": {"host": "h:2379"}})");
  EXPECT_EQ(by_url("ETCD3://"), R"({"etcd3": {"host": "localhost:2379"}})");
  EXPECT_EQ(by_url("etcd3://[::1]:2/a/b/"), R"({"etcd3": {"host": "[::1]:2"}, "namespace": "a/b"})");
  EXPECT_EQ(by_url("etcd3://[::1]"), R"({"etcd3": {"host": "[::1]:2379"}})");
  EXPECT_EQ(by_url("h"), R"({"etcd": {"host": "h:2379"}})");
  EXPECT_EQ(by_url("h:8500"), R"({"consul": {"host": "h:8500"}})");
  EXPECT_EQ(by_url(":2181"), R"({"zookeeper": {"hosts": ["localhost:2181"]}})");
  EXPECT_EQ(by_url("h:8181"), R"({"exhibitor": {"hosts": ["h"], "port": 8181}})");
  EXPECT_EQ(by_url("h:77"), R"({"etcd": {"host": "h:77"}})");
  EXPECT_EQ(by_url("ftp://h"), "Unknown dcs scheme: ftp");
  EXPECT_EQ(by_url("raft://h"), "Unknown dcs scheme: raft") << "no URL names it";
}

}  // namespace
}  // namespace tanist::ctl
