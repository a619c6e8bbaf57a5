#include "config/read/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <tuple>

#include "config/keys/keys.h"

namespace tanist::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

std::string overlay(const Environment& environment) {
  return to_json(read_environment(environment).overlay);
}

TEST(Environment, names_of_the_table) {
  EXPECT_EQ(
      overlay(
          {{"PATRONI_SCOPE", "c"}, {"PATRONI_NAME", "n"}, {"PATRONI_NAMESPACE", "/x/"}, {"HOME", "/root"}}),
      R"({"scope":"c","namespace":"/x/","name":"n"})");
  EXPECT_EQ(overlay({{"PATRONI_POSTGRESQL_BIN_PG_CTL", "pg_ctl15"}, {"PATRONI_POSTGRESQL_DATA_DIR", "/pg"}}),
            R"({"postgresql":{"data_dir":"/pg","bin_name":{"pg_ctl":"pg_ctl15"}}})");
  EXPECT_EQ(
      overlay({{"PATRONI_SUPERUSER_USERNAME", "postgres"},
               {"PATRONI_REPLICATION_SSLMODE", "require"},
               {"PATRONI_REWIND_CHANNEL_BINDING", "prefer"}}),
      R"({"postgresql":{"authentication":{"superuser":{"username":"postgres"},"replication":{"sslmode":"require"},)"
      R"("rewind":{"channel_binding":"prefer"}}}})");
  EXPECT_EQ(overlay({{"PATRONI_CTL_USERNAME", "u"}, {"PATRONI_CTL_INSECURE", "on"}}),
            R"({"ctl":{"authentication":{"username":"u"},"insecure":true}})");
}

TEST(Environment, tanist_wins_over_patroni) {
  const auto read =
      read_environment({{"TANIST_SCOPE", "t"}, {"PATRONI_SCOPE", "p"}, {"TANIST_STATE_DIR", "/s"}});
  EXPECT_EQ(to_json(read.overlay), R"({"scope":"t","tanist":{"state_dir":"/s"}})");
  EXPECT_THAT(read.consumed, UnorderedElementsAre("TANIST_SCOPE", "PATRONI_SCOPE", "TANIST_STATE_DIR"));
  EXPECT_EQ(read.variables.at("scope"), "TANIST_SCOPE");
}

TEST(Environment, an_empty_value_is_unset_for_fixed_names) {
  EXPECT_EQ(overlay({{"PATRONI_SCOPE", ""}, {"PATRONI_SUPERUSER_PASSWORD", ""}}), "{}");
  EXPECT_EQ(overlay({{"PATRONI_ETCD3_HOST", ""}}), R"({"etcd3":{"host":""}})");
  EXPECT_EQ(overlay({{"PATRONI_KUBERNETES_LABELS", ""}}), R"({"kubernetes":{"labels":{}}})");
  EXPECT_EQ(overlay({{"PATRONI_ETCD3_USE_PROXIES", ""}}), "{}");
}

TEST(Environment, lists_and_maps_are_yaml) {
  EXPECT_EQ(overlay({{"PATRONI_ETCD3_HOSTS", "a:1,b:2"}}), R"({"etcd3":{"hosts":["a:1","b:2"]}})");
  EXPECT_EQ(overlay({{"PATRONI_ETCD3_HOSTS", "'a:1','b:2'"}}), R"({"etcd3":{"hosts":["a:1","b:2"]}})");
  EXPECT_EQ(overlay({{"PATRONI_ETCD3_HOSTS", "[\"[::1]:1\", b]"}}), R"({"etcd3":{"hosts":["[::1]:1","b"]}})");
  EXPECT_EQ(overlay({{"PATRONI_ETCD3_HOSTS", "- a\n- b"}}), R"({"etcd3":{"hosts":["a","b"]}})");
  EXPECT_EQ(overlay({{"PATRONI_ETCD3_HOSTS", "10.0.0.1:2379"}}), R"({"etcd3":{"hosts":["10.0.0.1:2379"]}})");
  EXPECT_EQ(overlay({{"PATRONI_KUBERNETES_LABELS", "{app: cart, tier: db}"}}),
            R"({"kubernetes":{"labels":{"app":"cart","tier":"db"}}})");
  EXPECT_EQ(overlay({{"PATRONI_LOG_LOGGERS", "patroni.ha: DEBUG"}}),
            R"({"log":{"loggers":{"patroni.ha":"DEBUG"}}})");
  const auto broken = read_environment({{"PATRONI_ETCD3_HOSTS", "[a"}});
  EXPECT_EQ(to_json(broken.overlay), "{}");
  ASSERT_EQ(broken.problems.size(), 1u);
  EXPECT_THAT(to_string(broken.problems[0]), HasSubstr("PATRONI_ETCD3_HOSTS: Exception when parsing list"));
}

TEST(Environment, a_collection_that_cannot_be_parsed_is_not_repeated) {
  for (const char* name : {"PATRONI_ZOOKEEPER_AUTH_DATA", "PATRONI_RESTAPI_HTTP_EXTRA_HEADERS",
                           "TANIST_RESTAPI_HTTPS_EXTRA_HEADERS", "PATRONI_ETCD3_HOSTS"})
    for (const char* value : {"{digest: 'u:hush", "digest: *hush", "digest: !hush x", "{a: [hush}"}) {
      const auto broken = read_environment({{name, value}});
      ASSERT_EQ(broken.problems.size(), 1u) << name << value;
      EXPECT_THAT(to_string(broken.problems[0]), HasSubstr(name));
      EXPECT_THAT(to_string(broken.problems[0]), ::testing::Not(HasSubstr("hush")));
    }
}

TEST(Environment, an_empty_variable_hides_nothing) {
  EXPECT_EQ(overlay({{"PATRONI_SCOPE", "p"}, {"TANIST_SCOPE", ""}}), R"({"scope":"p"})");
  EXPECT_EQ(overlay({{"PATRONI_SCOPE", ""}, {"TANIST_SCOPE", "t"}}), R"({"scope":"t"})");
  EXPECT_EQ(overlay({{"PATRONI_ETCD3_HOST", "h"}, {"TANIST_ETCD3_HOST", ""}}), R"({"etcd3":{"host":"h"}})");
  EXPECT_EQ(overlay({{"PATRONI_SCOPE", ""}, {"TANIST_SCOPE", ""}}), "{}");
  EXPECT_EQ(read_environment({{"PATRONI_CONFIGURATION", "scope: s"}, {"TANIST_CONFIGURATION", ""}}).whole,
            "scope: s");
}

TEST(Environment, numbers_and_booleans) {
  EXPECT_EQ(overlay({{"PATRONI_LOG_MAX_QUEUE_SIZE", "0x10"}, {"PATRONI_LOG_MODE", "0640"}}),
            R"({"log":{"max_queue_size":16,"mode":416}})");
  EXPECT_EQ(overlay({{"PATRONI_ETCD3_PORT", "2381"}}), R"({"etcd3":{"port":2381}})");
  EXPECT_EQ(overlay({{"PATRONI_RAFT_MIN_TIMEOUT", " 0.5 "}}), R"({"raft":{"min_timeout":0.5}})");
  const auto wrong = read_environment({{"PATRONI_LOG_MAX_QUEUE_SIZE", "many"},
                                       {"PATRONI_ETCD3_USE_PROXIES", "maybe"},
                                       {"PATRONI_RAFT_MAX_TIMEOUT", "1s"}});
  EXPECT_EQ(to_json(wrong.overlay), "{}");
  EXPECT_EQ(wrong.problems.size(), 3u);
}

TEST(Environment, a_log_format_is_text_if_it_has_fields_and_a_list_otherwise) {
  EXPECT_EQ(overlay({{"PATRONI_LOG_FORMAT", "%(asctime)s, %(message)s"}}),
            R"({"log":{"format":"%(asctime)s, %(message)s"}})");
  EXPECT_EQ(overlay({{"PATRONI_LOG_FORMAT", "message, {asctime: ts}"}}),
            R"({"log":{"format":["message",{"asctime":"ts"}]}})");
  EXPECT_EQ(overlay({{"PATRONI_LOG_FORMAT", "{"}}), R"({"log":{"format":"{"}})");
}

TEST(Environment, older_names_count_when_the_new_ones_are_absent) {
  EXPECT_EQ(overlay({{"PATRONI_LOGLEVEL", "DEBUG"}}), R"({"log":{"level":"DEBUG"}})");
  EXPECT_EQ(overlay({{"PATRONI_LOGLEVEL", "DEBUG"}, {"PATRONI_LOG_LEVEL", "ERROR"}}),
            R"({"log":{"level":"ERROR"}})");
  EXPECT_EQ(overlay({{"PATRONI_LOG_DATEFMT", "%H"}}), R"({"log":{"dateformat":"%H"}})");
  EXPECT_EQ(overlay({{"PATRONI_POSTGRESQL_BIN_IS_READY", "x"}}),
            R"({"postgresql":{"bin_name":{"pg_isready":"x"}}})");
}

TEST(Environment, names_that_patroni_documents_but_ignores_count_and_are_told) {
  for (const auto& [name, value, overlay_json] :
       {std::tuple{"PATRONI_RESTAPI_THREAD_POOL_SIZE", "7", R"({"restapi":{"thread_pool_size":7}})"},
        {"PATRONI_CONSUL_SCHEME", "https", R"({"consul":{"scheme":"https"}})"},
        {"PATRONI_RETRIABLE_HTTP_CODES", "429", R"({"kubernetes":{"retriable_http_codes":[429]}})"},
        {"PATRONI_POSTGRESQL_BIN_IS_READY", "x", R"({"postgresql":{"bin_name":{"pg_isready":"x"}}})"}}) {
    const auto read = read_environment({{name, value}});
    EXPECT_EQ(to_json(read.overlay), overlay_json);
    ASSERT_EQ(read.problems.size(), 1u) << name;
    EXPECT_THAT(to_string(read.problems[0]), HasSubstr("Patroni documents this variable but ignores it"));
  }
  const auto ssl = read_environment({{"PATRONI_ZOOKEEPER_USE_SSL", "false"}});
  EXPECT_EQ(to_json(ssl.overlay), R"({"zookeeper":{"use_ssl":false}})");
  ASSERT_EQ(ssl.problems.size(), 1u);
  EXPECT_EQ(to_json(read_environment({{"PATRONI_ZOOKEEPER_USE_SSL", "on"}}).overlay),
            R"({"zookeeper":{"use_ssl":true}})");
}

TEST(Environment, tanist_wins_over_patroni_in_every_family) {
  for (const auto& [suffix, path] : {std::pair{"RESTAPI_CERTFILE", "restapi.certfile"},
                                     {"LOG_DIR", "log.dir"},
                                     {"ETCD3_HOST", "etcd3.host"},
                                     {"SUPERUSER_SSLCERT", "postgresql.authentication.superuser.sslcert"},
                                     {"CTL_PASSWORD", "ctl.authentication.password"},
                                     {"RAFT_SELF_ADDR", "raft.self_addr"},
                                     {"CITUS_DATABASE", "citus.database"},
                                     {"KUBERNETES_CONTEXT", "kubernetes.context"}}) {
    const auto read =
        read_environment({{"PATRONI_" + std::string(suffix), "p"}, {"TANIST_" + std::string(suffix), "t"}});
    const Document* value = read.overlay.find_path(path);
    ASSERT_TRUE(value) << path;
    EXPECT_EQ(value->text(), "t") << path;
  }
  EXPECT_EQ(read_environment({{"PATRONI_CONFIGURATION", "a: p"}, {"TANIST_CONFIGURATION", "a: t"}}).whole,
            "a: t");
}

TEST(Environment, every_variable_of_the_table_sets_its_key) {
  for (const auto& key : keys()) {
    if (key.environment.empty()) continue;
    const bool number = environment_form(key) == EnvForm::integer || environment_form(key) == EnvForm::real;
    const std::string value = number ? "1" : environment_form(key) == EnvForm::map ? "a: b" : "on";
    Environment environment = {{"PATRONI_" + key.environment, value}};
    if (key.path.starts_with("etcd3.")) environment["PATRONI_ETCD3_HOST"] = "on";
    const auto read = read_environment(environment);
    EXPECT_NE(read.overlay.find_path(key.path), nullptr) << key.environment;
    EXPECT_EQ(read.variables.contains(key.path), true) << key.environment;
    environment["TANIST_" + key.environment] = value;
    const auto both = read_environment(environment);
    EXPECT_EQ(both.variables.at(key.path), "TANIST_" + key.environment);
  }
}

TEST(Environment, an_allowlist_is_a_list) {
  EXPECT_EQ(overlay({{"PATRONI_RESTAPI_ALLOWLIST", "10.0.0.0/8, db.example"}}),
            R"({"restapi":{"allowlist":["10.0.0.0/8","db.example"]}})");
}

TEST(Environment, the_section_is_the_text_before_the_first_underscore) {
  EXPECT_EQ(overlay({{"PATRONI_Etcd3_host", "h"}}), R"({"etcd3":{"host":"h"}})");
  EXPECT_EQ(overlay({{"PATRONI__HOST", "h"}}), "{}");
  EXPECT_EQ(
      overlay({{"PATRONI_CITUS_GROUP", "0"}, {"PATRONI_CITUS_DATABASE", "d"}, {"PATRONI_CITUS_HOST", "x"}}),
      R"({"citus":{"database":"d","group":0}})");
}

TEST(Environment, user_and_password_of_the_store_need_another_variable) {
  EXPECT_EQ(
      overlay(
          {{"PATRONI_ETCD3_HOST", "h"}, {"PATRONI_ETCD3_USERNAME", "u"}, {"PATRONI_ETCD3_PASSWORD", "p"}}),
      R"({"etcd3":{"host":"h","username":"u","password":"p"}})");
  const auto alone = read_environment({{"PATRONI_ETCD3_PASSWORD", "secret"}});
  EXPECT_EQ(to_json(alone.overlay), "{}");
  ASSERT_EQ(alone.problems.size(), 1u);
  EXPECT_THAT(to_string(alone.problems[0]),
              HasSubstr("PATRONI_ETCD3_PASSWORD: has no effect without another variable"));
  EXPECT_THAT(to_string(alone.problems[0]), ::testing::Not(HasSubstr("secret")));
  EXPECT_THAT(alone.consumed, ElementsAre("PATRONI_ETCD3_PASSWORD"));
}

TEST(Environment, a_misspelled_variable_is_named) {
  const auto read = read_environment({{"PATRONI_SCOEP", "x"}, {"TANIST_OTHER_THING", "y"}});
  ASSERT_EQ(read.problems.size(), 1u);
  EXPECT_EQ(to_string(read.problems[0]),
            "PATRONI_SCOEP: unknown variable, ignored\nHINT: did you mean PATRONI_SCOPE?");
  EXPECT_TRUE(read.consumed.empty());
}

TEST(Environment, a_whole_configuration_is_kept_apart) {
  const auto read = read_environment({{"PATRONI_CONFIGURATION", "scope: x"}, {"PATRONI_NAME", "n"}});
  EXPECT_EQ(read.whole, "scope: x");
  EXPECT_THAT(read.consumed, UnorderedElementsAre("PATRONI_CONFIGURATION", "PATRONI_NAME"));
  EXPECT_EQ(read_environment({{"PATRONI_CONFIGURATION", ""}}).whole, std::nullopt);
}

TEST(Environment, consumed_variables_are_removed_from_the_process) {
  setenv("PATRONI_SUPERUSER_PASSWORD", "x", 1);
  EXPECT_EQ(process_environment().at("PATRONI_SUPERUSER_PASSWORD"), "x");
  remove_from_process({"PATRONI_SUPERUSER_PASSWORD"});
  EXPECT_EQ(getenv("PATRONI_SUPERUSER_PASSWORD"), nullptr);
}

}  // namespace
}  // namespace tanist::config
