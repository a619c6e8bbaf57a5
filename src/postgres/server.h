#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "async/task.h"
#include "config/settings.h"
#include "core/history.h"
#include "postgres/slot_steps.h"
#include "postgres/types.h"

namespace tanist::postgres {

/// Why an action failed: what was attempted, on what, and what came back. One line, plus a HINT line where
/// there is one.
struct Failure {
  std::string detail;
  /// Of a rewind: the source was no primary that can be reached any more when it failed.
  bool source_lost = false;
};
using Result = std::expected<void, Failure>;

enum class StopMode { fast, immediate };

struct StartRequest {
  /// Standby: standby.signal and recovery settings are written. Primary: they are removed.
  bool as_standby = true;
  /// Upstream of a standby; nullopt: follow nobody.
  std::optional<Upstream> upstream;
  /// The role whose role-specific settings apply and that callbacks see.
  Role role = Role::replica;
  /// The first start after custom_bootstrap(): recovery as `bootstrap.<method>` says, and this host's own
  /// connections are let in whatever the restored cluster knows of its users. `as_standby` and `upstream` do
  /// not count then.
  bool custom_bootstrap = false;
  /// Asked right before the postmaster is launched, with no wait in between; false: the start fails with `not
  /// starting as primary without the lease`. Empty: allowed.
  std::function<bool()> allowed = {};
};

/// A replica to be made (postgres.md §22).
struct ReplicaRequest {
  /// nullopt: from nobody, only by methods that need no leader.
  std::optional<Upstream> source;
  /// Whatever methods are configured, this one only.
  bool basebackup_only = false;
  /// Not empty: the data directory that is there may be replaced; logged.
  std::string why_removal_allowed;
};

enum class StartOutcome { accepting, died, timed_out };

/// What is in the data directory and what runs on it, as values that no other one ever has; empty: it is not
/// there, or the file system cannot tell.
struct ClusterIdentity {
  /// The directory, whatever it is named.
  std::string directory;
  /// Its PG_VERSION: made anew by whoever makes or restores a cluster.
  std::string cluster;
  std::string postmaster;
  bool operator==(const ClusterIdentity&) const = default;
};

/// A logical slot as it is on another server.
struct SlotCopy {
  std::string name;
  /// The file in pg_replslot that is the slot.
  std::string state;
  /// Vacuum of the leader leaves what is newer.
  std::uint64_t catalog_xmin = 0;
};

/// What changed without being asked.
enum class ServerEvent {
  postmaster_died,
  receiver_ended,
  role_changed,
  started_accepting,
  /// It runs, and its answers have ended.
  stopped_answering,
  started_streaming,
  /// A standby whose acknowledgement may be waited for streams from here no more.
  walsender_ended,
  /// A clone or rewind got further; wakes nobody.
  progress,
  /// The monitor's query was answered (or not) and nothing else happened; wakes nobody.
  probed,
};

/// The local PostgreSQL as a port: the real one runs processes, the simulated one is a model. One thread.
/// Every call is bounded by its deadline and may be cancelled unless it says otherwise. Nothing here chooses:
/// ha/ does.
class Server {
 public:
  virtual ~Server() = default;

  /// First of all, and quickly: looks for what runs on the data directory, so that facts(), signal_stop(),
  /// kill_now(), wait_down() and kill_everything() speak of it. Orphans are killed. Nothing is checked and
  /// nothing written. The failure says what could not be looked at; to be tried again.
  virtual Task<Result> find(config::SettingsPtr settings) = 0;
  /// Looks for a running postmaster and adopts it, checks binaries and directories, starts the monitor (a
  /// query every second, one in flight). The failure names the setting that is wrong.
  virtual Task<Result> open(config::SettingsPtr settings) = 0;
  /// Stops watching; PostgreSQL is left as it is.
  virtual Task<void> close() = 0;
  virtual void on_event(std::function<void(ServerEvent)> listener) = 0;

  /// What is known now, without asking anybody.
  virtual const Facts& facts() const = 0;
  /// Looks at process and data directory anew, asks the server (unless an answer younger than `max_age` is
  /// there). Never fails: what could not be had is absent in the facts.
  virtual Task<void> refresh(Duration max_age, Instant deadline) = 0;
  /// Reads the control file anew into facts().
  virtual Task<void> read_control(Instant deadline) = 0;
  /// Compares the running recovery settings with those wanted for `upstream`; facts() only.
  virtual RecoveryDifference recovery_difference(const std::optional<Upstream>& upstream,
                                                 Role role) const = 0;

  /// New settings: rewrites the files and reloads where the server runs and something differs (`force`: in
  /// any case).
  virtual Task<Result> apply(config::SettingsPtr settings, Role role, bool force, Instant deadline) = 0;

  /// Which directory, cluster and server are there now. `make`: an empty directory is made where there is
  /// none.
  virtual Task<std::expected<ClusterIdentity, Failure>> identify(bool make, Instant deadline) = 0;
  /// initdb into the empty data directory, with users' password file; leaves nothing running.
  virtual Task<Result> initdb(Instant deadline) = 0;
  /// The script of `bootstrap.<method>` fills the empty data directory; from here on until
  /// end_custom_bootstrap() new settings do not reach the files of PostgreSQL.
  virtual Task<Result> custom_bootstrap(Instant deadline) = 0;
  /// After the first start, once it is a primary: superuser, replication and rewind users, post_bootstrap
  /// script.
  virtual Task<Result> post_bootstrap(Instant deadline) = 0;
  /// Ordinary settings again, recovery settings gone; true: they need a restart.
  virtual Task<std::expected<bool, Failure>> end_custom_bootstrap(Instant deadline) = 0;

  /// Writes configuration and recovery settings and launches the postmaster; returns when its pid is known
  /// (this part is shielded from cancellation). Requires facts().process == none.
  virtual Task<Result> start(StartRequest request, Instant deadline) = 0;
  /// Waits (looking every ≤ 20 ms) until connections are accepted, the postmaster is gone, or the deadline.
  virtual Task<StartOutcome> wait_started(Instant deadline) = 0;

  virtual Task<Result> checkpoint(Instant deadline) = 0;
  /// Runs `before_stop`, if configured; its exit code is only logged.
  virtual Task<void> run_before_stop(Instant deadline) = 0;
  /// Sends the signal; done also when nothing runs.
  virtual void signal_stop(StopMode mode) = 0;
  /// All client backends are gone (or the server is down): nobody can commit any more.
  virtual Task<bool> wait_no_clients(Instant deadline) = 0;
  /// The control file says "shut down" (not in recovery): returns it; nullopt when it ended otherwise or at
  /// the deadline.
  virtual Task<std::optional<ControlData>> wait_shutdown_checkpoint(Instant deadline) = 0;
  /// The last LSN a replica needs: the shutdown checkpoint, or the record before it if that is an XLOG
  /// switch.
  virtual Task<Lsn> last_lsn(ControlData control, Instant deadline) = 0;
  /// Of a primary that was stopped cleanly: the WAL file that holds its shutdown checkpoint goes to the
  /// archive (postgres.md §6). What fails is logged.
  virtual Task<void> archive_shutdown_checkpoint(Instant) { co_return; }
  /// Nothing of the server is left (orphans included).
  virtual Task<bool> wait_down(Instant deadline) = 0;
  /// SIGKILL to everything of this data directory that can commit, in the order of engine.md §5. Not
  /// cancellable; returns when it is down or at the deadline.
  virtual Task<bool> kill_everything(Instant deadline) = 0;
  /// The same without waiting, for the lease's kill_at: safe to call at any moment.
  virtual void kill_now() = 0;

  /// pre_promote script; ok when none is configured.
  virtual Task<Result> run_pre_promote(Instant deadline) = 0;
  virtual Task<Result> promote(Instant deadline) = 0;
  /// Waits (≤ 20 ms) until the server is out of recovery and writable; false: deadline or it died.
  virtual Task<bool> wait_promoted(Instant deadline) = 0;

  /// A standby that waits before it connects to its upstream again (wal_retrieve_retry_interval, 5 s) does so
  /// at once; the server is asked soon after whether it streams.
  virtual void look_for_wal() {}
  /// `synchronous_standby_names` from now on, whatever the settings say; nullopt: as they say. A server that
  /// runs reads it at once: done when a session has it. The failure names what it has instead.
  virtual Task<Result> set_standby_names(std::optional<std::string>, Role, Instant) { co_return Result(); }
  /// The same for `synchronized_standby_slots` (17 and later). The failure names what the server has instead.
  virtual Task<Result> set_standby_slots(std::optional<std::string>, Role, Instant) { co_return Result(); }
  /// Rewrites recovery settings of a running standby and reloads.
  virtual Task<Result> follow_by_reload(std::optional<Upstream> upstream, Role role, Instant deadline) = 0;

  /// Single-user crash recovery of a stopped server.
  virtual Task<Result> crash_recover(Instant deadline) = 0;
  /// Timelines and positions compared with the leader.
  virtual Task<DivergenceAnswer> compare_with(Upstream leader, Instant deadline) = 0;
  /// Before data is given up for a copy of another server: connects to that as a copy would.
  virtual Task<SourceAnswer> ask_source(Upstream source, Instant deadline) = 0;
  /// Before a rewind from a source that does not tell whether it has made the checkpoint after its promotion:
  /// makes one there, or, as a user who may not, compares its control file with its timeline (postgres.md
  /// §24).
  virtual Task<Result> checkpoint_source(Upstream, Instant) { co_return Result(); }
  /// Fails without having changed anything, or leaves facts().half_rewound.
  virtual Task<Result> rewind(Upstream source, std::function<void(Progress)> progress, Instant deadline) = 0;
  /// Makes a replica by the configured methods, the first that succeeds; one that failed or was cancelled
  /// leaves no directory that looks whole.
  virtual Task<Result> create_replica(ReplicaRequest request, std::function<void(Progress)> progress,
                                      Instant deadline) = 0;
  /// Removes the data directory with its tablespaces and linked WAL; `why` is logged. Not begun after
  /// `begin_by`: that is a failure, and nothing is removed.
  virtual Task<Result> remove_data_directory(std::string why, Instant begin_by, Instant deadline) = 0;
  /// Renames it to `<data_dir>.failed`, or the first `<data_dir>.failed.N` that is free. Only what a
  /// bootstrap of this daemon made and put there before gives way.
  virtual Task<Result> rename_data_directory(Instant deadline) = 0;

  /// Takes the steps from the slots that there are to those that are wanted; failures are logged and tried
  /// again with the next cycle. What may take long goes on in the background: logical slots are created and
  /// advanced there.
  virtual Task<void> sync_slots(SlotsWanted wanted, Instant deadline) = 0;
  /// Reads logical slots of the leader, to be copied; those that are not what is wanted are left out with a
  /// word about it. Empty: none of them is there.
  virtual Task<std::expected<std::vector<SlotCopy>, Failure>> fetch_slots(Upstream leader,
                                                                          std::vector<WantedSlot> slots,
                                                                          Instant deadline) = 0;
  /// Puts them into the data directory of a stopped standby. Requires facts().process == none.
  virtual Task<Result> write_slots(std::vector<SlotCopy> slots, Instant deadline) = 0;
  /// From the next time on that its files are written.
  virtual void force_feedback(bool on) = 0;

  /// Lines of the local history file of `timeline`; the last one with the file's time and `new_leader`.
  virtual Task<std::vector<HistoryLine>> history(Timeline timeline, std::string new_leader,
                                                 Instant deadline) = 0;

  /// Fire and forget; a new one ends the running one (postgres.md §10).
  virtual void run_callback(std::string action, Role role) = 0;
  /// Who holds the leader key, as last seen: callbacks are told.
  virtual void note_leader(const std::string&) {}
};

}  // namespace tanist::postgres
