#include "setup/schema.h"

#include "config/stores.h"
#include "core/format.h"
#include "setup/value_checks.h"

namespace tanist::setup {
namespace {

constexpr std::int64_t kInt32Max = 2147483647;
constexpr std::int64_t kBackendMax = 262143;
constexpr int kPortMax = 65535;
constexpr std::int64_t kLeastStack = 65536;

Check texts() {
  return list_of(text());
}
/// Options of a tool: `name` or `{name: value}`, or all of them in one mapping.
Check tool_options() {
  return [list = list_of(either(text(), mapping()))](const Document& value, const std::string& path,
                                                     Inspection& in) {
    if (!value.is_map()) list(value, path, in);
  };
}
/// A text that may look like a number in YAML: user names and passwords.
Check word_or_number() {
  return [text = text()](const Document& value, const std::string& path, Inspection& in) {
    if (!value.is_int() && !value.is_double()) text(value, path, in);
  };
}
Check reachable_list(int port) {
  return either(reachable_with_commas(port), list_of(reachable(port)));
}

/// `512kB`: what the daemon accepts besides a number.
Check stack_size_text() {
  return judged([](const std::string& given, Inspection&) -> std::optional<std::string> {
    const auto bytes = parse_int(Document(given), "B");
    if (!bytes || *bytes < kLeastStack || *bytes % kLeastStack != 0) return "Wrong value";
    return std::nullopt;
  });
}

Check log_section() {
  return section({
      optional("type", word({"plain", "json"})),
      optional("level", word({"DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL"})),
      optional("traceback_level", word({"DEBUG", "ERROR"}, true)),
      optional("format", log_format()),
      optional("dateformat", text()),
      optional("static_fields", mapping()),
      optional("max_queue_size", integer()),
      optional("dir", text()),
      optional("mode", integer(0, 0777)),
      optional("file_size", integer()),
      optional("file_num", integer()),
      optional("loggers", mapping()),
      optional("deduplicate_heartbeat_logs", boolean()),
  });
}

Check ctl_section() {
  return section({
      optional("insecure", boolean()),
      optional("cacert", text()),
      optional("certfile", text()),
      optional("keyfile", text()),
      optional("keyfile_password", word_or_number()),
  });
}

Check restapi_section() {
  return section({
      required("listen", listen(8008)),
      required("connect_address", connect_address()),
      optional("authentication",
               section({required("username", word_or_number()), required("password", word_or_number())})),
      optional("certfile", text()),
      optional("keyfile", text()),
      optional("keyfile_password", word_or_number()),
      optional("cafile", text()),
      optional("ciphers", text()),
      optional("verify_client", word({"none", "optional", "required"})),
      optional("allowlist", texts()),
      optional("allowlist_include_members", boolean()),
      optional("http_extra_headers", mapping()),
      optional("https_extra_headers", mapping()),
      optional("request_queue_size", integer(0, 4096)),
      optional("thread_pool_size", integer(5)),
      optional("server_tokens", word({"minimal", "productonly", "original"}, true)),
  });
}

Check bootstrap_parameters() {
  return section({
      optional("max_connections", number(1, kBackendMax)),
      optional("max_locks_per_transaction", number(10, kInt32Max)),
      optional("max_prepared_transactions", number(0, kBackendMax)),
      optional("max_replication_slots", number(0, kBackendMax)),
      optional("max_wal_senders", number(0, kBackendMax)),
      optional("max_worker_processes", number(0, kBackendMax)),
  });
}

Check dcs_section() {
  return section({
      optional("ttl", number(20)),
      optional("loop_wait", number(1)),
      optional("retry_timeout", number(3)),
      optional("maximum_lag_on_failover", number(0)),
      optional("maximum_lag_on_syncnode", number(-1)),
      optional("member_slots_ttl", number(0, {}, "s")),
      optional("postgresql", section({
                                 optional("parameters", bootstrap_parameters()),
                                 optional("pg_hba", texts()),
                                 optional("pg_ident", texts()),
                                 optional("pg_ctl_timeout", number(0)),
                                 optional("use_pg_rewind", boolean()),
                                 optional("rewind", tool_options()),
                                 optional("use_slots", boolean()),
                                 optional("basebackup", tool_options()),
                             })),
      optional("primary_start_timeout", number(0)),
      optional("primary_stop_timeout", number(0)),
      optional(
          "standby_cluster",
          section({
              at_least_one({{"host", text()}, {"port", integer({}, kPortMax)}, {"restore_command", text()}}),
              optional("primary_slot_name", text()),
              optional("create_replica_methods", texts()),
              optional("archive_cleanup_command", text()),
              optional("recovery_min_apply_delay", text()),
          })),
      optional("synchronous_mode", synchronous_mode()),
      optional("synchronous_mode_strict", boolean()),
      optional("synchronous_node_count", number(1)),
  });
}

Check bootstrap_section() {
  return section({
      required("dcs", dcs_section()),
      optional("initdb", tool_options()),
      optional("method", text()),
  });
}

Check consul_section() {
  return section({
      at_least_one({{"host", reachable(8500)}, {"url", text()}}),
      optional("port", integer({}, kPortMax)),
      optional("scheme", text()),
      optional("token", text()),
      optional("verify", boolean()),
      optional("cacert", text()),
      optional("cert", text()),
      optional("key", text()),
      optional("dc", text()),
      optional("checks", texts()),
      optional("register_service", boolean()),
      optional("service_tags", texts()),
      optional("service_check_interval", text()),
      optional("service_check_tls_server_name", text()),
      optional("consistency", word({"default", "consistent", "stale"})),
  });
}

/// The port of endpoints that name none: the section's own, else the one of its kind.
int port_of(const Document& config, const config::KnownStore& store) {
  const Document* port = config.find_path(fmt::format("{}.port", store.section));
  const auto given = port ? parse_int(*port) : std::nullopt;
  return given && *given > 0 && *given <= kPortMax ? static_cast<int>(*given) : store.port;
}

Check endpoints_section(int port) {
  return section({
      at_least_one({{"host", reachable(port)},
                    {"hosts", reachable_list(port)},
                    {"srv", text()},
                    {"srv_suffix", text()},
                    {"url", text()},
                    {"proxy", text()}}),
      optional("protocol", text()),
      optional("username", word_or_number()),
      optional("password", word_or_number()),
      optional("cacert", text()),
      optional("cert", text()),
      optional("key", text()),
  });
}

std::vector<Part> zookeeper_tls() {
  return {
      optional("use_ssl", boolean()),
      optional("cacert", text()),
      optional("cert", text()),
      optional("key", text()),
      optional("key_password", word_or_number()),
      optional("verify", boolean()),
      optional("set_acls", mapping()),
      optional("auth_data", mapping()),
  };
}

Check exhibitor_section() {
  auto parts = zookeeper_tls();
  parts.insert(parts.begin(), {required("hosts", texts()), required("port", integer({}, kPortMax)),
                               optional("poll_interval", integer(1))});
  return section(std::move(parts));
}

Check zookeeper_section() {
  auto parts = zookeeper_tls();
  parts.insert(parts.begin(), required("hosts", reachable_list(2181)));
  return section(std::move(parts));
}

Check raft_section() {
  return section({
      required("self_addr", connect_address()),
      optional("bind_addr", listen(1)),
      required("partner_addrs", list_of(reachable(1))),
      optional("data_dir", text()),
      optional("password", word_or_number()),
      optional("append_entries_period", real(0, true)),
      optional("min_timeout", real(0, true)),
      optional("max_timeout", real(0, true)),
      optional("connection_timeout", real(0, true)),
      optional("connection_retry_time", real(0, false)),
      optional("leader_fallback_timeout", real(0, true)),
  });
}

Check kubernetes_section() {
  return section({
      required("labels", mapping()),
      optional("bypass_api_service", boolean()),
      optional("context", text()),
      optional("cacert", text()),
      optional("leader_label_value", text()),
      optional("follower_label_value", text()),
      optional("standby_leader_label_value", text()),
      optional("tmp_role_label", text()),
      optional("bootstrap_labels", mapping()),
      optional("namespace", text()),
      optional("scope_label", text()),
      optional("role_label", text()),
      optional("use_endpoints", boolean()),
      optional("pod_ip", ip_address()),
      optional("ports",
               list_of(section({required("name", text()), required("port", integer({}, kPortMax))}))),
      optional("retriable_http_codes", either(integer(), list_of(integer()))),
  });
}

Check store_section(const config::KnownStore& store, const Document& config) {
  using Keys = config::KnownStore::Keys;
  switch (store.keys) {
    case Keys::consul: return consul_section();
    case Keys::endpoints: return endpoints_section(port_of(config, store));
    case Keys::exhibitor: return exhibitor_section();
    case Keys::kubernetes: return kubernetes_section();
    case Keys::raft: return raft_section();
    case Keys::zookeeper: return zookeeper_section();
  }
  return text();
}

std::vector<Field> store_sections(const Document& config) {
  std::vector<Field> out;
  for (const auto& store : config::kStores)
    out.push_back({std::string(store.section), store_section(store, config)});
  return out;
}

Check users() {
  return section({required("username", word_or_number()), optional("password", word_or_number())});
}

/// `bin_dir` is checked even where it is not given.
Check bin_dir_of(const Document* postgresql) {
  const Document section = postgresql ? *postgresql : Document::map();
  return [section](const Document&, const std::string&, Inspection& in) { check_bin_dir(section, in); };
}

std::vector<Part> postgresql_parts() {
  std::vector<Field> programs;
  for (const char* name :
       {"pg_ctl", "initdb", "pg_controldata", "pg_basebackup", "postgres", "pg_isready", "pg_rewind"})
    programs.push_back({name, program_name()});
  return {
      required("listen", listen_many(5432)),
      required("connect_address", connect_address()),
      optional("proxy_address", connect_address()),
      required("authentication", section({required("replication", users()), required("superuser", users()),
                                          optional("rewind", users())})),
      required("data_dir", existing_data_dir()),
      optional("bin_name", section({{Part::Rule::each, std::move(programs)}})),
  };
}

std::vector<Part> more_postgresql_parts() {
  return {
      optional("parameters", section({optional("unix_socket_directories", text())})),
      optional("pg_hba", texts()),
      optional("pg_ident", texts()),
      optional("pg_ctl_timeout", number(0)),
      optional("use_pg_rewind", boolean()),
      optional("rewind", tool_options()),
      optional("basebackup", tool_options()),
  };
}

Check postgresql_section(const Document* postgresql) {
  const Check first = section(postgresql_parts());
  const Check second = section(more_postgresql_parts());
  const Check bin_dir = bin_dir_of(postgresql);
  return [=](const Document& value, const std::string& path, Inspection& in) {
    first(value, path, in);
    if (!value.is_map()) return;
    bin_dir(value, path, in);
    second(value, path, in);
  };
}

Check watchdog_section() {
  return section({
      optional("mode", watchdog_mode()),
      optional("device", text()),
      optional("safety_margin", integer(-1)),
  });
}

Check tags_section() {
  return section({
      at_most_one({{"nofailover", boolean()}, {"failover_priority", integer(0)}}),
      optional("clonefrom", boolean()),
      optional("noloadbalance", boolean()),
      optional("replicatefrom", text()),
      at_most_one({{"nosync", boolean()}, {"sync_priority", integer(0)}}),
      optional("nostream", boolean()),
  });
}

}  // namespace

Findings check_schema(const Document& config, Inspection& in) {
  const Check whole = section({
      required("name", name_of_member()),
      required("scope", text()),
      optional("thread_pool_size", integer(5)),
      optional("thread_stack_size", either(integer(kLeastStack, {}, kLeastStack), stack_size_text())),
      optional("log", log_section()),
      optional("ctl", ctl_section()),
      required("restapi", restapi_section()),
      optional("bootstrap", bootstrap_section()),
      at_least_one(store_sections(config)),
      optional("citus", section({required("database", text()), required("group", integer(0))})),
      required("postgresql", postgresql_section(config.find("postgresql"))),
      optional("watchdog", watchdog_section()),
      optional("tags", tags_section()),
  });
  whole(config, "", in);
  return std::move(in.found);
}

}  // namespace tanist::setup
