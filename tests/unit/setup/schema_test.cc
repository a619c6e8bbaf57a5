#include "setup/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "config/keys/keys.h"
#include "config/yaml/yaml.h"
#include "setup/template.h"
#include "unit/setup/fake_world.h"

namespace tanist::setup {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;
using ::testing::Not;

Document yaml(const std::string& text) {
  config::Problems ignored;
  const auto parsed = config::parse_yaml(text, "t", ignored);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : Document();
}

/// The lines for a configuration on a host with all programs and a store that answers.
class Schema : public ::testing::Test {
 protected:
  Schema() {
    world_.path = directory_.programs();
    world_.open = {"10.20.0.1:2379", "10.20.0.2:2379"};
  }

  std::vector<std::string> lines(const std::string& text, bool offline = false, bool ignore_listen = false) {
    const Document config = yaml(text);
    Inspection in{world_, config, offline, ignore_listen};
    std::vector<std::string> out;
    for (const auto& finding : check_schema(config, in)) out.push_back(line(finding));
    return out;
  }
  /// The same after the least that is valid.
  std::vector<std::string> more(const std::string& text) { return lines(kMinimal + text); }
  std::vector<std::string> postgresql(const std::string& text) {
    std::string whole = kMinimal;
    return lines(whole.insert(whole.find("postgresql:\n") + 12, "  " + text + "\n"));
  }
  /// With another value for a key of the minimal configuration.
  std::vector<std::string> with(const std::string& from, const std::string& to) {
    std::string whole = kMinimal;
    EXPECT_NE(whole.find(from), std::string::npos) << from;
    return lines(whole.replace(whole.find(from), from.size(), to));
  }

  const std::string kMinimal = R"(scope: orders
name: db-a
restapi: {listen: "0.0.0.0:8008", connect_address: "10.20.0.11:8008"}
etcd3: {hosts: ["10.20.0.1:2379", "10.20.0.2"]}
postgresql:
  listen: "0.0.0.0:5432"
  connect_address: "10.20.0.11:5432"
  data_dir: /nonexistent/pg
  authentication:
    superuser: {username: postgres, password: s1}
    replication: {username: repl, password: s2}
)";
  Directory directory_;
  FakeWorld world_;
};

TEST_F(Schema, a_good_configuration_says_nothing) {
  EXPECT_THAT(lines(kMinimal), ElementsAre());
  EXPECT_THAT(
      more("log: {level: DEBUG, type: json, mode: 0640, format: [message, {a: b}]}\n"
           "bootstrap: {dcs: {ttl: '30', synchronous_mode: Quorum, member_slots_ttl: 30min}, initdb: [a, {b: "
           "c}]}\n"
           "tags: {failover_priority: 2, nosync: true, own: x}\nwatchdog: {mode: off, safety_margin: -1}\n"
           "thread_stack_size: 131072\n"),
      ElementsAre());
}

TEST_F(Schema, an_empty_configuration_lacks_what_a_member_needs_in_order) {
  EXPECT_THAT(
      lines("{}"),
      ElementsAre("name  is not defined.", "scope  is not defined.", "restapi  is not defined.",
                  "consul  is not defined.", "etcd  is not defined.", "etcd3  is not defined.",
                  "exhibitor  is not defined.", "kubernetes  is not defined.", "raft  is not defined.",
                  "zookeeper  is not defined.", "postgresql  is not defined."));
}

TEST_F(Schema, the_lines_that_scripts_read) {
  EXPECT_THAT(more("bootstrap: {initdb: [a]}\n"), ElementsAre("bootstrap.dcs  is not defined."));
  EXPECT_THAT(more("tags: {failover_priority: abc}\n"),
              ElementsAre("tags.failover_priority abc is not an integer"));
  EXPECT_THAT(postgresql("parameters: 5"), ElementsAre("postgresql.parameters 5 is not a dictionary"));
  EXPECT_THAT(postgresql("pg_hba: []"), ElementsAre("postgresql.pg_hba [] is an empty list"));
  EXPECT_THAT(postgresql("pg_hba: host all"), ElementsAre("postgresql.pg_hba host all is not a list"));
  EXPECT_THAT(postgresql("pg_hba: [x, 5]"), ElementsAre("postgresql.pg_hba.1 5 is not a string"));
  EXPECT_THAT(more("log: {level: info}\n"),
              ElementsAre("log.level info didn't pass validation: Wrong value"));
  EXPECT_THAT(more("tags: {nofailover: true, failover_priority: 0}\n"),
              ElementsAre("tags  Multiple of ('nofailover', 'failover_priority') provided"));
  EXPECT_THAT(more("tags: {clonefrom: 'yes'}\n"), ElementsAre("tags.clonefrom yes is not a boolean"));
  EXPECT_THAT(more("log: 5\n"), ElementsAre("log 5 is not a dictionary"));
  EXPECT_THAT(
      with("name: db-a", "name: __patroni_strict_sync_replica_placeholder__"),
      ElementsAre("name __patroni_strict_sync_replica_placeholder__ didn't pass validation: Node 'name' "
                  "can't be set to '__patroni_strict_sync_replica_placeholder__'"));
  world_.unknown.insert("badhost");
  EXPECT_THAT(
      with("\"10.20.0.2\"", "badhost:1"),
      ElementsAre("etcd3.hosts.1 badhost:1 didn't pass validation: [Errno -2] Name or service not known"));
}

TEST_F(Schema, addresses_of_others_must_be_reachable) {
  EXPECT_THAT(
      with("10.20.0.2", "10.20.0.3:2379"),
      ElementsAre("etcd3.hosts.1 10.20.0.3:2379 didn't pass validation: 10.20.0.3:2379 is not reachable"));
  EXPECT_THAT(
      with("[\"10.20.0.1:2379\", \"10.20.0.2\"]", "'10.20.0.1:2379, 10.20.0.9:1'"),
      ElementsAre("etcd3.hosts 10.20.0.1:2379, 10.20.0.9:1 didn't pass validation: 10.20.0.9:1 is not "
                  "reachable"));
  EXPECT_THAT(with("10.20.0.2", "h:x"),
              ElementsAre("etcd3.hosts.1 h:x didn't pass validation: contains a wrong value"));
  EXPECT_THAT(with("hosts: [\"10.20.0.1:2379\", \"10.20.0.2\"]", "host: 10.20.0.1"), ElementsAre());
  EXPECT_THAT(with("hosts: [\"10.20.0.1:2379\", \"10.20.0.2\"]", "username: a"),
              IsSupersetOf({"etcd3.host  is not defined.", "etcd3.hosts  is not defined.",
                            "etcd3.proxy  is not defined."}));
}

TEST_F(Schema, ports_to_listen_on_must_be_free) {
  world_.open.insert("0.0.0.0:8008");
  const std::string used = "restapi.listen 0.0.0.0:8008 didn't pass validation: Port 8008 is already in use.";
  EXPECT_THAT(lines(kMinimal), ElementsAre(used));
  EXPECT_THAT(lines(kMinimal, false, true), ElementsAre());
  EXPECT_THAT(lines(kMinimal, true), ElementsAre());
  world_.open = {"10.20.0.1:2379", "10.20.0.2:2379", ":::5432"};
  EXPECT_THAT(with("\"0.0.0.0:5432\"", "'*:5432'"),
              ElementsAre("postgresql.listen *:5432 didn't pass validation: Port 5432 is already in use."));
  EXPECT_THAT(with("\"0.0.0.0:5432\"", "'*,10.0.0.1:5432'"),
              ElementsAre("postgresql.listen *,10.0.0.1:5432 didn't pass validation: expecting '*' alone"));
}

TEST_F(Schema, nothing_is_asked_of_the_network_offline) {
  lines(kMinimal, true);
  EXPECT_TRUE(world_.asked.empty());
  lines(kMinimal);
  EXPECT_THAT(world_.asked,
              ::testing::IsSupersetOf({"10.20.0.1:2379", "10.20.0.2:2379", "0.0.0.0:8008", "0.0.0.0:5432"}));
}

TEST_F(Schema, others_cannot_connect_to_an_address_of_this_host_only) {
  for (const char* host : {"127.0.0.1", "0.0.0.0", "localhost", "'*'", "'[::1]'"}) {
    const auto found = with("\"10.20.0.11:8008\"", std::string(host) + (host[0] == '\'' ? "" : ":8008"));
    EXPECT_THAT(found, ElementsAre(::testing::EndsWith(
                           "must not contain \"127.0.0.1\", \"0.0.0.0\", \"*\", \"::1\", \"localhost\"")))
        << host;
  }
  EXPECT_THAT(with("\"10.20.0.11:8008\"", "[a]"),
              ElementsAre("restapi.connect_address ['a'] didn't pass validation: contains a wrong value"));
}

TEST_F(Schema, programs_are_looked_for) {
  EXPECT_THAT(postgresql("bin_dir: /nowhere/at/all"),
              ElementsAre("postgresql.bin_dir  Directory '/nowhere/at/all' does not exist."));
  const std::string file = directory_.write("file", "");
  EXPECT_THAT(postgresql("bin_dir: " + file),
              ElementsAre("postgresql.bin_dir  '" + file + "' is not a directory."));
  std::filesystem::remove(directory_.path("bin/initdb"));
  EXPECT_THAT(lines(kMinimal), ElementsAre("postgresql.bin_dir  does not contain 'initdb' in '$PATH'"));
  EXPECT_THAT(postgresql("bin_dir: " + world_.path),
              ElementsAre("postgresql.bin_dir  does not contain 'initdb' in '" + world_.path + "'"));
  EXPECT_THAT(
      postgresql("bin_name: {initdb: initdb15}"),
      ElementsAre("postgresql.bin_name.initdb initdb15 didn't pass validation: does not contain 'initdb15' "
                  "in '$PATH'",
                  "postgresql.bin_dir  does not contain 'initdb15' in '$PATH'"));
  EXPECT_THAT(postgresql("bin_name: {initdb: ''}"),
              Contains("postgresql.bin_name.initdb  didn't pass validation: is an empty string"));
}

TEST_F(Schema, a_data_directory_fits_the_programs) {
  const auto data_dir = [&](const std::string& path) { return with("/nonexistent/pg", "'" + path + "'"); };
  EXPECT_THAT(data_dir(""), ElementsAre("postgresql.data_dir  didn't pass validation: is an empty string"));
  const std::string file = directory_.write("file", "");
  EXPECT_THAT(data_dir(file),
              ElementsAre("postgresql.data_dir " + file + " didn't pass validation: is not a directory"));
  directory_.write("pg/.hidden", "");
  const std::string pg = directory_.path("pg");
  EXPECT_THAT(data_dir(pg), ElementsAre());
  const std::string prefix = "postgresql.data_dir " + pg + " didn't pass validation: ";
  directory_.write("pg/other", "");
  EXPECT_THAT(data_dir(pg), ElementsAre(prefix + "doesn't look like a valid data directory"));
  directory_.write("pg/PG_VERSION", "14\n");
  EXPECT_THAT(data_dir(pg), ElementsAre(prefix + "data dir for the cluster is not empty, but doesn't contain "
                                                 "\"pg_wal\" directory"));
  directory_.write("pg/pg_wal/x", "");
  EXPECT_THAT(data_dir(pg),
              ElementsAre(prefix + "data_dir directory postgresql version (14) doesn't match with 'postgres "
                                   "--version' output (15)"));
  directory_.write("pg/PG_VERSION", "15\n");
  EXPECT_THAT(data_dir(pg), ElementsAre());
  directory_.write("pg/PG_VERSION", "9.6\n");
  EXPECT_THAT(data_dir(pg), ElementsAre(prefix + "data dir for the cluster is not empty, but doesn't contain "
                                                 "\"pg_xlog\" directory"));
}

TEST_F(Schema, numbers_have_ranges) {
  const auto dcs = [&](const std::string& text) { return more("bootstrap: {dcs: {" + text + "}}\n"); };
  const std::string wrong = " didn't pass validation: Wrong value";
  EXPECT_THAT(dcs("ttl: 19"), ElementsAre("bootstrap.dcs.ttl 19" + wrong));
  EXPECT_THAT(dcs("ttl: abc"), ElementsAre("bootstrap.dcs.ttl abc" + wrong));
  EXPECT_THAT(dcs("ttl: true"), ElementsAre("bootstrap.dcs.ttl True" + wrong));
  EXPECT_THAT(dcs("maximum_lag_on_failover: 1MB"),
              ElementsAre("bootstrap.dcs.maximum_lag_on_failover 1MB" + wrong));
  EXPECT_THAT(dcs("synchronous_mode: maybe"),
              ElementsAre("bootstrap.dcs.synchronous_mode maybe didn't pass validation: invalid value for "
                          "synchronous_mode"));
  EXPECT_THAT(dcs("standby_cluster: {primary_slot_name: a}"),
              ElementsAre("bootstrap.dcs.standby_cluster.host  is not defined.",
                          "bootstrap.dcs.standby_cluster.port  is not defined.",
                          "bootstrap.dcs.standby_cluster.restore_command  is not defined."));
  EXPECT_THAT(dcs("postgresql: {parameters: {max_connections: 0, max_locks_per_transaction: 9}}"),
              ElementsAre("bootstrap.dcs.postgresql.parameters.max_connections 0" + wrong,
                          "bootstrap.dcs.postgresql.parameters.max_locks_per_transaction 9" + wrong));
  EXPECT_THAT(more("log: {mode: '0644'}\n"), ElementsAre("log.mode 0644 is not an integer"));
  EXPECT_THAT(more("log: {mode: 512}\n"), ElementsAre("log.mode 512" + wrong));
  EXPECT_THAT(more("thread_pool_size: 4\n"), ElementsAre("thread_pool_size 4" + wrong));
  EXPECT_THAT(more("thread_stack_size: 70000\n"), ElementsAre("thread_stack_size 70000" + wrong));
  EXPECT_THAT(more("thread_stack_size: 524288\n"), ElementsAre());
  EXPECT_THAT(more("thread_stack_size: 512kB\n"), ElementsAre());
  EXPECT_THAT(more("watchdog: {safety_margin: -2}\n"), ElementsAre("watchdog.safety_margin -2" + wrong));
  EXPECT_THAT(more("raft: {self_addr: 10.0.0.1:1, partner_addrs: ['10.20.0.1:2379'], min_timeout: 0, "
                   "connection_retry_time: 0}\n"),
              ElementsAre("raft.min_timeout 0" + wrong));
}

TEST_F(Schema, words_are_case_sensitive_where_the_daemon_is_not) {
  EXPECT_THAT(more("watchdog: {mode: OFF}\n"), ElementsAre());  // YAML's boolean
  EXPECT_THAT(more("watchdog: {mode: auto}\n"),
              ElementsAre("watchdog.mode auto didn't pass validation: Wrong value"));
  EXPECT_THAT(more("watchdog: {mode: 5}\n"),
              ElementsAre("watchdog.mode 5 didn't pass validation: expected type is not a string"));
  EXPECT_THAT(with("restapi: {", "restapi: {verify_client: Required, server_tokens: Minimal, "),
              ElementsAre("restapi.verify_client Required didn't pass validation: Wrong value"));
}

TEST_F(Schema, formats_of_the_log) {
  const auto format = [&](const std::string& text) { return more("log: {format: " + text + "}\n"); };
  const std::string prefix = " didn't pass validation: ";
  EXPECT_THAT(format("5"), ElementsAre("log.format 5" + prefix + "Should be a string or a list"));
  EXPECT_THAT(format("[]"), ElementsAre("log.format []" + prefix + "should contain at least one item"));
  EXPECT_THAT(
      format("[a, {b: c, d: e}]"),
      ElementsAre(::testing::EndsWith("each item should be a string or a dictionary with string values")));
}

TEST_F(Schema, kubernetes_alternatives) {
  const auto kubernetes = [&](const std::string& text) {
    return more("kubernetes: {labels: {a: b}, " + text + "}\n");
  };
  EXPECT_THAT(kubernetes("pod_ip: 10.0.0.1, retriable_http_codes: [429], ports: [{name: a, port: 1}]"),
              ElementsAre());
  EXPECT_THAT(kubernetes("pod_ip: '::1', retriable_http_codes: 429"), ElementsAre());
  EXPECT_THAT(kubernetes("pod_ip: x"),
              ElementsAre("kubernetes.pod_ip x didn't pass validation: Is not a valid ipv4 address",
                          "kubernetes.pod_ip x didn't pass validation: Is not a valid ipv6 address"));
  EXPECT_THAT(kubernetes("ports: [{name: a}]"), ElementsAre("kubernetes.ports.0.port  is not defined."));
  EXPECT_THAT(kubernetes("retriable_http_codes: x"),
              ElementsAre("kubernetes.retriable_http_codes x is not an integer",
                          "kubernetes.retriable_http_codes x is not a list"));
}

TEST_F(Schema, what_the_daemon_takes_is_no_mistake) {
  EXPECT_THAT(postgresql("basebackup: {checkpoint: fast}"), ElementsAre());
  EXPECT_THAT(postgresql("rewind: {debug: true}"), ElementsAre());
  EXPECT_THAT(postgresql("basebackup: 5"), ElementsAre("postgresql.basebackup 5 is not a list"));
  EXPECT_THAT(
      more("bootstrap: {dcs: {postgresql: {basebackup: {checkpoint: fast}}}, initdb: {encoding: UTF8}}\n"),
      ElementsAre());
  EXPECT_THAT(
      with("replication: {username: repl, password: s2}", "replication: {username: 77, password: 12345}"),
      ElementsAre());
  EXPECT_THAT(
      with(R"("10.20.0.11:8008"})", R"("10.20.0.11:8008", authentication: {username: 1, password: 2.5}})"),
      ElementsAre());
}

TEST_F(Schema, secrets_are_not_shown) {
  const auto found =
      with("replication: {username: repl, password: s2}", "replication: {username: repl, password: [hush]}");
  EXPECT_THAT(found, ElementsAre("postgresql.authentication.replication.password ******** is not a string"));
  EXPECT_THAT(with("name: db-a", "name: {password: hush}"),
              ElementsAre("name {'password': '********'} is not a string"));
}

TEST_F(Schema, a_configuration_of_any_shape_is_answered) {
  const std::vector<Document> odd = {Document(),
                                     Document(true),
                                     Document(-1),
                                     Document(1.5),
                                     Document(""),
                                     Document("\xff"),
                                     Document(std::string(10000, ':')),
                                     Document("[::1"),
                                     Document("a,,b:"),
                                     Document::list({Document(), Document::list(), Document::map()}),
                                     Document::map({{"", Document::list()}})};
  std::size_t found = 0;
  for (const auto& key : config::keys()) {
    for (const auto& value : odd) {
      Document config = Document::map();
      set_path(config, key.scope == config::Scope::dynamic ? "bootstrap.dcs." + key.path : key.path, value);
      Inspection in{world_, config, true, false};
      for (const auto& finding : check_schema(config, in)) {
        EXPECT_FALSE(finding.message.empty());
        ++found;
      }
    }
  }
  EXPECT_GT(found, 10000u);
}

TEST_F(Schema, null_is_as_good_as_nothing) {
  EXPECT_THAT(postgresql("bin_dir: "), ElementsAre());
  EXPECT_THAT(with("scope: orders", "scope: "), ElementsAre("scope None is not a string"));
}

/// Where a key of the table stands in a local configuration.
std::vector<std::string> places_of(const config::Key& key) {
  std::vector<std::string> out;
  if (key.scope != config::Scope::dynamic) out.push_back(key.path);
  if (key.scope != config::Scope::local) out.push_back("bootstrap.dcs." + key.path);
  return out;
}

/// The schema has something to say about what is wrong at this place.
bool is_checked(const std::string& path, World& world) {
  const Document wrong[] = {Document("\x01 none of your words"), Document(-99'999'999'999), Document::map(),
                            Document::list({Document::list()}), Document(0.5)};
  for (const auto& value : wrong) {
    Document config = Document::map();
    set_path(config, path, value);
    Inspection in{world, config, true, true};
    for (const auto& finding : check_schema(config, in))
      if ((finding.path == path && finding.message != "is not defined.") ||
          finding.path.starts_with(path + "."))
        return true;
  }
  return false;
}

/// Keys that Patroni's validation, whose words the schema has, does not know.
std::set<std::string> not_of_patroni() {
  std::ifstream in(std::string(TANIST_SOURCE_DIR) + "/tests/unit/setup/not_in_the_schema.txt");
  std::set<std::string> out;
  for (std::string line; std::getline(in, line);)
    if (!line.empty() && !line.starts_with('#')) out.insert(line);
  return out;
}

/// A new key gets its line there or its check in the schema: neither is forgotten.
TEST(SchemaAndTable, each_key_of_the_table_is_in_the_schema_or_known_not_to_be) {
  FakeWorld world;
  std::set<std::string> unchecked;
  for (const auto& key : config::keys()) {
    if (key.effect == config::Effect::none) continue;
    for (const auto& path : places_of(key))
      if (!is_checked(path, world)) unchecked.insert(path);
  }
  const auto known = not_of_patroni();
  for (const auto& path : unchecked)
    EXPECT_TRUE(known.contains(path)) << path << " is neither in src/setup/schema.cc nor in the list";
  for (const auto& path : known)
    EXPECT_TRUE(unchecked.contains(path)) << path << " is in the schema or no key";
}

}  // namespace
}  // namespace tanist::setup
