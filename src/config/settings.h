#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/endpoint.h"
#include "config/slots.h"
#include "config/stores.h"
#include "core/document.h"
#include "core/secret.h"
#include "core/time.h"

/// What the rest of the daemon knows of the configuration: typed values, already validated. Only config/
/// knows where they came from.
namespace tanist::config {

/// `ttl`, `loop_wait`, `retry_timeout` after the rule `loop_wait + 2*retry_timeout <= ttl` was applied
/// (config.md §1.4).
struct Timing {
  Duration ttl = std::chrono::seconds(30);
  Duration loop_wait = std::chrono::seconds(10);
  Duration retry_timeout = std::chrono::seconds(10);
  bool operator==(const Timing&) const = default;
};

/// The `log` section (config.md §10).
struct Log {
  bool json = false;
  std::string level = "INFO";
  std::string format = "%(asctime)s %(levelname)s: %(message)s";
  /// JSON only: field and the name it is written under, in order; empty: the fields that `format` names.
  std::vector<std::pair<std::string, std::string>> fields;
  /// JSON only: added to each line.
  Document static_fields = Document::map();
  std::string date_format;
  std::size_t max_queue_size = 1000;
  /// Directory of `patroni.log`; empty: stderr.
  std::string dir;
  /// Of the log file; nullopt: 0666 without the umask that the daemon was started with.
  std::optional<unsigned> mode;
  /// Bytes after which the file is rotated, and how many rotated files are kept; either 0: never rotated.
  std::int64_t file_size = 25'000'000;
  int file_num = 4;
  /// Logger name (`patroni.ha`) to level.
  std::map<std::string, std::string> loggers;
  bool deduplicate_heartbeat_logs = false;
  bool operator==(const Log&) const = default;
};

/// User and password of HTTP basic authentication; empty user: none.
struct BasicAuth {
  std::string username;
  Secret password;
  bool operator==(const BasicAuth&) const = default;
};

/// The `restapi` section (config.md §2.5).
struct RestApi {
  enum class VerifyClient { none, optional, required };
  enum class ServerTokens { original, minimal, product_only };

  HostPort listen;
  HostPort connect_address;
  /// Asked of unsafe methods.
  BasicAuth authentication;
  /// https when cert_file is set; ca_file is for client certificates.
  TlsFiles tls;
  std::string ciphers;
  VerifyClient verify_client = VerifyClient::none;
  /// IP, CIDR or host name, as configured; nullopt: everybody may use unsafe methods.
  std::optional<std::vector<std::string>> allowlist;
  bool allowlist_include_members = false;
  /// For every response, and besides for https ones.
  std::map<std::string, std::string> http_extra_headers;
  std::map<std::string, std::string> https_extra_headers;
  int request_queue_size = 5;
  ServerTokens server_tokens = ServerTokens::original;
  bool operator==(const RestApi&) const = default;
};

/// How this member and `tanistctl` call the REST API of others (config.md §2.6, §12).
struct Ctl {
  BasicAuth authentication;
  bool insecure = false;
  /// ca_file may be a directory; cert_file and key_file are the client certificate.
  TlsFiles tls;
  bool operator==(const Ctl&) const = default;
};

/// Effective tags (ha.md §16).
struct Tags {
  bool nofailover = false;
  int failover_priority = 1;
  bool nosync = false;
  int sync_priority = 1;
  bool noloadbalance = false;
  bool clonefrom = false;
  bool nostream = false;
  std::string replicatefrom;
  /// Empty: none.
  std::string zone;
  /// What is published in the member key, in the configured order.
  Document published = Document::map();
  /// As configured, for the `tag_` filters of health checks.
  Document configured = Document::map();
};

/// One section of `postgresql.authentication`.
struct Credentials {
  std::string username;
  Secret password;
  /// sslmode, sslcert, … as configured.
  std::map<std::string, std::string> options;
  bool operator==(const Credentials&) const = default;
};

/// A tool option of `initdb`, `basebackup`, `rewind`: `--name` or `--name=value`.
struct ToolOption {
  std::string name;
  std::optional<std::string> value;
  bool operator==(const ToolOption&) const = default;
};

/// A replica creation method other than basebackup (config.md §2.9, postgres.md §22).
struct ReplicaMethod {
  /// Command line; the method's own name when none is configured.
  std::string command;
  bool no_params = false;
  bool no_leader = false;
  bool keep_data = false;
  /// What goes to the command as `--key=value`, in the configured order: every key but `command` and
  /// `no_params`; with no_params without `no_leader` and `keep_data` too.
  std::vector<ToolOption> arguments;
  bool operator==(const ReplicaMethod&) const = default;
};

/// What replaces parts of the `postgresql` section while the member has a role (config.md §1.3).
struct RoleOverlay {
  /// All parameters, with those of the role above the general ones.
  std::map<std::string, std::string> parameters;
  std::vector<std::string> pg_hba;
  std::vector<std::string> pg_ident;
  bool operator==(const RoleOverlay&) const = default;
};

/// The effective `postgresql` section: dynamic configuration below, local configuration above.
struct Postgresql {
  std::string listen_addresses;
  int port = 5432;
  HostPort connect_address;
  std::optional<HostPort> proxy_address;
  std::string data_dir;
  std::string config_dir;
  std::string config_base_name = "postgresql";
  /// The programs of PostgreSQL, and what two of them are given.
  struct Tools {
    std::string bin_dir;
    std::map<std::string, std::string> bin_name;
    std::vector<ToolOption> rewind_options;
    std::vector<ToolOption> basebackup_options;
  } tools;
  std::string database = "postgres";
  std::string pgpass;
  std::string krbsrvname;
  struct Accounts {
    Credentials superuser;
    Credentials replication;
    Credentials rewind;
  } accounts;
  bool use_unix_socket = false;
  bool use_unix_socket_repl = false;
  /// Final GUCs by lower-case name, with the controlled ones (config.md §5) and without recovery parameters'
  /// handling.
  std::map<std::string, std::string> parameters;
  std::vector<std::string> pg_hba;
  std::vector<std::string> pg_ident;
  /// By `primary`, `replica`, `standby_leader`; only roles that something is configured for.
  std::map<std::string, RoleOverlay> role_overlays;
  std::string custom_conf;
  std::map<std::string, std::string> recovery_conf;
  /// As a standby it stays behind on purpose: recovery_min_apply_delay. Its tag nosync is true then, whatever
  /// is configured, and it leads only when it is told to.
  bool replays_late = false;
  Duration pg_ctl_timeout = std::chrono::seconds(60);
  bool use_pg_rewind = false;
  bool remove_data_directory_on_rewind_failure = false;
  bool remove_data_directory_on_diverged_timelines = false;
  bool use_slots = true;
  struct Copying {
    /// In the order in which they are tried.
    std::vector<std::string> create_replica_methods;
    /// Those of them other than `basebackup`, by name.
    std::map<std::string, ReplicaMethod> replica_methods;
  } copying;
  struct Scripts {
    /// on_start, on_stop, on_restart, on_reload, on_role_change → command line.
    std::map<std::string, std::string> callbacks;
    std::string pre_promote;
    std::string before_stop;
  } scripts;
};

/// `bootstrap.<method>` with a command (config.md §2.3).
struct CustomBootstrap {
  std::string name;
  std::string command;
  bool no_params = false;
  bool keep_existing_recovery_conf = false;
  /// Recovery settings of the first start; nullopt: none are written.
  std::optional<std::map<std::string, std::string>> recovery_conf;
  /// The other keys, in their order.
  std::vector<ToolOption> arguments;
  bool operator==(const CustomBootstrap&) const = default;
};

struct Bootstrap {
  /// A `bootstrap` section exists: this member may initialise a new cluster.
  bool present = false;
  Document dcs = Document::map();
  /// nullopt: initdb.
  std::optional<CustomBootstrap> custom;
  std::vector<ToolOption> initdb;
  std::vector<std::string> pg_hba;
  std::string post_bootstrap;
  /// `bootstrap.users` is there, which is no longer served.
  bool users_configured = false;
};

/// `standby_cluster`: whom this cluster follows (ha.md §20).
struct StandbyCluster {
  /// As libpq takes it: one host, or several with commas. Empty: an archive is all there is.
  std::string host;
  int port = 5432;
  /// As configured; empty: no slot.
  std::string primary_slot_name;
  std::string restore_command;
  std::string archive_cleanup_command;
  std::string recovery_min_apply_delay;
  bool operator==(const StandbyCluster&) const = default;
};

/// `synchronous_zones` (replication.md §21).
struct Zones {
  /// So many members in other zones than the primary's have each commit that is acknowledged.
  int min_other_zones = 0;
  /// Who leads next is preferred in the zone of the last primary, or in the first of these.
  bool prefer_same = false;
  std::vector<std::string> prefer;
  bool operator==(const Zones&) const = default;
};

/// The part of the dynamic configuration that the engine reads.
struct Dynamic {
  Timing timing;
  /// `tanist.short_lease`: `timing` may be shorter than Patroni allows.
  bool short_lease = false;
  /// As it is for all other members: what counts while one of another make is in the cluster.
  Timing usual_timing;
  std::int64_t maximum_lag_on_failover = 1048576;
  Duration primary_start_timeout = std::chrono::seconds(300);
  Duration primary_stop_timeout = Duration::zero();
  Duration primary_race_backoff = Duration::zero();
  Duration member_slots_ttl = std::chrono::seconds(1800);
  int max_timelines_history = 0;
  bool check_timeline = false;
  bool pause = false;
  bool failsafe_mode = false;
  /// off | on | quorum
  enum class SyncMode { off, on, quorum } synchronous_mode = SyncMode::off;
  bool synchronous_mode_strict = false;
  int synchronous_node_count = 1;
  /// Bytes; 0 or less: no limit.
  std::int64_t maximum_lag_on_syncnode = -1;
  Zones zones;
  /// Whether `remote` is followed, in the place of a primary of this cluster.
  bool standby_cluster = false;
  StandbyCluster remote;
  /// Those that apply to this kind of cluster, by name.
  std::vector<PermanentSlot> permanent_slots;
  std::vector<SlotMatcher> ignored_slots;
  /// `tanist.synchronized_standby_slots`
  bool standby_slots = false;
  /// `tanist.slot_wal_warning` in bytes; 0: never.
  std::int64_t slot_wal_warning_bytes = std::int64_t{10240} << 20;
  /// As stored in /config (with the adjusted timing); what patroni.dynamic.json and a rebuilt /config hold.
  Document raw = Document::map();
};

/// `/<namespace>/<scope>`, runs of slashes collapsed (dcs.md §1.1).
std::string base_path(std::string_view name_space, std::string_view scope);

/// The guardian of this member (engine.md §5).
struct Guard {
  enum class Mode { automatic, required, off } mode = Mode::automatic;
  /// Empty: the one beside the daemon's program.
  std::string command;
};

/// The `watchdog` section (ha.md §13).
struct Watchdog {
  enum class Mode { off, automatic, required } mode = Mode::automatic;
  std::string device = "/dev/watchdog";
  /// Seconds between its end and that of the lease; -1: half of ttl.
  int safety_margin = 5;
  /// `testing`: the device is a pipe.
  std::string driver = "default";
  bool operator==(const Watchdog&) const = default;
};
/// What the text of `watchdog.mode` says; nullopt: nothing that is known, which counts as off.
std::optional<Watchdog::Mode> watchdog_mode(std::string_view text);

/// Everything, effective; immutable once built.
struct Settings {
  std::string scope;
  std::string name;
  std::string name_space = "service";
  RestApi restapi;
  Ctl ctl;
  StoreOptions store;
  Log log;
  Tags tags;
  Bootstrap bootstrap;
  Postgresql postgresql;
  Dynamic dynamic;
  Guard guard;
  Watchdog watchdog;
  /// Where Tanist keeps what must outlive a restart (session, bootstrap attempt, promises, journal):
  /// `tanist.state_dir`, default `<data_dir>.tanist`.
  std::string state_dir;
  /// `tanist.silent_primary_timeout`; 0: never.
  Duration silent_primary_timeout{};
  /// `tanist.crash_hold_timeout`; 0: nobody is kept out.
  Duration crash_hold_timeout{};

  std::string base_path() const { return config::base_path(name_space, scope); }
  /// `http(s)://<connect_address>/patroni`
  std::string api_url() const;
  /// `postgres://host:port/database`
  std::string conn_url() const;
};

using SettingsPtr = std::shared_ptr<const Settings>;

}  // namespace tanist::config
