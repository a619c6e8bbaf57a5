#include "config/build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "config/sections/controlled.h"
#include "config/sections/dynamic.h"
#include "config/sections/log_options.h"
#include "unit/config/sample.h"
#include "unit/config/thread_time.h"

namespace tanist::config {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

Settings settings_of(const std::string& text, std::string_view dynamic = "{}", Problems* problems = nullptr,
                     const Environment& environment = {{"HOME", "/h"}}) {
  const auto local = load_text(text, environment);
  EXPECT_TRUE(local) << (local ? "" : to_string(local.error()));
  Problems own;
  return local ? build(*local, json(dynamic), problems ? *problems : own) : Settings{};
}

Settings with(const std::string& more, std::string_view dynamic = "{}") {
  return settings_of(kMinimal + more, dynamic);
}

TEST(Build, a_minimal_configuration_gets_the_defaults) {
  const auto s = with("");
  EXPECT_EQ(s.scope, "orders");
  EXPECT_EQ(s.name, "db-a");
  EXPECT_EQ(s.name_space, "service");
  EXPECT_EQ(s.base_path(), "/service/orders");
  EXPECT_EQ(s.restapi.listen, (HostPort{"0.0.0.0", 8008}));
  EXPECT_EQ(s.api_url(), "http://10.20.0.11:8008/patroni");
  EXPECT_EQ(s.conn_url(), "postgres://10.20.0.11:5432/postgres");
  EXPECT_EQ(s.state_dir, "/srv/pg/orders.tanist");
  EXPECT_EQ(s.log, Log{});
  EXPECT_FALSE(s.bootstrap.present);
  EXPECT_EQ(s.ctl.authentication.username, "");
  const auto& pg = s.postgresql;
  EXPECT_EQ(pg.listen_addresses, "0.0.0.0");
  EXPECT_EQ(pg.port, 5432);
  EXPECT_EQ(pg.data_dir, "/srv/pg/orders");
  EXPECT_EQ(pg.config_dir, "/srv/pg/orders");
  EXPECT_EQ(pg.config_base_name, "postgresql");
  EXPECT_EQ(pg.tools.bin_dir, "");
  EXPECT_EQ(pg.database, "postgres");
  EXPECT_EQ(pg.pgpass, "/h/pgpass");
  EXPECT_EQ(pg.accounts.replication.username, "repl");
  EXPECT_EQ(pg.accounts.replication.password.reveal(), "s2");
  EXPECT_EQ(pg.pg_ctl_timeout, seconds(60));
  EXPECT_FALSE(pg.use_pg_rewind);
  EXPECT_TRUE(pg.use_slots);
  EXPECT_THAT(pg.copying.create_replica_methods, ElementsAre("basebackup"));
  EXPECT_EQ(s.dynamic.timing, Timing{});
  ASSERT_TRUE(std::holds_alternative<Etcd3>(s.store));
  EXPECT_THAT(std::get<Etcd3>(s.store).endpoints,
              ElementsAre(HostPort{"10.20.0.1", 2379}, HostPort{"10.20.0.2", 2379}));
}

TEST(Build, the_path_has_single_slashes) {
  auto s = with("namespace: /a//b/\n");
  EXPECT_EQ(s.base_path(), "/a/b/orders");
  s.name_space = "/";
  EXPECT_EQ(s.base_path(), "/orders");
}

TEST(Build, controlled_parameters_have_defaults) {
  const auto p = with("").postgresql.parameters;
  const std::map<std::string, std::string> expected = {{"listen_addresses", "0.0.0.0"},
                                                       {"port", "5432"},
                                                       {"cluster_name", "orders"},
                                                       {"wal_level", "hot_standby"},
                                                       {"hot_standby", "on"},
                                                       {"max_connections", "100"},
                                                       {"max_wal_senders", "10"},
                                                       {"max_prepared_transactions", "0"},
                                                       {"max_locks_per_transaction", "64"},
                                                       {"track_commit_timestamp", "off"},
                                                       {"max_replication_slots", "10"},
                                                       {"max_worker_processes", "8"},
                                                       {"wal_log_hints", "on"}};
  EXPECT_EQ(p, expected);
}

TEST(Build, dynamic_parameters_are_accepted_by_rule) {
  Problems problems;
  const auto p = settings_of(kMinimal, R"({"postgresql":{"parameters":{
      "MAX_connections":"300","wal_level":"Logical","wal_keep_size":"1GB","wal_keep_segments":5,"track_commit_timestamp":true,
      "wal_log_hints":"off","max_wal_senders":3.0,"Work_Mem":"8MB","jit":false,"random_page_cost":1.1,"x.y":null}}})",
                             &problems)
                     .postgresql.parameters;
  EXPECT_TRUE(problems.empty()) << to_string(problems);
  EXPECT_EQ(p.at("max_connections"), "300");
  EXPECT_EQ(p.at("wal_level"), "Logical");
  EXPECT_EQ(p.at("wal_keep_size"), "1GB");
  EXPECT_EQ(p.at("wal_keep_segments"), "5");
  EXPECT_EQ(p.at("track_commit_timestamp"), "on");
  EXPECT_EQ(p.at("wal_log_hints"), "off");
  EXPECT_EQ(p.at("max_wal_senders"), "3");
  EXPECT_EQ(p.at("work_mem"), "8MB");
  EXPECT_EQ(p.at("jit"), "off");
  EXPECT_EQ(p.at("random_page_cost"), "1.1");
  EXPECT_FALSE(p.contains("x.y"));
}

TEST(Build, refused_dynamic_parameters_keep_their_defaults) {
  Problems problems;
  const auto p = settings_of(kMinimal, R"({"postgresql":{"parameters":{
      "max_connections":10,"wal_level":"minimal","hot_standby":"off","port":5433,"wal_keep_size":"8MB",
      "wal_log_hints":"maybe","max_worker_processes":[1],"max_locks_per_transaction":"64kB"}}})",
                             &problems)
                     .postgresql.parameters;
  EXPECT_THAT(
      texts(problems),
      ElementsAre("postgresql parameter max_connections=10 failed validation, defaulting to 100",
                  "postgresql parameter wal_level=minimal failed validation, defaulting to hot_standby",
                  "postgresql parameter hot_standby=off failed validation, defaulting to on",
                  "postgresql parameter port=5433 failed validation, defaulting to None",
                  "postgresql parameter wal_keep_size=8MB failed validation, defaulting to 128MB",
                  "postgresql parameter wal_log_hints=maybe failed validation, defaulting to on",
                  "postgresql parameter max_worker_processes=[1] failed validation, defaulting to 8",
                  "postgresql parameter max_locks_per_transaction=64kB failed validation, defaulting to 64"));
  EXPECT_EQ(p.at("max_connections"), "100");
  EXPECT_EQ(p.at("port"), "5432");
  EXPECT_FALSE(p.contains("wal_keep_size"));
}

TEST(Build, local_parameters_win_except_controlled_ones) {
  const auto p =
      with(
          "  parameters: {work_mem: 16MB, MAX_CONNECTIONS: 999, Shared_Buffers: 1GB, fsync: yes, autovacuum: "
          "null}\n",
          R"({"postgresql":{"parameters":{"WORK_MEM":"1MB","max_connections":300,"autovacuum":"on"}}})")
          .postgresql.parameters;
  EXPECT_EQ(p.at("work_mem"), "16MB");
  EXPECT_EQ(p.at("max_connections"), "300");
  EXPECT_EQ(p.at("shared_buffers"), "1GB");
  EXPECT_EQ(p.at("fsync"), "on");
  EXPECT_EQ(p.at("autovacuum"), "on");
}

TEST(Build, local_keys_replace_dynamic_ones_whole) {
  const auto s =
      with("  pg_hba: [local all]\n  callbacks: {on_start: /l}\n  recovery_conf: {restore_command: cp}\n",
           R"({"postgresql":{"pg_hba":["host all"],"pg_ident":["m a b"],"callbacks":{"on_stop":"/d"},
                          "use_pg_rewind":true,"recovery_conf":{"a":"b"},"data_dir":"/evil","listen":"evil:1",
                          "authentication":{"superuser":{"username":"evil"}},"use_slots":"off"}})");
  EXPECT_THAT(s.postgresql.pg_hba, ElementsAre("local all"));
  EXPECT_THAT(s.postgresql.pg_ident, ElementsAre("m a b"));
  EXPECT_EQ(s.postgresql.scripts.callbacks, (std::map<std::string, std::string>{{"on_start", "/l"}}));
  EXPECT_EQ(s.postgresql.recovery_conf, (std::map<std::string, std::string>{{"restore_command", "cp"}}));
  EXPECT_TRUE(s.postgresql.use_pg_rewind);
  EXPECT_EQ(s.postgresql.data_dir, "/srv/pg/orders");
  EXPECT_EQ(s.postgresql.port, 5432);
  EXPECT_EQ(s.postgresql.accounts.superuser.username, "");
  EXPECT_FALSE(s.postgresql.use_slots);
}

TEST(Build, use_slots_counts_only_in_the_dynamic_configuration) {
  EXPECT_TRUE(with("  use_slots: false\n").postgresql.use_slots);
  EXPECT_FALSE(with("  use_slots: true\n", R"({"postgresql":{"use_slots":false}})").postgresql.use_slots);
}

TEST(Build, local_timing_has_no_effect) {
  EXPECT_EQ(with("ttl: 99\nloop_wait: 1\n", R"({"ttl":40})").dynamic.timing,
            (Timing{seconds(40), seconds(10), seconds(10)}));
}

TEST(Build, only_connection_keys_are_taken_from_authentication) {
  const auto s = settings_of(R"(scope: s
name: n
restapi: {listen: "h:8008"}
etcd3: {host: h}
postgresql:
  listen: h
  data_dir: /d/
  authentication:
    superuser: {username: postgres, password: 1234, sslmode: require, sslcert: /c, nonsense: x}
    replication: {username: r, gssencmode: disable}
)");
  EXPECT_EQ(s.postgresql.accounts.superuser.password.reveal(), "1234");
  EXPECT_EQ(s.postgresql.accounts.superuser.options,
            (std::map<std::string, std::string>{{"sslmode", "require"}, {"sslcert", "/c"}}));
  EXPECT_EQ(s.postgresql.accounts.rewind, s.postgresql.accounts.superuser);
  EXPECT_EQ(s.postgresql.accounts.replication.options.at("gssencmode"), "disable");
  EXPECT_EQ(s.state_dir, "/d.tanist");
  EXPECT_EQ(s.restapi.connect_address, (HostPort{"h", 8008}));
}

TEST(Build, the_address_of_postgresql_comes_from_listen) {
  const auto connect = [](const std::string& listen) {
    std::string text = kMinimal;
    const auto line = text.find("  connect_address: \"10.20.0.11:5432\"\n");
    text.erase(line, text.find('\n', line) + 1 - line);
    const auto at = text.find("0.0.0.0:5432");
    text.replace(at, 12, listen);
    return settings_of(text).conn_url();
  };
  EXPECT_EQ(connect("*:5433"), "postgres://localhost:5433/postgres");
  EXPECT_EQ(connect("10.0.0.1, 127.0.0.1:5433"), "postgres://localhost:5433/postgres");
  EXPECT_EQ(connect("10.0.0.1,10.0.0.2"), "postgres://10.0.0.1:5432/postgres");
  EXPECT_EQ(connect("[fe80::1]:6000"), "postgres://[fe80::1]:6000/postgres");
}

TEST(Build, everything_of_postgresql) {
  const auto pg = with(R"(  proxy_address: 10.0.0.9:6432
  config_dir: /etc/pg
  config_base_name: pg
  bin_dir: /usr/lib/pg/bin
  bin_name: {postgres: postgres15}
  database: admin
  pgpass: ~/p
  krbsrvname: krb
  use_unix_socket: true
  use_unix_socket_repl: 1
  custom_conf: /etc/custom.conf
  pg_ctl_timeout: 1.5
  rewind: [debug]
  basebackup: {max-rate: 100M}
  remove_data_directory_on_rewind_failure: yes
  remove_data_directory_on_diverged_timelines: on
  pre_promote: /bin/true
  before_stop: /bin/false
)")
                      .postgresql;
  EXPECT_EQ(pg.proxy_address, (HostPort{"10.0.0.9", 6432}));
  EXPECT_EQ(pg.config_dir, "/etc/pg");
  EXPECT_EQ(pg.config_base_name, "pg");
  EXPECT_EQ(pg.tools.bin_dir, "/usr/lib/pg/bin");
  EXPECT_EQ(pg.tools.bin_name.at("postgres"), "postgres15");
  EXPECT_EQ(pg.database, "admin");
  EXPECT_EQ(pg.pgpass, "/h/p");
  EXPECT_EQ(pg.krbsrvname, "krb");
  EXPECT_TRUE(pg.use_unix_socket);
  EXPECT_TRUE(pg.use_unix_socket_repl);
  EXPECT_EQ(pg.custom_conf, "/etc/custom.conf");
  EXPECT_EQ(pg.pg_ctl_timeout, std::chrono::milliseconds(1500));
  EXPECT_THAT(pg.tools.rewind_options, ElementsAre(ToolOption{"debug", {}}));
  EXPECT_THAT(pg.tools.basebackup_options, ElementsAre(ToolOption{"max-rate", "100M"}));
  EXPECT_TRUE(pg.remove_data_directory_on_rewind_failure);
  EXPECT_TRUE(pg.remove_data_directory_on_diverged_timelines);
  EXPECT_EQ(pg.scripts.pre_promote, "/bin/true");
  EXPECT_EQ(pg.scripts.before_stop, "/bin/false");
}

TEST(Build, bootstrap) {
  const auto b =
      with(
          "bootstrap:\n  dcs: {ttl: 40}\n  initdb: [data-checksums, {encoding: UTF8}]\n  pg_hba: [host all]\n"
          "  post_init: /old\n")
          .bootstrap;
  EXPECT_TRUE(b.present);
  EXPECT_EQ(to_json(b.dcs), R"({"ttl":40})");
  EXPECT_THAT(b.initdb, ElementsAre(ToolOption{"data-checksums", {}}, ToolOption{"encoding", "UTF8"}));
  EXPECT_THAT(b.pg_hba, ElementsAre("host all"));
  EXPECT_EQ(b.post_bootstrap, "/old");
  EXPECT_EQ(with("bootstrap: {dcs: {}, post_init: /old, post_bootstrap: /new}\n").bootstrap.post_bootstrap,
            "/new");
  EXPECT_TRUE(with("bootstrap: {}\n").bootstrap.present);
}

TEST(Build, calls_to_other_members_use_the_ctl_section) {
  const auto s = with("ctl: {authentication: {username: u, password: p}}\n");
  EXPECT_EQ(s.ctl.authentication.username, "u");
  EXPECT_EQ(s.ctl.authentication.password.reveal(), "p");
  EXPECT_EQ(with("ctl: {auth: 'a:b:c'}\n").ctl.authentication.password.reveal(), "b:c");
}

TEST(Build, the_rest_api) {
  const auto api = settings_of(R"(scope: s
name: n
etcd3: {host: h}
restapi:
  listen: "0.0.0.0:8008"
  connect_address: "10.0.0.1"
  authentication: {username: admin, password: 5}
  certfile: /c.pem
  keyfile: /k.pem
  keyfile_password: kp
  cafile: /ca.pem
  ciphers: HIGH
  verify_client: Optional
  allowlist: [" 10.0.0.0/8 ", db.example, 7]
  allowlist_include_members: true
  http_extra_headers: {X-A: 1, X-B: yes, X-C: [1]}
  https_extra_headers: {Strict-Transport-Security: max-age=1}
  request_queue_size: 9
  server_tokens: ProductOnly
postgresql: {listen: h, data_dir: /d, authentication: {replication: {username: r}}}
)");
  const auto& r = api.restapi;
  EXPECT_EQ(r.connect_address, (HostPort{"10.0.0.1", 8008}));
  EXPECT_EQ(r.authentication, (BasicAuth{"admin", Secret("5")}));
  EXPECT_EQ(r.tls, (TlsFiles{"/ca.pem", "/c.pem", "/k.pem", Secret("kp")}));
  EXPECT_EQ(r.ciphers, "HIGH");
  EXPECT_EQ(r.verify_client, RestApi::VerifyClient::optional);
  EXPECT_THAT(*r.allowlist, ElementsAre("10.0.0.0/8", "db.example"));
  EXPECT_TRUE(r.allowlist_include_members);
  EXPECT_EQ(r.http_extra_headers, (std::map<std::string, std::string>{{"X-A", "1"}, {"X-B", "True"}}));
  EXPECT_EQ(r.https_extra_headers.at("Strict-Transport-Security"), "max-age=1");
  EXPECT_EQ(r.request_queue_size, 9);
  EXPECT_EQ(r.server_tokens, RestApi::ServerTokens::product_only);
  EXPECT_EQ(api.api_url(), "https://10.0.0.1:8008/patroni");
  // Calls to others use the same user and CA as long as ctl has none of its own.
  EXPECT_EQ(api.ctl.authentication, r.authentication);
  EXPECT_EQ(api.ctl.tls, (TlsFiles{"/ca.pem", "", "", Secret()}));
}

/// The minimal configuration with `text` in its restapi section.
RestApi restapi(const std::string& text) {
  std::string config = kMinimal;
  config.insert(config.find("restapi: {") + 10, text + ", ");
  return settings_of(config).restapi;
}

TEST(Build, an_allowlist_fails_closed) {
  EXPECT_EQ(with("").restapi.allowlist, std::nullopt);
  EXPECT_EQ(restapi("allowlist: []").allowlist, std::nullopt);
  EXPECT_EQ(restapi("allowlist: ").allowlist, std::nullopt);
  for (const char* nobody : {"allowlist: 10.0.0.1", "allowlist: ''", "allowlist: {a: b}", "allowlist: 5",
                             "allowlist: [5, [a]]", "allowlist: false"}) {
    ASSERT_TRUE(restapi(nobody).allowlist) << nobody;
    EXPECT_TRUE(restapi(nobody).allowlist->empty()) << nobody;
  }
}

TEST(Build, a_short_form_of_the_user_is_split_at_the_first_colon) {
  EXPECT_EQ(restapi("auth: 'a:b:c'").authentication, (BasicAuth{"a", Secret("b:c")}));
}

TEST(Build, unknown_words_of_the_api_mean_the_default) {
  EXPECT_EQ(restapi("verify_client: perhaps").verify_client, RestApi::VerifyClient::none);
  EXPECT_EQ(restapi("server_tokens: perhaps").server_tokens, RestApi::ServerTokens::original);
  EXPECT_EQ(restapi("request_queue_size: -1").request_queue_size, 5);
}

TEST(Build, the_ctl_section) {
  const auto ctl = with(
                       "ctl: {insecure: on, cacert: /ca, certfile: /c, keyfile: /k, keyfile_password: p, "
                       "authentication: {username: u, password: v}}\n")
                       .ctl;
  EXPECT_TRUE(ctl.insecure);
  EXPECT_EQ(ctl.tls, (TlsFiles{"/ca", "/c", "/k", Secret("p")}));
  EXPECT_EQ(ctl.authentication, (BasicAuth{"u", Secret("v")}));
}

TEST(Build, overlays_of_roles) {
  Problems problems;
  const auto pg =
      settings_of(kMinimal +
                      "  pg_hba: [local all]\n  pg_ident: [a b c]\n  parameters: {work_mem: 1MB, jit: off}\n"
                      "  parameters_replica: {WORK_MEM: 8MB, Max_Connections: 5, hot_standby_feedback: yes}\n"
                      "  pg_hba_replica: [host all]\n",
                  R"({"postgresql":{"parameters":{"max_connections":200},"pg_ident_primary":["x y z"],
                                  "parameters_replica":{"jit":"on"}}})",
                  &problems)
          .postgresql;
  ASSERT_EQ(pg.role_overlays.size(), 2u);
  const auto& replica = pg.role_overlays.at("replica");
  EXPECT_EQ(replica.parameters.at("work_mem"), "8MB");
  EXPECT_EQ(replica.parameters.at("hot_standby_feedback"), "on");
  EXPECT_EQ(replica.parameters.at("max_connections"), "200");
  // The local value replaces the dynamic one whole.
  EXPECT_EQ(replica.parameters.at("jit"), "off");
  EXPECT_EQ(replica.parameters.at("port"), "5432");
  EXPECT_THAT(replica.pg_hba, ElementsAre("host all"));
  EXPECT_THAT(replica.pg_ident, ElementsAre("a b c"));
  EXPECT_EQ(pg.parameters.at("work_mem"), "1MB");
  const auto& primary = pg.role_overlays.at("primary");
  EXPECT_EQ(primary.parameters, pg.parameters);
  EXPECT_THAT(primary.pg_ident, ElementsAre("x y z"));
  EXPECT_THAT(
      texts(problems),
      ElementsAre("Role-based config attempted to override protected parameter 'Max_Connections', ignoring"));
}

TEST(Build, replica_methods_keep_their_arguments_in_order) {
  const auto pg = with(R"(  create_replica_methods: [wal_e, basebackup, script, bare]
  wal_e: {command: envdir /e wal_e, retries: 2, no_leader: 1, keep_data: true, threshold: 5%}
  script: {no_params: true, no_leader: true, z: 1, a: x}
)",
                       R"({"postgresql":{"bare":{"command":"/bare","no_leader":false}}})")
                      .postgresql;
  EXPECT_THAT(pg.copying.create_replica_methods, ElementsAre("wal_e", "basebackup", "script", "bare"));
  ASSERT_EQ(pg.copying.replica_methods.size(), 3u);
  EXPECT_EQ(
      pg.copying.replica_methods.at("wal_e"),
      (ReplicaMethod{"envdir /e wal_e",
                     false,
                     true,
                     true,
                     {{"retries", "2"}, {"no_leader", "1"}, {"keep_data", "True"}, {"threshold", "5%"}}}));
  EXPECT_EQ(pg.copying.replica_methods.at("script"),
            (ReplicaMethod{"script", true, true, false, {{"z", "1"}, {"a", "x"}}}));
  EXPECT_EQ(pg.copying.replica_methods.at("bare"),
            (ReplicaMethod{"/bare", false, false, false, {{"no_leader", "False"}}}));
}

TEST(Build, a_standby_cluster_has_replica_methods_of_its_own) {
  const char* local = "  create_replica_methods: [script]\n  wal_e: {no_leader: true}\n";
  const auto methods = [&](const char* dynamic) {
    return with(local, dynamic).postgresql.copying.create_replica_methods;
  };
  EXPECT_THAT(methods("{}"), ElementsAre("script"));
  EXPECT_THAT(methods(R"({"standby_cluster":{"host":"a","create_replica_methods":["wal_e"]}})"),
              ElementsAre("wal_e"));
  EXPECT_THAT(methods(R"({"standby_cluster":{"host":"a"}})"), ElementsAre("basebackup"));
  EXPECT_THAT(methods(R"({"standby_cluster":{"create_replica_methods":["wal_e"]}})"), ElementsAre("script"));
  const auto pg =
      with(local, R"({"standby_cluster":{"host":"a","create_replica_methods":["wal_e"]}})").postgresql;
  EXPECT_TRUE(pg.copying.replica_methods.at("wal_e").no_leader);
}

TEST(Build, a_custom_bootstrap) {
  const auto custom = [](const std::string& section) {
    return with("bootstrap: {dcs: {ttl: 30}, method: clone, clone: " + section + "}\n").bootstrap.custom;
  };
  EXPECT_EQ(
      custom("{command: /bin/clone -x, no_params: true, keep_existing_recovery_conf: 1, source: a, scope: s, "
             "datadir: d, recovery_conf: {recovery_target_action: promote, recovery_target_inclusive: off}}"),
      (CustomBootstrap{"clone",
                       "/bin/clone -x",
                       true,
                       true,
                       std::map<std::string, std::string>{{"recovery_target_action", "promote"},
                                                          {"recovery_target_inclusive", "off"}},
                       {{"source", "a"}}}));
  EXPECT_EQ(custom("{command: x}"), (CustomBootstrap{"clone", "x", false, false, std::nullopt, {}}));
  EXPECT_EQ(custom("{source: a}"), std::nullopt);
  EXPECT_EQ(custom("5"), std::nullopt);
  EXPECT_EQ(with("bootstrap: {dcs: {}, method: initdb, initdb: [a]}\n").bootstrap.custom, std::nullopt);
  EXPECT_TRUE(with("bootstrap: {dcs: {}, users: {a: {}}}\n").bootstrap.users_configured);
}

TEST(Build, logging_as_json_to_a_file) {
  const auto log =
      with(
          "log: {type: json, format: [message, {asctime: ts}, 5], static_fields: {svc: a}, dir: /l, mode: "
          "'0640', file_size: 100, file_num: 2, loggers: {patroni.ha: 10, urllib3: WARN}, "
          "deduplicate_heartbeat_logs: yes, traceback_level: Debug}\n")
          .log;
  EXPECT_TRUE(log.json);
  EXPECT_THAT(log.fields, ElementsAre(std::pair<std::string, std::string>("message", "message"),
                                      std::pair<std::string, std::string>("asctime", "ts")));
  EXPECT_EQ(to_json(log.static_fields), R"({"svc":"a"})");
  EXPECT_EQ(log.dir, "/l");
  EXPECT_EQ(log.mode, 0640u);
  EXPECT_EQ(log.file_size, 100);
  EXPECT_EQ(log.file_num, 2);
  EXPECT_EQ(log.loggers,
            (std::map<std::string, std::string>{{"patroni.ha", "DEBUG"}, {"urllib3", "WARNING"}}));
  EXPECT_TRUE(log.deduplicate_heartbeat_logs);
  EXPECT_EQ(with("log: {type: json, format: '%(message)s'}\n").log.format, "%(message)s");
  EXPECT_EQ(with("log: {mode: 0600}\n").log.mode, 0600u);
  EXPECT_EQ(with("log: {file_size: -1, file_num: -1}\n").log.file_size, 0);
}

TEST(Build, logging) {
  EXPECT_EQ(with("log: {level: WARN}\n").log.level, "WARNING");
  EXPECT_EQ(with("log: {level: FATAL}\n").log.level, "CRITICAL");
  EXPECT_EQ(with("log: {level: 10}\n").log.level, "DEBUG");
  EXPECT_EQ(with("log: {level: NOTSET}\n").log.level, "DEBUG");
  const auto s = with("log: {level: ERROR, format: '%(message)s', dateformat: '%H', max_queue_size: 5}\n");
  const auto options = log_options(s.log, 0022);
  EXPECT_EQ(options.level, log::Level::error);
  EXPECT_EQ(options.format, "%(message)s");
  EXPECT_EQ(options.date_format, "%H");
  EXPECT_EQ(options.max_queue_size, 5u);
  EXPECT_EQ(with("log: {format: [message], dateformat: 5}\n").log, Log{});
  for (const char* size : {"0", "10000000", "100001"})
    EXPECT_EQ(log_options(with(std::string("log: {max_queue_size: ") + size + "}\n").log, 0).max_queue_size,
              100'000u)
        << size;
}

TEST(Build, the_endpoints_of_the_store) {
  const auto etcd = [](const std::string& section) {
    std::string text = kMinimal;
    const auto line = text.find("etcd3:");
    text.replace(line, text.find('\n', line) - line, "etcd3: " + section);
    return std::get<Etcd3>(settings_of(text).store);
  };
  EXPECT_THAT(etcd("{hosts: 'a:1, b', port: 7}").endpoints, ElementsAre(HostPort{"a", 1}, HostPort{"b", 7}));
  EXPECT_THAT(etcd("{host: 'a:1', port: 7}").endpoints, ElementsAre(HostPort{"a", 7}));
  EXPECT_THAT(etcd("{host: a}").endpoints, ElementsAre(HostPort{"a", 2379}));
  EXPECT_THAT(etcd("{host: '[::1]:5'}").endpoints, ElementsAre(HostPort{"::1", 5}));
  const auto url = etcd("{url: 'https://u:p@h:5', username: x, password: y, hosts: [z]}");
  EXPECT_THAT(url.endpoints, ElementsAre(HostPort{"h", 5}));
  EXPECT_TRUE(url.https);
  EXPECT_EQ(url.username, "u");
  EXPECT_EQ(url.password.reveal(), "p");
  EXPECT_FALSE(url.use_proxies);
  const auto proxy = etcd("{proxy: 'http://h', url: 'http://other'}");
  EXPECT_TRUE(proxy.use_proxies);
  EXPECT_THAT(proxy.endpoints, ElementsAre(HostPort{"h", 2379}));
  // A fixed place wins over records that would be looked up; those win over hosts, which are what is left
  // when the lookup fails.
  for (const char* section :
       {"{proxy: 'http://h', url: 'http://other', srv: example.org, hosts: [z], host: y}",
        "{url: 'http://h', srv: example.org, hosts: [z], host: y}"}) {
    EXPECT_THAT(etcd(section).endpoints, ElementsAre(HostPort{"h", 2379}));
    EXPECT_EQ(etcd(section).srv, "");
  }
  EXPECT_EQ(etcd("{srv: example.org, hosts: [z], host: y}").srv, "example.org");
  EXPECT_THAT(etcd("{srv: example.org, hosts: [z], host: y}").endpoints, ElementsAre(HostPort{"z", 2379}));
  const auto tls = etcd(
      "{host: h, protocol: https, cacert: /ca, cert: /c, key: /k, key_password: kp, username: u, password: "
      "p}");
  EXPECT_TRUE(tls.https);
  EXPECT_EQ(tls.tls.ca_file, "/ca");
  EXPECT_EQ(tls.tls.cert_file, "/c");
  EXPECT_EQ(tls.tls.key_file, "/k");
  EXPECT_EQ(tls.tls.key_password.reveal(), "kp");
  const auto srv = etcd("{discovery_srv: example.org, srv_suffix: prod, use_proxies: on}");
  EXPECT_EQ(srv.srv, "example.org");
  EXPECT_EQ(srv.srv_suffix, "prod");
  EXPECT_TRUE(srv.use_proxies);
  EXPECT_TRUE(srv.endpoints.empty());
}

TEST(Build, the_state_directory_can_be_set) {
  EXPECT_EQ(with("tanist: {state_dir: /var/lib/tanist}\n").state_dir, "/var/lib/tanist");
  EXPECT_EQ(settings_of(kMinimal, "{}", nullptr, {{"TANIST_STATE_DIR", "/e"}}).state_dir, "/e");
}

TEST(Build, who_replays_late_is_released_from_synchronous_duty) {
  const std::string delayed = "  recovery_conf:\n    Recovery_Min_Apply_Delay: 5min\n";
  auto s = with(delayed);
  EXPECT_TRUE(s.postgresql.replays_late);
  EXPECT_TRUE(s.tags.nosync);
  EXPECT_EQ(s.tags.sync_priority, 0);
  EXPECT_EQ(to_json(s.tags.published), R"({"nosync":true})");
  EXPECT_EQ(s.tags.configured.find("nosync"), nullptr);
  EXPECT_TRUE(with("  parameters:\n    recovery_min_apply_delay: 1\n").postgresql.replays_late);
  EXPECT_TRUE(with("", R"({"postgresql":{"recovery_conf":{"recovery_min_apply_delay":"1h"}}})")
                  .postgresql.replays_late);
  for (const char* none : {"0", "soon", "-1", "0ms"}) {
    s = with(std::string("  recovery_conf:\n    recovery_min_apply_delay: ") + none + "\n");
    EXPECT_FALSE(s.postgresql.replays_late) << none;
    EXPECT_FALSE(s.tags.nosync);
  }
  EXPECT_FALSE(with(delayed + "  parameters:\n    restore_command: cp\n").postgresql.replays_late)
      << "recovery parameters there replace recovery_conf as a whole";
}

TEST(Build, a_tag_that_asks_a_late_member_for_synchronous_duty_is_told_not_to_count) {
  Problems problems;
  const auto s =
      settings_of(kMinimal + "  recovery_conf:\n    recovery_min_apply_delay: 5min\ntags:\n  nosync: false\n",
                  "{}", &problems);
  EXPECT_TRUE(s.tags.nosync);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].text,
            "tags.nosync counts as true: recovery_min_apply_delay makes this member replay late");
}

TEST(Build, a_dynamic_configuration_of_any_shape_gives_settings) {
  for (const char* dynamic :
       {R"({"postgresql":{"pg_hba":5,"callbacks":[1],"parameters":{"a":{}},"basebackup":7,"rewind":"x",
                                 "pg_ctl_timeout":"x","bin_name":[],"recovery_conf":3,"create_replica_methods":{}}})",
        R"({"postgresql":5})", R"({"postgresql":{"parameters":"x"}})", "[]", "5", "null",
        R"({"ttl":"x","synchronous_mode":[],"standby_cluster":5})"}) {
    const auto s = with("", dynamic);
    EXPECT_EQ(s.postgresql.pg_ctl_timeout, seconds(60)) << dynamic;
    EXPECT_EQ(s.postgresql.parameters.at("port"), "5432") << dynamic;
  }
}

TEST(Build, five_hundred_lines_are_parsed_and_validated_quickly) {
  std::string text = kMinimal + "  parameters:\n";
  for (int i = 0; i < 400; ++i)
    text += "    my.parameter_" + std::to_string(i) + ": value " + std::to_string(i) + "\n";
  text += "  pg_hba:\n";
  for (int i = 0; i < 90; ++i) text += "    - host all u" + std::to_string(i) + " 10.0.0.0/8 scram-sha-256\n";
  const double took = median_ms(20, [&] { EXPECT_EQ(settings_of(text).postgresql.pg_hba.size(), 90u); });
  std::printf("502 lines parsed, validated and built in %.2f ms\n", took);
  if (kTimed) {
    EXPECT_LT(took, 20);
  }
}

TEST(Controlled, names_are_recognised_in_any_case) {
  EXPECT_TRUE(is_controlled("Max_Connections"));
  EXPECT_FALSE(is_controlled("work_mem"));
  EXPECT_EQ(controlled_parameters().front().name, "listen_addresses");
}

}  // namespace
}  // namespace tanist::config
