#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/history.h"
#include "core/lsn.h"
#include "core/time.h"

/// One PostgreSQL server as values: what was seen of it, and when.
namespace tanist::postgres {

/// Member state (postgres.md §3); the order is the index of the metric.
enum class State {
  initdb,
  initdb_failed,
  custom_bootstrap,
  custom_bootstrap_failed,
  creating_replica,
  running,
  starting,
  bootstrap_starting,
  start_failed,
  restarting,
  restart_failed,
  stopping,
  stopped,
  stop_failed,
  crashed,
};
/// The string of member key and REST.
std::string_view to_string(State);

enum class Role { uninitialized, replica, primary, promoted, demoted, standby_leader };
std::string_view to_string(Role);
/// It leads, or is about to: what the word says, not what the server was seen to be.
constexpr bool is_leaderlike(Role role) {
  return role == Role::primary || role == Role::promoted;
}
/// `role_overlays` has settings of this name for a member of the role (config.md §1.3); empty: of none.
std::string_view overlay_name(Role role);

/// `none`: postmaster gone and no process of the data directory left ("down"). `orphans`: the postmaster is
/// gone, but backends of it can still commit (engine: PostgreSQL is down when nothing of it is left).
enum class Process { none, running, orphans };

enum class DataDirectory { ok, empty, foreign, unreadable };

enum class Accepting { unknown, no_response, rejecting, accepting };

/// pg_controldata, the part that is used.
struct ControlData {
  Instant seen_at{};
  std::string
      cluster_state;  // "in production", "shut down", "shut down in recovery", "in archive recovery", …
  std::string system_identifier;
  Lsn latest_checkpoint;
  Timeline checkpoint_timeline;
  Lsn min_recovery_end;
  Timeline min_recovery_timeline;
  bool wal_log_hints = false;
  bool data_checksums = false;
  std::uint64_t wal_segment_bytes = 16u << 20;
  /// max_connections, max_wal_senders, … as the control file requires them of a standby.
  std::map<std::string, std::int64_t> required_settings;
};

struct SlotSeen {
  std::string name;
  bool logical = false;
  bool active = false;
  Lsn restart_lsn;
  Lsn confirmed_flush_lsn;
  std::string database;
  std::string plugin;
  std::string wal_status;
  /// The oldest transactions whose rows, or rows of the catalog, vacuum leaves because of it; 0: none.
  std::uint64_t xmin = 0;
  std::uint64_t catalog_xmin = 0;
  /// Made to be synchronized by the servers themselves, and made by that (17 and later).
  bool failover = false;
  bool synced = false;
  /// It ends with the session that made it.
  bool temporary = false;
};

/// A slot that holds back more WAL than it should, or whose consumer is about to lose what it needs.
struct SlotRisk {
  /// The graver the later. `limit`: more than tanist.slot_wal_warning. `disk`: more than is free where WAL
  /// is written. `losing`: max_slot_wal_keep_size is about to take WAL away that its consumer needs.
  /// `lost`: that has happened.
  enum class Kind { limit, disk, losing, lost };

  std::string name;
  Kind kind = Kind::limit;
  /// From where it needs WAL to the end of it.
  std::int64_t retained_bytes = 0;
  /// What that is compared with; 0: nothing, what its consumer needs is gone.
  std::int64_t limit_bytes = 0;
  /// Somebody reads from it.
  bool active = false;
  bool operator==(const SlotRisk&) const = default;
};

struct WalSenderSeen {
  int pid = 0;
  std::string usename;
  std::string application_name;
  std::optional<std::string> client_addr;
  std::string state;
  std::string sync_state;
  int sync_priority = 0;
  Lsn write_lsn;
  Lsn flush_lsn;
  Lsn replay_lsn;
  /// How long ago what was replayed last had been flushed here; nullopt: nothing was written lately, or this
  /// server is older than 10.
  std::optional<Duration> replay_lag;
};

/// How WAL has come to its timeline: every switch before it, the oldest first; none for timeline 1.
struct TimelineHistory {
  Timeline timeline;
  std::vector<HistoryLine> lines;
};

/// One answer of the monitoring query (postgres.md §19).
struct Probe {
  /// When the query was sent.
  Instant asked_at{};
  std::string postmaster_start_time;  // "2031-03-04 05:06:07.891234+00:00"
  int server_version = 0;
  bool in_recovery = false;
  /// 0 in recovery.
  Timeline timeline;
  /// Flush position of a primary; 0 in recovery.
  Lsn wal;
  Lsn replay;
  /// max(last received, written by the WAL receiver).
  Lsn receive;
  bool replay_paused = false;
  std::optional<std::string> replayed_timestamp;
  Timeline received_timeline;
  Lsn latest_end;
  std::string receiver_state;
  std::string receiver_slot;
  std::string receiver_conninfo;
  int receiver_pid = 0;
  std::string restore_command;
  /// synchronous_standby_names and synchronous_commit, as a session has them.
  std::string standby_names;
  std::string synchronous_commit;
  /// synchronized_standby_slots; empty: none, or older than 17.
  std::string standby_slots;
  /// What the checkpointer waits for, where there are names; empty: it is busy, or this server is older than
  /// 10.
  std::string checkpointer_wait;
  std::vector<SlotSeen> slots;
  /// Temporary ones, and those that the server copies from its primary by itself: nobody's business but for
  /// what they hold.
  std::vector<SlotSeen> other_slots;
  /// How much WAL slots may hold back by max_slot_wal_keep_size and wal_keep_size, in bytes; below 0: any
  /// amount, or older than 13.
  std::int64_t slot_wal_keep_bytes = -1;
  std::vector<WalSenderSeen> wal_senders;
  /// A standby's timeline by IDENTIFY_SYSTEM or the receiver; the primary's own; 0 when unknown.
  Timeline effective_timeline;

  /// Published position: flush of a primary, max(receive, replay) of a standby.
  Lsn position() const { return in_recovery ? std::max(receive, replay) : wal; }
  /// `streaming`, `in archive recovery` or empty (standby only).
  std::string replication_state() const;
};

/// Whom to stream from. Empty name and host: nobody.
struct Upstream {
  std::string member;
  /// One, or several with commas, of which the primary is looked for. Of a remote one empty: an archive is
  /// all there is.
  std::string host;
  int port = 5432;
  /// primary_slot_name on the upstream; empty: none.
  std::string slot;
  /// The other cluster that this standby cluster follows, and no member of this one.
  bool remote = false;
  bool operator==(const Upstream&) const = default;
};

/// A slot that must exist, and where it is known to be needed from (0: unknown).
struct WantedSlot {
  std::string name;
  Lsn advance_to = {};
  /// Somebody is expected to stream from it here; false: kept for its position only.
  bool expected_active = true;
  /// Of a logical slot; both empty: a physical one.
  std::string database = {};
  std::string plugin = {};
  bool logical() const { return !plugin.empty(); }
  bool operator==(const WantedSlot&) const = default;
};

/// Clone or rewind progress, for log, status and list.
struct Progress {
  std::int64_t done_bytes = 0;
  std::int64_t total_bytes = 0;  // 0: not known yet
  /// Of the last seconds; 0: not known yet.
  std::int64_t bytes_per_second = 0;
  /// What the rest takes at that rate.
  std::optional<std::int64_t> seconds_left;
};

/// How the running recovery settings differ from wanted ones.
enum class RecoveryDifference { none, reload, restart };

/// Whether this server's WAL has left the leader's (postgres.md §24).
enum class Divergence { unknown, none, diverged };
struct DivergenceAnswer {
  Divergence verdict = Divergence::unknown;
  std::string detail;
  Timeline local_timeline;
  Lsn local_lsn;
  Timeline leader_timeline;
  /// The switches by which the local WAL came to its timeline; nullopt: not known.
  std::optional<std::vector<HistoryLine>> local_way = std::nullopt;
  /// Diverged on one timeline number (two promotions to it): pg_rewind would find nothing to do.
  bool beyond_rewind = false;
};

/// Whether a server can be copied from.
struct SourceAnswer {
  std::string member;
  /// Of the server that let the replication user in; empty: none did, `detail` says why.
  std::string system_identifier;
  std::string detail;
  /// By the clock of who asked.
  Instant asked_at{};
};

/// pending_restart_reason: values in human units.
struct PendingRestart {
  std::string old_value;
  std::string new_value;
  bool operator==(const PendingRestart&) const = default;
};

/// Everything known of the server at one moment. Facts only: role and state words of the member are kept by
/// ha/.
/// Of the file system that a directory is on.
struct DiskSpace {
  /// What whoever is not root may still write.
  std::int64_t free_bytes = 0;
  std::int64_t size_bytes = 0;
};

struct Facts {
  Process process = Process::none;
  int postmaster_pid = 0;
  /// When the postmaster that runs was started (by us) or first seen.
  Instant process_since{};
  DataDirectory data_directory = DataDirectory::ok;
  std::string data_directory_error;
  /// Of the data directory, when it was looked at last; nullopt: not known. For people: no decision sees it.
  std::optional<DiskSpace> disk;
  /// The same of where WAL is written, which may be elsewhere.
  std::optional<DiskSpace> wal_disk;
  /// 150004; 0 unknown.
  int major_version = 0;
  Accepting accepting = Accepting::unknown;
  /// The last answer of the monitoring query of the postmaster that runs now; nullopt: none yet.
  std::optional<Probe> probe;
  /// Of the timeline that the running postmaster was last seen on; nullopt: its history file is not there, or
  /// cannot be read.
  std::optional<TimelineHistory> history;
  /// Since when queries fail although the process lives; nullopt: the last one was answered.
  std::optional<Instant> failing_since;
  std::string failing_why;
  /// Since when new connections get no answer at all although the postmaster lives: it hangs, or its host
  /// does.
  std::optional<Instant> silent_since;
  /// Read while the server is stopped, or when asked for.
  std::optional<ControlData> control;
  /// Why the control file could not be read when that was tried last; empty: it could.
  std::string control_error;
  bool standby_signal = false;
  bool backup_label = false;
  /// pg_rewind began on this data directory and did not end well: nothing may start on it but another
  /// pg_rewind.
  bool half_rewound = false;
  /// `pg_rewind --help` ended well. Also true where nobody asked for pg_rewind.
  bool rewind_works = true;
  std::string system_identifier;
  std::map<std::string, PendingRestart> pending_restart;
  /// Where clients reach what runs, while a newer address waits for a restart; empty: what the settings say.
  std::string conn_url;
  /// The role whose settings the files of the running server hold (config.md §1.3); nullopt: nobody has
  /// written them.
  std::optional<Role> settings_role;
  /// The files of the running server are not what was asked for: it was found running and nothing was written
  /// yet, or new settings could not be written. To be applied again.
  bool settings_stale = false;

  /// synchronous_standby_names as set_standby_names() was given it; nullopt: the user's own counts.
  std::optional<std::string> own_standby_names;
  /// synchronized_standby_slots as set_standby_slots() was given it; nullopt: the user's own counts.
  std::optional<std::string> own_standby_slots;
  /// Logical slots of this standby that a failover may not rely on yet: the primary may have vacuumed rows of
  /// its catalog that they need (replication.md §9).
  std::vector<std::string> unready_slots;
  /// Those whose WAL is gone, or that are invalid: only a new copy of them is of use.
  std::vector<std::string> broken_slots;
  /// The gravest first. For people: no decision sees it.
  std::vector<SlotRisk> slots_at_risk;
  /// hot_standby_feedback is on whatever is configured.
  bool feedback_forced = false;

  /// A primary that recovered from a crash lets nobody in but its superuser and its standbys yet
  /// (admission.h).
  bool clients_held = false;

  /// It was told to stop: it accepts no new clients, and ends those that are there.
  bool stopping = false;

  bool running() const { return process == Process::running; }
  /// It runs and refuses connections: it starts, stops, or recovers from the crash of a backend. What is kept
  /// of an earlier answer says nothing then.
  bool refuses() const { return running() && accepting == Accepting::rejecting && (!probe || failing_since); }
  bool accepts() const { return running() && accepting == Accepting::accepting; }
};

}  // namespace tanist::postgres
