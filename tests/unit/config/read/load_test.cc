#include "config/read/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "unit/config/sample.h"

namespace tanist::config {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Directory {
 public:
  Directory() {
    std::string pattern = (fs::temp_directory_path() / "tanist-config-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Directory() { fs::remove_all(path_); }
  std::string write(const std::string& name, const std::string& text) const {
    const fs::path file = path_ / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file.string();
  }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

std::string text_at(const LocalConfig& config, std::string_view path) {
  const Document* value = config.document.find_path(path);
  return value ? value->text() : "(absent)";
}

TEST(Load, the_minimal_configuration_has_no_findings) {
  EXPECT_THAT(findings(""), ElementsAre());
}

TEST(Load, the_environment_wins_over_the_file) {
  const Directory dir;
  const auto path = dir.write("c.yml", kMinimal);
  const auto config =
      load(path, {{"PATRONI_NAME", "db-b"}, {"PATRONI_CONFIGURATION", "scope: other"}, {"HOME", "/h"}});
  ASSERT_TRUE(config) << to_string(config.error());
  EXPECT_EQ(text_at(*config, "name"), "db-b");
  EXPECT_EQ(text_at(*config, "scope"), "orders");
  EXPECT_EQ(config->source, path);
  EXPECT_EQ(config->home, "/h");
  EXPECT_THAT(config->consumed, ::testing::UnorderedElementsAre("PATRONI_NAME", "PATRONI_CONFIGURATION"));
}

TEST(Load, a_directory_is_merged_in_the_order_of_names) {
  const Directory dir;
  dir.write("10-base.yml", kMinimal + "tags: {clonefrom: true, dc: a}\nlog: {level: ERROR}\n");
  dir.write("50-site.yaml", "tags: {clonefrom: null, nofailover: true}\nlog: {level: DEBUG}\n");
  dir.write("60-ignored.txt", "scope: wrong\n");
  dir.write("sub/70.yml", "scope: wrong\n");
  const auto config = load(dir.path(), {});
  ASSERT_TRUE(config) << to_string(config.error());
  EXPECT_EQ(text_at(*config, "tags"), "{'dc': 'a', 'nofailover': True}");
  EXPECT_EQ(text_at(*config, "log.level"), "DEBUG");
  EXPECT_EQ(text_at(*config, "scope"), "orders");
}

TEST(Load, an_empty_directory_is_an_empty_configuration) {
  const Directory dir;
  const auto config = load(dir.path(), {});
  ASSERT_FALSE(config);
  EXPECT_EQ(to_string(config.error()), "Config is empty.");
  EXPECT_EQ(to_string(load(std::nullopt, {}).error()), "Config is empty.");
}

TEST(Load, a_file_that_is_no_mapping_is_invalid) {
  const Directory dir;
  for (const char* text : {"", "5", "[a]", "# x\n"}) {
    const auto path = dir.write("c.yml", text);
    const auto config = load(path, {{"PATRONI_SCOPE", "x"}});
    ASSERT_FALSE(config);
    EXPECT_THAT(texts(config.error()),
                ElementsAre(path + " does not contain a dict", "invalid config file " + path));
  }
}

TEST(Load, a_missing_path_is_an_error_unless_it_is_asked_for) {
  const auto missing = load("/nonexistent/c.yml", {{"HOME", "/"}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(to_string(missing.error()), "invalid config path /nonexistent/c.yml: no such file or directory");
  const auto beside = load("/nonexistent/c.yml", {{"PATRONI_CONFIGURATION", kMinimal}});
  ASSERT_FALSE(beside);
  EXPECT_EQ(to_string(beside.error()),
            "invalid config path /nonexistent/c.yml: no such file or directory\nHINT: to use the environment "
            "alone give no path, or set TANIST_MISSING_CONFIG=environment");
  const auto config = load("/nonexistent/c.yml",
                           {{"PATRONI_CONFIGURATION", kMinimal}, {"TANIST_MISSING_CONFIG", "environment"}});
  ASSERT_TRUE(config);
  EXPECT_THAT(texts(config->warnings), ElementsAre("invalid config path /nonexistent/c.yml: no such file or "
                                                   "directory; the environment alone is used"));
  EXPECT_EQ(to_string(load("/dev/null", {}).error()),
            "invalid config path /dev/null\nHINT: give a YAML file or a directory of them");
}

TEST(Load, a_whole_configuration_in_the_environment_stands_alone) {
  const auto config = load(std::nullopt, {{"PATRONI_CONFIGURATION", kMinimal}, {"PATRONI_NAME", "ignored"}});
  ASSERT_TRUE(config);
  EXPECT_EQ(text_at(*config, "name"), "db-a");
  EXPECT_EQ(config->source, "PATRONI_CONFIGURATION");
  EXPECT_EQ(config->consumed.size(), 2u);
}

TEST(Load, the_environment_alone_is_enough) {
  const auto config = load(std::nullopt, {{"PATRONI_SCOPE", "cart"},
                                          {"PATRONI_NAME", "cart-1"},
                                          {"PATRONI_ETCD3_HOSTS", "a:2379,b:2379"},
                                          {"PATRONI_RESTAPI_LISTEN", "0.0.0.0:8008"},
                                          {"PATRONI_RESTAPI_CONNECT_ADDRESS", "10.1.2.3:8008"},
                                          {"PATRONI_POSTGRESQL_LISTEN", "0.0.0.0:5432"},
                                          {"PATRONI_POSTGRESQL_DATA_DIR", "/home/pg/data"},
                                          {"PATRONI_REPLICATION_USERNAME", "standby"},
                                          {"PATRONI_REPLICATION_PASSWORD", "b"}});
  ASSERT_TRUE(config) << to_string(config.error());
  EXPECT_EQ(config->source, "environment");
}

TEST(Load, what_is_missing_is_named) {
  const auto config = load_text("log: {level: INFO}\n");
  ASSERT_FALSE(config);
  const auto all = to_string(config.error());
  for (const char* text :
       {"f.yml: scope: is not defined\nHINT: set it in the file or as PATRONI_SCOPE",
        "f.yml: name: is not defined", "Can not find \"restapi.listen\" config",
        "f.yml: postgresql.listen: is not defined", "f.yml: postgresql.data_dir: is not defined",
        "postgresql.authentication.replication.username: is not defined",
        "Can not find suitable configuration of distributed configuration store\nAvailable implementations: "
        "etcd3"})
    EXPECT_THAT(all, HasSubstr(text));
}

TEST(Load, a_reserved_name_is_refused) {
  EXPECT_THAT(findings("", {{"PATRONI_NAME", "__patroni_strict_sync_replica_placeholder__"}}),
              ElementsAre("Node 'name' can't be set to '__patroni_strict_sync_replica_placeholder__'"));
}

TEST(Load, errors_name_file_line_key_given_and_allowed) {
  EXPECT_THAT(findings("log:\n  level: loud\n"),
              ElementsAre("f.yml:12: log.level: given \"loud\" (a string), allowed: one of DEBUG, INFO, "
                          "WARN, WARNING, ERROR, "
                          "FATAL, CRITICAL, NOTSET"));
  EXPECT_THAT(findings("log: {mode: 01000}\n"),
              ElementsAre("f.yml:11: log.mode: given 512 (an integer), allowed: an integer from 0 to 511"));
  EXPECT_THAT(findings("", {{"PATRONI_LOG_LEVEL", "loud"}}),
              ElementsAre(HasSubstr("PATRONI_LOG_LEVEL: log.level: given \"loud\"")));
}

TEST(Load, secrets_are_not_shown) {
  const auto all = to_string(
      load_text(kMinimal + "ctl: {authentication: {username: u, password: [hush]}}\n"
                           "restapi: {listen: 'x:1', auth: hush, authentication: {password: hush}}\n")
          .error());
  EXPECT_THAT(all, HasSubstr("ctl.authentication.password: given a value that is not shown (a list)"));
  EXPECT_THAT(all, ::testing::Not(HasSubstr("hush")));
}

TEST(Load, users_of_old_releases_are_moved) {
  const auto config = load_text(R"(scope: s
restapi: {listen: "h:8008"}
etcd3: {host: h}
postgresql:
  name: old-name
  listen: h
  data_dir: /d
  replication: {username: r}
  superuser: {username: su}
  pg_rewind: {username: rw}
)");
  ASSERT_TRUE(config) << to_string(config.error());
  EXPECT_EQ(text_at(*config, "name"), "old-name");
  EXPECT_EQ(text_at(*config, "postgresql.authentication"),
            "{'replication': {'username': 'r'}, 'superuser': {'username': 'su'}}");
  EXPECT_EQ(text_at(*config, "postgresql.use_pg_rewind"), "True");
  const auto rewind = load_text(kMinimal + "  pg_rewind: {username: rw}\n");
  ASSERT_TRUE(rewind);
  EXPECT_EQ(text_at(*rewind, "postgresql.authentication.superuser.username"), "rw");
  EXPECT_EQ(text_at(*rewind, "postgresql.use_pg_rewind"), "(absent)");
}

TEST(Load, an_exhibitor_of_old_releases_is_a_store_of_its_own) {
  const auto config = load_text(kMinimal + "zookeeper: {exhibitor: {hosts: [a], port: 1}}\n");
  ASSERT_TRUE(config) << to_string(config.error());
  EXPECT_EQ(text_at(*config, "zookeeper"), "(absent)");
  EXPECT_EQ(text_at(*config, "exhibitor.port"), "1");
}

TEST(Load, the_place_of_a_value_is_known_across_sources) {
  const Directory dir;
  dir.write("10-base.yml", kMinimal + "log:\n  loggers: {a.b: INFO}\ntags: {a: [x, y]}\n");
  dir.write("50-site.yml", "scope: other\n");
  const auto merged = merge_sources(dir.path(), {{"PATRONI_NAME", "n"}});
  EXPECT_EQ(merged.document.find("scope")->text(), "other");
  EXPECT_EQ(merged.where("scope"), dir.path() + "/50-site.yml line 1");
  EXPECT_EQ(merged.where("name"), "PATRONI_NAME");
  EXPECT_EQ(merged.where("postgresql.data_dir"), dir.path() + "/10-base.yml line 8");
  EXPECT_EQ(merged.where("log.loggers.a.b"), dir.path() + "/10-base.yml line 12");
  EXPECT_EQ(merged.where("tags.a.1"), dir.path() + "/10-base.yml line 13");
  EXPECT_EQ(merged.where("log"), dir.path() + "/10-base.yml line 11");
  EXPECT_EQ(merged.where("nowhere"), "");
}

TEST(Load, stores_that_are_not_served_end_the_start) {
  std::string text = kMinimal;
  text.replace(text.find("etcd3:"), 6, "etcd: ");
  const auto config = load_text(text);
  ASSERT_FALSE(config);
  EXPECT_THAT(to_string(config.error()),
              HasSubstr("f.yml:4: etcd: recognised, but without effect in this version"));
  EXPECT_THAT(to_string(config.error()),
              HasSubstr("HINT: section etcd is given, this version knows etcd3 only"));
  EXPECT_THAT(findings("consul: {host: h}\n"),
              ElementsAre("f.yml:11: consul: recognised, but without effect in this version"));
}

TEST(Load, an_etcd_section_that_only_has_to_be_renamed_says_so) {
  std::string text = kMinimal;
  text.replace(text.find("etcd3:"), 6, "etcd: ");
  EXPECT_THAT(to_string(load_text(text + "zookeeper: {hosts: [a]}\n").error()),
              HasSubstr("HINT: section etcd is given, this version knows etcd3 only: rename it to etcd3"));
}

TEST(Load, what_would_be_another_path_of_keys_is_no_name) {
  const auto with = [](const char* key, const std::string& value) {
    std::string text = kMinimal;
    const std::string line = std::string(key) + ": " + value + "\n";
    const auto at = text.find(std::string(key) + ":");
    if (at == std::string::npos) return load_text(text + line);
    text.replace(at, text.find('\n', at) + 1 - at, line);
    return load_text(text);
  };
  for (const char* key : {"name", "scope"}) {
    for (const char* value : {"a/b", "/a", "..", ".", R"("a\nb")", R"("\x7f")", R"("a\tb")"})
      EXPECT_FALSE(with(key, value)) << key << " " << value;
    for (const char* value : {"a.b", "...", "a b", "'5'", "a\\b", "ümlaut", "a:b", "a..b"})
      EXPECT_TRUE(with(key, value)) << key << " " << value;
  }
  for (const char* value : {"a/../b", "..", "/./", R"("a\nb")"})
    EXPECT_FALSE(with("namespace", value)) << value;
  for (const char* value : {"/service/", "/a/b/", "a.b"}) EXPECT_TRUE(with("namespace", value)) << value;
  const auto refused = with("scope", "a/b");
  ASSERT_FALSE(refused);
  EXPECT_EQ(
      to_string(refused.error()),
      "f.yml:1: scope: given \"a/b\" (a string): may not have a \"/\" in it, it is one part of a path of "
      "keys");
}

TEST(Load, bad_endpoints_end_the_start) {
  for (const char* hosts :
       {"etcd3: {host: ''}", "etcd3: {hosts: ['h:x']}", "etcd3: {hosts: [5]}", "etcd3: {hosts: {a: 1}}",
        "etcd3: {url: 'h:1'}", "etcd3: {hosts: 'http://h:1'}", "etcd3: {srv_suffix: x}"}) {
    std::string text = kMinimal;
    const auto line = text.find("etcd3:");
    text.replace(line, text.find('\n', line) - line, hosts);
    EXPECT_FALSE(load_text(text)) << hosts;
  }
}

TEST(Load, only_what_the_sources_say_together_is_checked) {
  const Directory dir;
  const auto base = dir.write("10-base.yml", kMinimal +
                                                 "log: {level: loud}\ntags: {failover_priority: x}\n"
                                                 "restapi: {listen: nonsense}\nttl: 5\n");
  const auto site = dir.write("50-site.yml",
                              "log: {level: INFO}\nrestapi: {listen: 'h:1', connect_address: "
                              "'h:1'}\n\ntags: {failover_priority: 3}\n");
  const auto config = load(dir.path(), {});
  ASSERT_TRUE(config) << to_string(config.error());
  EXPECT_EQ(text_at(*config, "log.level"), "INFO");
  dir.write("50-site.yml", "tags: {failover_priority: 3}\n\nrestapi: {listen: 'h:1'}\n");
  const auto both = load(dir.path(), {{"PATRONI_LOG_LEVEL", "quiet"}});
  ASSERT_FALSE(both);
  EXPECT_THAT(to_string(both.error()), HasSubstr("PATRONI_LOG_LEVEL: log.level: given \"quiet\""));
  EXPECT_THAT(to_string(both.error()), ::testing::Not(HasSubstr("loud")));
  ASSERT_TRUE(load(dir.path(), {{"TANIST_LOG_LEVEL", "INFO"}}));
  const auto neither = load(dir.path(), {});
  ASSERT_FALSE(neither);
  EXPECT_THAT(to_string(neither.error()), HasSubstr(base + ":11: log.level: given \"loud\""));
  dir.write("50-site.yml", "\n\nlog: {level: louder}\n");
  EXPECT_THAT(to_string(load(dir.path(), {}).error()), HasSubstr(site + ":3: log.level: given \"louder\""));
}

TEST(Load, a_method_and_its_section_may_stand_in_different_files) {
  const Directory dir;
  dir.write("10-base.yml", kMinimal + "  create_replica_methods: [pgbackrest, basebackup]\n");
  dir.write("50-site.yml", "postgresql: {pgbackrest: {command: restore, keep_data: true}}\n");
  const auto config = load(dir.path(), {});
  ASSERT_TRUE(config);
  EXPECT_THAT(texts(config->warnings), ElementsAre());
}

TEST(Load, certificates_of_the_store_without_https_are_a_warning) {
  const auto with = [](const std::string& more) {
    std::string text = kMinimal;
    text.insert(text.find("etcd3: {") + 8, more);
    const auto loaded = load_text(text);
    return texts(loaded ? loaded->warnings : loaded.error());
  };
  EXPECT_THAT(with("cacert: /ca, cert: /c, "),
              ElementsAre("f.yml:4: etcd3.cacert: has no effect: the protocol is http\nHINT: set "
                          "etcd3.protocol: https",
                          HasSubstr("f.yml:4: etcd3.cert: has no effect")));
  EXPECT_THAT(with("cacert: /ca, protocol: https, "), ElementsAre());
  EXPECT_THAT(with("cacert: /ca, url: 'https://h:2379', "), ElementsAre());
  EXPECT_THAT(with("cacert: /ca, srv: example.org, "), ElementsAre());
}

TEST(Load, an_error_is_told_after_any_number_of_warnings) {
  std::string text = kMinimal;
  for (int i = 0; i < 500; ++i) text += "  unknown_" + std::to_string(i) + ": 1\n";
  EXPECT_THAT(to_string(load_text(text + "log: {level: loud}\n").error()), HasSubstr("log.level"));
}

TEST(Load, no_message_shows_a_password) {
  const auto told = [](const std::string& store) {
    std::string text = kMinimal;
    const auto line = text.find("etcd3:");
    text.replace(line, text.find('\n', line) - line, store);
    const auto loaded = load_text(text);
    return loaded ? std::string("accepted") : to_string(loaded.error());
  };
  for (const char* store :
       {"etcd3: {hosts: ['http://root:hush@h:2379']}", "etcd3: {hosts: 'http://root:hush@h:2379'}",
        "etcd3: {hosts: ['root:hush@h:2379']}", "etcd3: {host: 'root:hush@h:x'}",
        "etcd3: {url: 'http://root:hush/ss@h:2379'}", "etcd3: {url: 'http://root:a/hush@h:2379'}",
        "etcd3: {proxy: 'http://root:hush#@h:2379'}", "etcd3: {url: 'root:hush://@h'}",
        "etcd3: {host: h, password: *hush}", "etcd3: {host: h, password: !hush x}",
        "etcd3: {host: h, password: !<hush> x}", "etcd3: {host: h, username: &hush, password: &hush }",
        "etcd3: {host: h, password: !!int hush}", "etcd3: {host: h, password: !!bool hush}",
        "etcd3: {host: h, password: !!float hush}", "etcd3: {host: h, password: [hush]}",
        "etcd3: {host: 'h:1'}\nbootstrap: {initdb: 'password=hush'}",
        "etcd3: {host: 'h:1'}\nlog: {level: 'postgres://u:hush@h'}"})
    EXPECT_THAT(told(store), ::testing::AllOf(::testing::Not(HasSubstr("hush")), HasSubstr("f.yml:")))
        << store;
  EXPECT_THAT(findings("ctl: {authentication: {username: u, password: 77:34}}\n"),
              ElementsAre(::testing::AllOf(HasSubstr("f.yml:11:"), HasSubstr("base 60"),
                                           ::testing::Not(HasSubstr("77:34")))));
}

}  // namespace
}  // namespace tanist::config
