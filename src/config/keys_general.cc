#include <algorithm>
#include <string>

#include "config/keys.h"

namespace tanist::config::detail {
namespace {

std::string lower_text(const Document& value) {
  std::string text = value.text();
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

Effect judge_watchdog_mode(const Document& value) {
  const std::string text = lower_text(value);
  if (text == "off" || text == "disable" || text == "disabled" || text == "false") return Effect::full;
  return text == "require" || text == "required" ? Effect::refused : Effect::none;
}

Effect judge_verify_client(const Document& value) {
  return lower_text(value) == "none" ? Effect::full : Effect::refused;
}

/// Refused when it says anything at all.
Effect refused_if_set(const Document& value) { return value.truthy() ? Effect::refused : Effect::full; }

Effect refused_if_true(const Document& value) {
  return parse_bool(value).value_or(false) ? Effect::refused : Effect::full;
}

Effect judge_citus(const Document& value) {
  const Document* group = value.find("group");
  const Document* database = value.find("database");
  const bool active = group && parse_int(*group) && database && database->is_string();
  return active ? Effect::refused : Effect::none;
}

Effect judge_log_type(const Document& value) { return value.text() == "plain" ? Effect::full : Effect::none; }

constexpr std::string_view kNoTls =
    "this version serves its REST API without TLS and without access control; starting would leave it open";

}  // namespace

void declare_general_keys(std::vector<Key>& out) {
  out.insert(
      out.end(),
      {
          {.path = "scope", .reload = Reload::restart_daemon, .environment = "SCOPE", .required = true,
           .about = "Name of the cluster; all members of a cluster have the same."},
          {.path = "namespace", .fallback = "service", .reload = Reload::restart_daemon, .environment = "NAMESPACE",
           .about = "First part of the path of the cluster's keys in the store."},
          {.path = "name", .reload = Reload::restart_daemon, .environment = "NAME", .required = true,
           .about = "Name of this member, unique in the cluster."},
          {.path = "thread_pool_size", .type = Type::integer, .fallback = "5", .reload = Reload::restart_daemon,
           .environment = "THREAD_POOL_SIZE", .effect = Effect::none,
           .about = "Accepted for compatibility; Tanist has no pool of threads."},
          {.path = "thread_stack_size", .type = Type::any, .fallback = "524288", .reload = Reload::restart_daemon,
           .environment = "THREAD_STACK_SIZE", .effect = Effect::none,
           .about = "Accepted for compatibility; Tanist's threads need no tuning."},

          {.path = "tanist", .type = Type::section, .about = "Keys that only Tanist knows."},
          {.path = "tanist.state_dir", .type = Type::path, .reload = Reload::restart_daemon,
           .environment = "STATE_DIR",
           .about = "Directory for what must outlive a restart: session, promises, journal. Unset: `<data_dir>.tanist`."},

          {.path = "log", .type = Type::section, .about = "What is logged, and in which form."},
          {.path = "log.type", .type = Type::choice, .fallback = "plain", .allowed = "plain json",
           .environment = "LOG_TYPE", .effect = Effect::none, .judge = judge_log_type,
           .about = "Form of the lines; this version writes plain ones only."},
          {.path = "log.level", .type = Type::choice, .fallback = "INFO",
           .allowed = "DEBUG INFO WARN WARNING ERROR FATAL CRITICAL NOTSET", .environment = "LOG_LEVEL",
           .about = "Least severe level that is written; also as a number, where 20 is INFO."},
          {.path = "log.traceback_level", .fallback = "ERROR", .environment = "LOG_TRACEBACK_LEVEL",
           .effect = Effect::none, .about = "Level at which stack traces are written; Tanist writes none."},
          {.path = "log.format", .type = Type::any, .fallback = "%(asctime)s %(levelname)s: %(message)s",
           .environment = "LOG_FORMAT", .about = "Template of a line, with `%(field)s` for its parts."},
          {.path = "log.dateformat", .type = Type::any, .environment = "LOG_DATEFORMAT",
           .about = "strftime format of `asctime`; empty: date, time and milliseconds."},
          {.path = "log.static_fields", .type = Type::map, .environment = "LOG_STATIC_FIELDS",
           .effect = Effect::none, .about = "Fields added to every JSON line."},
          {.path = "log.max_queue_size", .type = Type::integer, .fallback = "1000", .min = 1, .max = 10000000,
           .unit = "lines", .environment = "LOG_MAX_QUEUE_SIZE",
           .about = "Lines that may wait to be written; more are dropped and counted."},
          {.path = "log.dir", .type = Type::path, .environment = "LOG_DIR", .effect = Effect::none,
           .about = "Directory for a log file; this version logs to the standard error output."},
          {.path = "log.mode", .type = Type::integer, .environment = "LOG_MODE", .effect = Effect::none,
           .about = "Permissions of the log file."},
          {.path = "log.file_size", .type = Type::integer, .fallback = "25000000", .unit = "bytes",
           .environment = "LOG_FILE_SIZE", .effect = Effect::none, .about = "Size at which the log file is rotated."},
          {.path = "log.file_num", .type = Type::integer, .fallback = "4", .environment = "LOG_FILE_NUM",
           .effect = Effect::none, .about = "Number of rotated log files kept."},
          {.path = "log.loggers", .type = Type::map, .environment = "LOG_LOGGERS", .effect = Effect::none,
           .about = "Levels of single modules."},
          {.path = "log.deduplicate_heartbeat_logs", .type = Type::boolean, .fallback = "false",
           .environment = "LOG_DEDUPLICATE_HEARTBEAT_LOGS", .effect = Effect::none,
           .about = "Leaves out the line of a cycle that says the same as the one before."},

          {.path = "restapi", .type = Type::section, .about = "The REST API of this member."},
          {.path = "restapi.listen", .type = Type::address, .environment = "RESTAPI_LISTEN", .required = true,
           .about = "Address and port to listen on; an empty host or `*` means all addresses."},
          {.path = "restapi.connect_address", .type = Type::address, .environment = "RESTAPI_CONNECT_ADDRESS",
           .about = "Address and port under which the others reach this member. Unset: as `listen`."},
          {.path = "restapi.authentication", .type = Type::section, .effect = Effect::refused,
           .judge = refused_if_set, .about = "User and password of requests that change something.",
           .hint = "remove the section and let only trusted hosts reach the port; for calls to other members use "
                   "ctl.authentication"},
          {.path = "restapi.authentication.username", .environment = "RESTAPI_USERNAME",
           .about = "User name of requests that change something."},
          {.path = "restapi.authentication.password", .environment = "RESTAPI_PASSWORD", .secret = true,
           .about = "Password of requests that change something."},
          {.path = "restapi.auth", .secret = true, .effect = Effect::refused, .judge = refused_if_set,
           .about = "`user:password`, the short form of `authentication`.",
           .hint = "remove the key and let only trusted hosts reach the port"},
          {.path = "restapi.certfile", .type = Type::path, .environment = "RESTAPI_CERTFILE",
           .effect = Effect::refused, .judge = refused_if_set, .about = "Certificate; switches to HTTPS.",
           .hint = kNoTls},
          {.path = "restapi.keyfile", .type = Type::path, .environment = "RESTAPI_KEYFILE", .effect = Effect::none,
           .about = "Key of the certificate."},
          {.path = "restapi.keyfile_password", .environment = "RESTAPI_KEYFILE_PASSWORD", .secret = true,
           .effect = Effect::none, .about = "Password of the key."},
          {.path = "restapi.cafile", .type = Type::path, .environment = "RESTAPI_CAFILE", .effect = Effect::none,
           .about = "Certificates that client certificates are checked with."},
          {.path = "restapi.ciphers", .environment = "RESTAPI_CIPHERS", .effect = Effect::none,
           .about = "Ciphers that TLS may use."},
          {.path = "restapi.verify_client", .fallback = "none", .environment = "RESTAPI_VERIFY_CLIENT",
           .effect = Effect::refused, .judge = judge_verify_client,
           .about = "Whether clients need a certificate: none, optional, required.", .hint = kNoTls},
          {.path = "restapi.allowlist", .type = Type::any, .environment = "RESTAPI_ALLOWLIST",
           .effect = Effect::refused, .judge = refused_if_set,
           .about = "Addresses that may make requests that change something.", .hint = kNoTls},
          {.path = "restapi.allowlist_include_members", .type = Type::boolean, .fallback = "false",
           .environment = "RESTAPI_ALLOWLIST_INCLUDE_MEMBERS", .effect = Effect::refused, .judge = refused_if_true,
           .about = "Adds the addresses of the members to the allowlist.", .hint = kNoTls},
          {.path = "restapi.http_extra_headers", .type = Type::map, .environment = "RESTAPI_HTTP_EXTRA_HEADERS",
           .effect = Effect::none, .about = "Headers added to every answer."},
          {.path = "restapi.https_extra_headers", .type = Type::map, .environment = "RESTAPI_HTTPS_EXTRA_HEADERS",
           .effect = Effect::none, .about = "Headers added to every answer over TLS."},
          {.path = "restapi.request_queue_size", .type = Type::integer, .fallback = "5",
           .reload = Reload::restart_daemon, .environment = "RESTAPI_REQUEST_QUEUE_SIZE", .effect = Effect::none,
           .about = "Connections that may wait to be accepted."},
          {.path = "restapi.thread_pool_size", .type = Type::integer, .fallback = "5",
           .reload = Reload::restart_daemon, .environment = "RESTAPI_THREAD_POOL_SIZE", .effect = Effect::none,
           .about = "Accepted for compatibility; one thread answers all requests."},
          {.path = "restapi.server_tokens", .fallback = "original", .environment = "RESTAPI_SERVER_TOKENS",
           .effect = Effect::none, .about = "What the Server header tells."},

          {.path = "ctl", .type = Type::section, .about = "How other members' REST APIs are called."},
          {.path = "ctl.authentication", .type = Type::section, .about = "User and password of calls to other members."},
          {.path = "ctl.authentication.username", .environment = "CTL_USERNAME",
           .about = "User name sent to other members."},
          {.path = "ctl.authentication.password", .environment = "CTL_PASSWORD", .secret = true,
           .about = "Password sent to other members."},
          {.path = "ctl.auth", .secret = true, .about = "`user:password`, the short form of `authentication`."},
          {.path = "ctl.insecure", .type = Type::boolean, .fallback = "false", .environment = "CTL_INSECURE",
           .effect = Effect::none, .about = "Skips the check of the other side's certificate."},
          {.path = "ctl.cacert", .type = Type::path, .environment = "CTL_CACERT", .effect = Effect::none,
           .about = "Certificates that the other side is checked with."},
          {.path = "ctl.certfile", .type = Type::path, .environment = "CTL_CERTFILE", .effect = Effect::none,
           .about = "Client certificate."},
          {.path = "ctl.keyfile", .type = Type::path, .environment = "CTL_KEYFILE", .effect = Effect::none,
           .about = "Key of the client certificate."},
          {.path = "ctl.keyfile_password", .environment = "CTL_KEYFILE_PASSWORD", .secret = true,
           .effect = Effect::none, .about = "Password of the key."},

          {.path = "watchdog", .type = Type::section, .about = "The hardware watchdog."},
          {.path = "watchdog.mode", .type = Type::any, .effect = Effect::refused, .judge = judge_watchdog_mode,
           .about = "off, automatic or required; this version has no watchdog.",
           .hint = "this version cannot arm a watchdog: set \"mode: off\" only if losing it is acceptable"},
          {.path = "watchdog.device", .type = Type::path, .fallback = "/dev/watchdog", .effect = Effect::none,
           .about = "Device of the watchdog."},
          {.path = "watchdog.safety_margin", .type = Type::integer, .fallback = "5", .unit = "s",
           .effect = Effect::none, .about = "Time between the watchdog's end and the lease's end."},
          {.path = "watchdog.driver", .fallback = "default", .effect = Effect::none, .about = "Kind of the device."},

          {.path = "citus", .type = Type::map, .reload = Reload::restart_daemon, .effect = Effect::refused,
           .judge = judge_citus, .about = "Citus: group and database.",
           .hint = "this version does not manage Citus clusters"},

          {.path = "tags", .type = Type::section, .open = true,
           .about = "Properties of this member, published to the others; own ones may be added."},
          {.path = "tags.nofailover", .type = Type::truth, .fallback = "false",
           .about = "This member never becomes leader."},
          {.path = "tags.failover_priority", .type = Type::integer, .fallback = "1",
           .about = "Of members with the same data the highest wins; 0 or less means never."},
          {.path = "tags.nosync", .type = Type::truth, .fallback = "false",
           .about = "This member is never chosen as synchronous standby."},
          {.path = "tags.sync_priority", .type = Type::integer, .fallback = "1",
           .about = "Preference as synchronous standby; 0 or less means never."},
          {.path = "tags.noloadbalance", .type = Type::truth, .fallback = "false",
           .about = "Health checks for reading do not offer this member."},
          {.path = "tags.clonefrom", .type = Type::truth, .fallback = "false",
           .about = "New replicas prefer to copy from this member."},
          {.path = "tags.nostream", .type = Type::boolean, .fallback = "false",
           .about = "This member reads WAL from the archive only."},
          {.path = "tags.replicatefrom", .about = "Member to stream from instead of the leader."},

          {.path = "bootstrap", .type = Type::section, .reload = Reload::bootstrap, .open = true,
           .about = "How a new cluster is made; a member without this section only joins."},
          {.path = "bootstrap.dcs", .type = Type::dynamic, .reload = Reload::bootstrap,
           .about = "Dynamic configuration of a new cluster."},
          {.path = "bootstrap.method", .fallback = "initdb", .reload = Reload::bootstrap,
           .about = "How the data directory is made; this version knows initdb only."},
          {.path = "bootstrap.initdb", .type = Type::options, .reload = Reload::bootstrap,
           .about = "Options of initdb: `name` or `{name: value}`."},
          {.path = "bootstrap.pg_hba", .type = Type::texts, .reload = Reload::bootstrap,
           .about = "Lines of pg_hba.conf for a new cluster, where `postgresql.pg_hba` is not set."},
          {.path = "bootstrap.post_bootstrap", .type = Type::command, .reload = Reload::bootstrap,
           .about = "Command run once on the new primary, with a connection string as its argument."},
          {.path = "bootstrap.post_init", .type = Type::command, .reload = Reload::bootstrap,
           .about = "Older name of `post_bootstrap`."},
          {.path = "bootstrap.users", .type = Type::any, .reload = Reload::bootstrap,
           .about = "Ignored: create users in `post_bootstrap`."},
      });
}

}  // namespace tanist::config::detail
