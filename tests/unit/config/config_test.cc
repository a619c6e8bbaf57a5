#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "config/build.h"
#include "config/sections/dynamic.h"
#include "unit/config/broken.h"
#include "unit/config/sample.h"
#include "unit/config/thread_time.h"

namespace tanist::config {
namespace {

const std::string kRich = kMinimal + R"(    superuser: &su {username: postgres, password: "pa:ss"}
    rewind: *su
  parameters: {work_mem: 16MB, jit: off}
  pg_hba:
    - host all,replication all 10.20.0.0/24 scram-sha-256
  basebackup: [{max-rate: 100M}, verbose]
bootstrap:
  dcs:
    ttl: 30
    postgresql: {use_pg_rewind: true, parameters: {max_connections: 300}}
  initdb: [data-checksums, {encoding: UTF8}]
tags: {failover_priority: 2, dc: "a"}
log: {level: INFO, format: '%(message)s'}
)";

/// Every section and nearly every key, as operators write them.
const std::string kEverything = R"(scope: &scope batman
namespace: /service/
name: postgresql0
log:
  type: json
  level: INFO
  traceback_level: DEBUG
  format: [message, module, {asctime: '@timestamp'}, {levelname: level}]
  dateformat: ''
  static_fields: {app: *scope}
  max_queue_size: 1000
  dir: /var/log/patroni
  mode: 0644
  file_num: 4
  file_size: 25000000
  loggers: {patroni.postmaster: WARNING, urllib3: DEBUG}
  deduplicate_heartbeat_logs: true
restapi:
  listen: '*:8008'
  connect_address: 10.0.0.1:8008
  authentication: {username: admin, password: secret}
  certfile: /etc/ssl/cert.pem
  keyfile: /etc/ssl/key.pem
  keyfile_password: x
  cafile: /etc/ssl/ca.pem
  ciphers: HIGH:!aNULL
  verify_client: optional
  allowlist: [10.0.0.0/24, admin.example]
  allowlist_include_members: yes
  http_extra_headers: {X-Frame-Options: SAMEORIGIN}
  https_extra_headers: {Strict-Transport-Security: max-age=31536000}
  request_queue_size: 5
  server_tokens: minimal
ctl:
  insecure: false
  certfile: /etc/ssl/cert.pem
  keyfile: /etc/ssl/key.pem
  cacert: /etc/ssl/ca.pem
  authentication: {username: admin, password: secret}
etcd3:
  hosts: 10.0.0.1:2379,10.0.0.2:2379
  protocol: https
  username: u
  password: p
  cacert: /ca
  cert: /c
  key: /k
bootstrap:
  method: wal_restore
  wal_restore:
    command: /usr/local/bin/restore --x y
    keep_existing_recovery_conf: false
    no_params: false
    recovery_conf: {recovery_target_action: promote, recovery_target_timeline: latest, restore_command: 'cp /a/%f %p'}
    recovery_target_time: 2026-01-02 03:04:05
  dcs:
    ttl: 30
    loop_wait: 10
    retry_timeout: 10
    maximum_lag_on_failover: 1048576
    primary_start_timeout: 300
    check_timeline: true
    member_slots_ttl: 30min
    postgresql:
      use_pg_rewind: true
      use_slots: true
      remove_data_directory_on_rewind_failure: true
      pg_hba: [host all all 0.0.0.0/0 md5]
      parameters: {wal_level: hot_standby, max_connections: 200, hot_standby: on, archive_mode: 'on'}
      recovery_conf: {restore_command: 'cp /a/%f %p'}
      pgbackrest: {command: /usr/bin/pgbackrest --delta restore, keep_data: true, no_params: true}
      create_replica_methods: [pgbackrest, basebackup]
  initdb: [encoding: UTF8, data-checksums, {locale: C.UTF-8}]
  pg_hba: [host replication replicator 127.0.0.1/32 md5]
  post_bootstrap: /usr/local/bin/setup_cluster.sh
postgresql:
  listen: '*:5432'
  connect_address: 10.0.0.1:5432
  proxy_address: 10.0.0.1:6432
  data_dir: data/postgresql0
  config_dir: /etc/postgresql
  bin_dir: /usr/lib/postgresql/15/bin
  bin_name: {pg_ctl: pg_ctl, postgres: postgres}
  pgpass: /tmp/pgpass0
  krbsrvname: postgres
  use_unix_socket: true
  use_unix_socket_repl: false
  authentication:
    replication: {username: replicator, password: rep-pass, sslmode: verify-ca, sslrootcert: /ca}
    superuser: {username: postgres, password: zalando}
    rewind: {username: rewind_user, password: rewind_password, gssencmode: disable}
  parameters: {unix_socket_directories: '..', log_min_messages: warning, pg_stat_statements.max: 500}
  parameters_primary: {archive_timeout: 60}
  parameters_standby_leader: {work_mem: 8MB}
  pg_hba: [local all all peer, host all all all md5]
  pg_hba_replica: [host all all all reject]
  pg_ident: [mymap root postgres]
  pg_ctl_timeout: 60
  use_pg_rewind: true
  rewind: [progress, {debug: true}]
  remove_data_directory_on_diverged_timelines: false
  create_replica_methods: [wal_e, basebackup]
  wal_e: {command: patroni_wale_restore, no_leader: 1, envdir: /etc/wal-e, use_iam: 1}
  basebackup: [verbose, {max-rate: 100M}, {checkpoint: fast}]
  callbacks: {on_start: /cb.sh, on_stop: /cb.sh, on_role_change: /cb.sh x, on_reload: /cb.sh, on_restart: /cb.sh}
  pre_promote: /bin/true
  before_stop: /bin/true
  custom_conf: /etc/postgresql/custom.conf
tags: {failover_priority: 1, sync_priority: 1, noloadbalance: false, clonefrom: true, nostream: false, replicatefrom: postgresql1, dc: eu}
)";

TEST(Config, a_file_with_everything_starts_without_a_word) {
  const auto loaded = load_text(kEverything);
  ASSERT_TRUE(loaded) << to_string(loaded.error());
  EXPECT_EQ(to_string(loaded->warnings), "");
  Problems problems;
  const auto accepted = accept_dynamic(*loaded->document.find_path("bootstrap.dcs"), problems);
  ASSERT_TRUE(accepted) << accepted.error();
  const auto settings = build(*loaded, *accepted, problems);
  EXPECT_EQ(to_string(problems), "");
  EXPECT_EQ(settings.bootstrap.custom->arguments.size(), 1u);
  EXPECT_EQ(settings.postgresql.copying.replica_methods.at("wal_e").arguments.size(), 3u);
  EXPECT_EQ(settings.postgresql.role_overlays.size(), 3u);
  EXPECT_EQ(settings.log.fields.size(), 4u);
  EXPECT_EQ(settings.base_path(), "/service/batman");
}

/// Every finding must be printable and every failure must name an error.
void check(const std::string& text) {
  const auto loaded = load_text(text);
  if (!loaded) {
    EXPECT_TRUE(has_errors(loaded.error())) << text;
    for (const auto& problem : loaded.error()) EXPECT_FALSE(problem.text.empty()) << text;
    return;
  }
  Problems problems;
  (void)build(*loaded, loaded->document, problems);
}

TEST(Broken, the_rich_sample_itself_is_fine) {
  const auto loaded = load_text(kRich);
  ASSERT_TRUE(loaded) << to_string(loaded.error());
  EXPECT_THAT(texts(loaded->warnings), ::testing::ElementsAre());
}

TEST(Broken, a_file_cut_off_anywhere_ends_in_findings) {
  for (std::size_t i = 0; i < kRich.size(); i += 3) check(kRich.substr(0, i));
}

TEST(Broken, a_wrong_character_anywhere_ends_in_findings) {
  const std::string wrong("\t[]{}:,&*!|>'\"%@`#-?\0\xff\n", 23);
  for (std::size_t i = 0; i < kRich.size(); ++i) {
    std::string text = kRich;
    text[i] = wrong[i % wrong.size()];
    check(text);
  }
}

TEST(Broken, every_value_replaced_by_every_other_type_ends_in_findings) {
  const std::vector<std::string> values = {"null",
                                           "true",
                                           "-1",
                                           "1.5",
                                           "''",
                                           "text",
                                           "[]",
                                           "[[1], {a: b}]",
                                           "{}",
                                           "{a: {b: c}}",
                                           "99999999999999999999999",
                                           ".nan",
                                           "2024-01-01",
                                           "1:30"};
  int tried = 0;
  for (std::size_t at = kRich.find(": "); at != std::string::npos; at = kRich.find(": ", at + 1)) {
    const auto end = kRich.find_first_of(",}\n", at + 2);
    for (const auto& value : values) {
      check(kRich.substr(0, at + 2) + value + kRich.substr(end));
      ++tried;
    }
  }
  EXPECT_GT(tried, 200);
}

constexpr double kPatienceMs = 1000;
/// A bomb that goes off takes minutes, instrumented or not.
constexpr int kSlower = kTimed ? 1 : 15;

TEST(Broken, large_inputs_end_within_a_second) {
  std::vector<std::string> inputs;
  inputs.push_back(std::string(10 << 20, '\xff'));
  inputs.push_back(std::string(10 << 20, '['));
  inputs.push_back(std::string(1 << 20, '['));
  inputs.push_back(std::string(1 << 20, '&'));
  inputs.push_back(std::string(1 << 20, '\''));
  inputs.push_back(std::string(1 << 20, '-'));
  std::string text;
  while (text.size() < (1 << 20)) text += "? ";
  inputs.push_back(text);
  text.clear();
  while (text.size() < (1 << 20)) text += "- a: b\n ";
  inputs.push_back(text);
  text.clear();
  while (text.size() < (1 << 20)) text += "!!x &a";
  inputs.push_back(text);
  text = "a: \"";
  while (text.size() < (1 << 20)) text += "\\u0041\\\n";
  inputs.push_back(text);
  for (const auto& input : inputs) {
    const double took = median_ms(1, [&] { EXPECT_FALSE(load_text(input)); });
    std::printf("%zu bytes refused in %.1f ms\n", input.size(), took);
    EXPECT_LT(took, kPatienceMs * kSlower);
  }
}

bool is_precise(const Problem& problem) {
  const bool placed = problem.line > 0 || !problem.key.empty() || !problem.file.empty();
  return !problem.text.empty() &&
         (placed || problem.text.find("f.yml") != std::string::npos ||
          problem.text.starts_with("Can not find") || problem.text == "Config is empty.");
}

void expect_told(const Broken& broken, const std::vector<SourceFile>& files, bool must_name_a_line) {
  SCOPED_TRACE(broken.name);
  const auto before = thread_time();
  const auto loaded = load_from(files, "f.yml", {});
  EXPECT_LT(std::chrono::duration_cast<std::chrono::milliseconds>(thread_time() - before).count(),
            kPatienceMs * kSlower);
  EXPECT_EQ(loaded.has_value(), broken.starts) << (loaded ? "" : to_string(loaded.error()));
  const Problems& problems = loaded ? loaded->warnings : loaded.error();
  ASSERT_FALSE(problems.empty());
  bool line = false;
  for (const auto& problem : problems) {
    EXPECT_TRUE(is_precise(problem)) << to_string(problem);
    line |= problem.line > 0;
  }
  if (must_name_a_line) {
    EXPECT_TRUE(line) << to_string(problems);
  }
}

TEST(Broken, every_text_is_refused_with_a_precise_message) {
  for (const auto& broken : broken_texts()) expect_told(broken, {{"f.yml", broken.text}}, false);
}

TEST(Broken, every_key_of_a_wrong_type_is_named_with_its_line) {
  const auto all = broken_values();
  for (const auto& broken : all) {
    expect_told(broken, {{"base.yml", kMinimal}, {"f.yml", broken.text}}, true);
    const auto loaded = load_from({{"base.yml", kMinimal}, {"f.yml", broken.text}}, "f.yml", {});
    const auto told = to_string(loaded ? loaded->warnings : loaded.error());
    EXPECT_NE(told.find(broken.name.substr(broken.name.rfind(' ') + 1)), std::string::npos) << told;
    EXPECT_NE(told.find("f.yml:1"), std::string::npos) << told;
  }
  EXPECT_GE(all.size() + broken_texts().size(), 250u);
}

/// Values that a /config written by hand may hold in any place.
std::vector<Document> odd_values() {
  return {Document(),
          Document(true),
          Document(false),
          Document(0),
          Document(-1),
          Document(1.5),
          Document(std::int64_t{INT64_MAX}),
          Document(1e300),
          Document(""),
          Document("x"),
          Document("\xff\xfe"),
          Document(std::string(100000, 'a')),
          Document::list(),
          Document::list({Document(), Document::list(), Document::map()}),
          Document::map(),
          Document::map({{"", Document()}, {"a", Document::map({{"b", 1}})}})};
}

/// One dynamic key with one value, every other one absent.
Document only(std::string_view path, Document value) {
  Document out = Document::map();
  Document* at = &out;
  for (auto dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.')) {
    at = &at->set(path.substr(0, dot), Document::map());
    path.remove_prefix(dot + 1);
  }
  at->set(path, std::move(value));
  return out;
}

TEST(Broken, a_dynamic_configuration_of_any_shape_is_refused_or_gives_settings) {
  const auto local = load_text(kMinimal).value();
  std::size_t shapes = 0;
  std::size_t refused = 0;
  const auto run = [&](const Document& raw) {
    ++shapes;
    Problems notes;
    const auto accepted = accept_dynamic(raw, notes);
    if (!accepted) {
      ++refused;
      EXPECT_FALSE(accepted.error().empty());
      return;
    }
    const auto settings = build(local, *accepted, notes);
    EXPECT_GE(settings.dynamic.timing.ttl, std::chrono::seconds(20));
    EXPECT_GE(settings.dynamic.timing.loop_wait, std::chrono::seconds(1));
    EXPECT_GE(settings.dynamic.timing.retry_timeout, std::chrono::seconds(3));
    EXPECT_EQ(settings.postgresql.parameters.at("port"), "5432");
    EXPECT_EQ(settings.postgresql.data_dir, "/srv/pg/orders");
  };
  for (const auto& value : odd_values()) run(value);
  for (const auto& key : keys()) {
    if (key.scope == Scope::local) continue;
    for (const auto& value : odd_values()) run(only(key.path, value));
  }
  for (const char* path :
       {"postgresql.parameters.max_connections", "postgresql.parameters.wal_level", "postgresql.pgbackrest",
        "postgresql.data_dir", "slots.a", "slots.a.type", "standby_cluster.host", "ignore_slots.a", "mine"})
    for (const auto& value : odd_values()) run(only(path, value));
  EXPECT_GE(shapes, 1000u);
  EXPECT_GT(refused, 10u);
}

}  // namespace
}  // namespace tanist::config
