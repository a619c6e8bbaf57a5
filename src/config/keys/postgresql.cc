#include <algorithm>
#include <string>

#include "config/keys/keys.h"

namespace tanist::config::detail {
namespace {

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

struct ConnectionKey {
  const char* name;
  bool secret;
  std::string_view about;
};
constexpr ConnectionKey kConnectionKeys[] = {
    {"username", false, "User name."},
    {"password", true, "Password."},
    {"sslmode", false, "How TLS is used, as in libpq."},
    {"sslcert", false, "Client certificate."},
    {"sslkey", false, "Key of the client certificate."},
    {"sslpassword", true, "Password of the key (PostgreSQL 13 and later)."},
    {"sslrootcert", false, "Certificates that the server is checked with."},
    {"sslcrl", false, "Revoked certificates."},
    {"sslcrldir", false, "Directory of revoked certificates (PostgreSQL 14 and later)."},
    {"gssencmode", false, "How GSSAPI encryption is used (PostgreSQL 12 and later)."},
    {"channel_binding", false, "Whether channel binding is required (PostgreSQL 13 and later)."},
    {"sslnegotiation", false, "How TLS is negotiated (PostgreSQL 17 and later)."},
};

void declare_authentication(std::vector<Key>& out) {
  out.push_back({.path = "postgresql.authentication",
                 .type = Type::section,
                 .about = "Users that Tanist connects with."});
  for (const char* who : {"superuser", "replication", "rewind"}) {
    const std::string section = std::string("postgresql.authentication.") + who;
    const std::string_view about =
        who == std::string_view("superuser")     ? "The superuser, for local connections."
        : who == std::string_view("replication") ? "The user replicas stream with."
                                                 : "The user of pg_rewind. Unset: the superuser.";
    out.push_back({.path = section, .type = Type::section, .about = about});
    for (const auto& key : kConnectionKeys)
      out.push_back({.path = section + "." + key.name,
                     .environment = upper(std::string(who) + "_" + key.name),
                     .secret = key.secret,
                     .about = key.about});
  }
}

void declare_roles(std::vector<Key>& out) {
  for (const char* role : {"primary", "replica", "standby_leader"}) {
    const auto overlay = [&](const char* what, Type type, std::string_view about) {
      out.push_back({.path = std::string("postgresql.") + what + "_" + role,
                     .type = type,
                     .scope = Scope::both,
                     .about = about});
    };
    overlay("parameters", Type::scalar_map,
            "PostgreSQL parameters above `parameters` while the member has this role.");
    overlay("pg_hba", Type::texts,
            "Lines of pg_hba.conf instead of `pg_hba` while the member has this role.");
    overlay("pg_ident", Type::texts,
            "Lines of pg_ident.conf instead of `pg_ident` while the member has this role.");
  }
}

}  // namespace

void declare_postgresql_keys(std::vector<Key>& out) {
  constexpr auto kBoth = Scope::both;
  constexpr auto kRestart = Reload::restart_daemon;
  out.insert(out.end(),
             {
                 {.path = "postgresql",
                  .type = Type::section,
                  .scope = kBoth,
                  .open = true,
                  .about = "The PostgreSQL server of this member."},
                 {.path = "postgresql.listen",
                  .reload = Reload::restart_postgresql,
                  .environment = "POSTGRESQL_LISTEN",
                  .required = true,
                  .about = "Addresses (with commas) and port that PostgreSQL listens on."},
                 {.path = "postgresql.connect_address",
                  .type = Type::address,
                  .environment = "POSTGRESQL_CONNECT_ADDRESS",
                  .about = "Address and port under which others reach PostgreSQL. Unset: from `listen`."},
                 {.path = "postgresql.proxy_address",
                  .type = Type::address,
                  .environment = "POSTGRESQL_PROXY_ADDRESS",
                  .about = "Address and port of a connection pool in front, published for information."},
                 {.path = "postgresql.data_dir",
                  .type = Type::path,
                  .reload = kRestart,
                  .environment = "POSTGRESQL_DATA_DIR",
                  .required = true,
                  .about = "The data directory."},
                 {.path = "postgresql.config_dir",
                  .type = Type::path,
                  .reload = kRestart,
                  .environment = "POSTGRESQL_CONFIG_DIR",
                  .about = "Directory of postgresql.conf. Unset: the data directory."},
                 {.path = "postgresql.config_base_name",
                  .fallback = "postgresql",
                  .scope = kBoth,
                  .reload = kRestart,
                  .about = "Name of postgresql.conf without `.conf`."},
                 {.path = "postgresql.bin_dir",
                  .type = Type::path,
                  .scope = kBoth,
                  .reload = kRestart,
                  .environment = "POSTGRESQL_BIN_DIR",
                  .about = "Directory of PostgreSQL's programs. Unset: `$PATH`."},
                 {.path = "postgresql.bin_name",
                  .type = Type::section,
                  .scope = kBoth,
                  .about = "Names of PostgreSQL's programs, where they differ."},
             });
  for (const char* tool :
       {"pg_ctl", "initdb", "pg_controldata", "pg_basebackup", "postgres", "pg_isready", "pg_rewind"})
    out.push_back({.path = std::string("postgresql.bin_name.") + tool,
                   .scope = kBoth,
                   .environment = "POSTGRESQL_BIN_" + upper(tool),
                   .about = "Name of this program."});
  out.insert(out.end(), {
                            {.path = "postgresql.database",
                             .fallback = "postgres",
                             .scope = kBoth,
                             .reload = kRestart,
                             .about = "Database that Tanist connects to."},
                            {.path = "postgresql.pgpass",
                             .type = Type::path,
                             .fallback = "~/pgpass",
                             .reload = kRestart,
                             .environment = "POSTGRESQL_PGPASS",
                             .about = "Password file that Tanist writes for replication."},
                            {.path = "postgresql.krbsrvname",
                             .scope = kBoth,
                             .about = "Kerberos service name of the other servers."},
                        });
  declare_authentication(out);
  out.insert(
      out.end(),
      {
          {.path = "postgresql.use_unix_socket",
           .type = Type::truth,
           .fallback = "false",
           .scope = kBoth,
           .about = "Tanist connects to its PostgreSQL by the Unix socket."},
          {.path = "postgresql.use_unix_socket_repl",
           .type = Type::truth,
           .fallback = "false",
           .scope = kBoth,
           .about = "The same for replication connections."},
          {.path = "postgresql.parameters",
           .type = Type::scalar_map,
           .scope = kBoth,
           .reload = Reload::restart_postgresql,
           .about = "PostgreSQL parameters. The controlled ones count only in the dynamic configuration."},
      });
  declare_roles(out);
  out.insert(
      out.end(),
      {
          {.path = "postgresql.pg_hba",
           .type = Type::texts,
           .scope = kBoth,
           .about = "Lines of pg_hba.conf."},
          {.path = "postgresql.pg_ident",
           .type = Type::texts,
           .scope = kBoth,
           .about = "Lines of pg_ident.conf."},
          {.path = "postgresql.custom_conf",
           .type = Type::path,
           .scope = kBoth,
           .about = "Configuration file to include instead of the original postgresql.conf."},
          {.path = "postgresql.recovery_conf",
           .type = Type::scalar_map,
           .scope = kBoth,
           .about =
               "Recovery parameters of replicas. With recovery_min_apply_delay a member leads only when it "
               "is told to."},
          {.path = "postgresql.pg_ctl_timeout",
           .type = Type::number,
           .fallback = "60",
           .min = 0,
           .unit = "s",
           .scope = kBoth,
           .about = "How long a start, stop or restart of PostgreSQL may take."},
          {.path = "postgresql.use_pg_rewind",
           .type = Type::truth,
           .fallback = "false",
           .scope = kBoth,
           .about = "A former primary is taken back with pg_rewind."},
          {.path = "postgresql.rewind",
           .type = Type::options,
           .scope = kBoth,
           .about = "More options of pg_rewind."},
          {.path = "postgresql.remove_data_directory_on_rewind_failure",
           .type = Type::truth,
           .fallback = "false",
           .scope = kBoth,
           .about = "A member that pg_rewind could not save is copied anew."},
          {.path = "postgresql.remove_data_directory_on_diverged_timelines",
           .type = Type::truth,
           .fallback = "false",
           .scope = kBoth,
           .about = "A member that went its own way is copied anew."},
          {.path = "postgresql.create_replica_methods",
           .type = Type::texts,
           .fallback = "basebackup",
           .scope = kBoth,
           .about = "How replicas are made, in this order: `basebackup`, or names of sections here with a "
                    "`command`."},
          {.path = "postgresql.create_replica_method",
           .type = Type::texts,
           .scope = kBoth,
           .about = "Older name of `create_replica_methods`."},
          {.path = "postgresql.basebackup",
           .type = Type::options,
           .scope = kBoth,
           .about = "More options of pg_basebackup."},
          {.path = "postgresql.callbacks",
           .type = Type::section,
           .scope = kBoth,
           .about = "Commands run on events, with action, role and cluster name as arguments."},
          {.path = "postgresql.callbacks.on_start",
           .type = Type::command,
           .scope = kBoth,
           .about = "After a start."},
          {.path = "postgresql.callbacks.on_stop",
           .type = Type::command,
           .scope = kBoth,
           .about = "After a stop."},
          {.path = "postgresql.callbacks.on_restart",
           .type = Type::command,
           .scope = kBoth,
           .about = "After a restart."},
          {.path = "postgresql.callbacks.on_reload",
           .type = Type::command,
           .scope = kBoth,
           .about = "After a reload."},
          {.path = "postgresql.callbacks.on_role_change",
           .type = Type::command,
           .scope = kBoth,
           .about = "After a promotion or demotion."},
          {.path = "postgresql.pre_promote",
           .type = Type::command,
           .scope = kBoth,
           .about = "Command run before a promotion; if it fails there is none."},
          {.path = "postgresql.before_stop",
           .type = Type::command,
           .scope = kBoth,
           .about = "Command run before PostgreSQL is stopped."},
          // Shapes of old releases; load.cc turns them into the keys above.
          {.path = "postgresql.superuser",
           .type = Type::map,
           .about = "Older place of `authentication.superuser`."},
          {.path = "postgresql.replication",
           .type = Type::map,
           .about = "Older place of `authentication.replication`."},
          {.path = "postgresql.pg_rewind",
           .type = Type::map,
           .about = "Older place of the user of pg_rewind; switches `use_pg_rewind` on."},
          {.path = "postgresql.name", .about = "Older place of `name`."},
          {.path = "postgresql.scope", .about = "Older place of `scope`; the top-level key counts."},
      });
}

}  // namespace tanist::config::detail
