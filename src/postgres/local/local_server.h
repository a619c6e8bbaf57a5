#pragma once

#include <memory>
#include <set>

#include "async/disk_thread.h"
#include "async/event.h"
#include "async/task_scope.h"
#include "net/resolver.h"
#include "postgres/client/connection.h"
#include "postgres/client/conninfo.h"
#include "postgres/copies/divergence.h"
#include "postgres/files/clone_place.h"
#include "postgres/files/data_directory.h"
#include "postgres/files/version_names.h"
#include "postgres/files/wal_files.h"
#include "postgres/local/context.h"
#include "postgres/local/control_file.h"
#include "postgres/local/directory.h"
#include "postgres/local/postmaster.h"
#include "postgres/local/programs.h"
#include "postgres/local/scripts.h"
#include "postgres/local/secret_files.h"
#include "postgres/local/work_connection.h"
#include "postgres/parameters/changes.h"
#include "postgres/parameters/parameters.h"
#include "postgres/parameters/recovery.h"
#include "postgres/server.h"
#include "process/child.h"
#include "process/data_directory_processes.h"
#include "process/proc.h"

namespace tanist::postgres {

/// The real PostgreSQL of this host. One thread; lives until close() has returned.
/// postmaster.cc: finding, starting, watching it; monitor.cc: the query each second; start.cc and apply.cc:
/// files and settings; stop.cc, promote.cc, compare.cc, archive.cc, single_user.cc, rewind.cc, clone.cc,
/// replica_methods.cc, bootstrap.cc, custom_bootstrap.cc, slots.cc: the actions of those names.
class LocalServer final : public Server {
 public:
  LocalServer(Executor executor, Clock& clock, DiskThread& disk);
  ~LocalServer() override;

  Task<Result> find(config::SettingsPtr settings) override;
  Task<Result> open(config::SettingsPtr settings) override;
  Task<void> close() override;
  void on_event(std::function<void(ServerEvent)> listener) override;
  const Facts& facts() const override { return facts_; }
  Task<void> refresh(Duration max_age, Instant deadline) override;
  Task<void> read_control(Instant deadline) override { return control_file_.read(deadline); }
  RecoveryDifference recovery_difference(const std::optional<Upstream>& upstream, Role role) const override;
  Task<Result> apply(config::SettingsPtr settings, Role role, bool force, Instant deadline) override;
  Task<std::expected<ClusterIdentity, Failure>> identify(bool make, Instant deadline) override;
  Task<Result> initdb(Instant deadline) override;
  Task<Result> custom_bootstrap(Instant deadline) override;
  Task<Result> post_bootstrap(Instant deadline) override;
  Task<std::expected<bool, Failure>> end_custom_bootstrap(Instant deadline) override;
  Task<Result> start(StartRequest request, Instant deadline) override;
  Task<StartOutcome> wait_started(Instant deadline) override;
  Task<Result> checkpoint(Instant deadline) override { return work_.checkpoint(deadline); }
  Task<void> run_before_stop(Instant deadline) override { return scripts_.run_before_stop(deadline); }
  void signal_stop(StopMode mode) override { postmaster_.signal_stop(mode); }
  Task<bool> wait_no_clients(Instant deadline) override { return postmaster_.wait_no_clients(deadline); }
  Task<std::optional<ControlData>> wait_shutdown_checkpoint(Instant deadline) override {
    return control_file_.wait_shutdown_checkpoint(deadline);
  }
  Task<Lsn> last_lsn(ControlData control, Instant deadline) override {
    return control_file_.last_lsn(std::move(control), deadline);
  }
  Task<bool> wait_down(Instant deadline) override { return postmaster_.wait_down(deadline); }
  Task<bool> kill_everything(Instant deadline) override { return postmaster_.kill_everything(deadline); }
  void kill_now() override { postmaster_.kill_now(); }
  Task<Result> run_pre_promote(Instant deadline) override { return scripts_.run_pre_promote(deadline); }
  Task<Result> promote(Instant deadline) override;
  Task<bool> wait_promoted(Instant deadline) override;
  void look_for_wal() override;
  Task<Result> follow_by_reload(std::optional<Upstream> upstream, Role role, Instant deadline) override;
  Task<Result> crash_recover(Instant deadline) override;
  Task<DivergenceAnswer> compare_with(Upstream leader, Instant deadline) override;
  Task<Result> checkpoint_source(Upstream source, Instant deadline) override;
  Task<Result> rewind(Upstream source, std::function<void(Progress)> progress, Instant deadline) override;
  Task<Result> create_replica(ReplicaRequest request, std::function<void(Progress)> progress,
                              Instant deadline) override;
  Task<Result> remove_data_directory(std::string why, Instant deadline) override;
  Task<Result> rename_data_directory(Instant deadline) override;
  Task<void> sync_slots(std::vector<WantedSlot> wanted, bool drop_unknown, Instant deadline) override;
  Task<std::vector<HistoryLine>> history(Timeline timeline, std::string new_leader,
                                         Instant deadline) override;
  void run_callback(std::string action, Role role) override {
    scripts_.run_callback(std::move(action), role);
  }
  void note_leader(const std::string& name) override { scripts_.note_leader(name); }

 private:
  Task<Result> forget_rewind(Instant deadline);
  /// There while pg_rewind works on the data directory, and after it failed.
  std::string half_rewound_path() const { return context_.settings->state_dir + "/rewinding"; }
  // monitor.cc
  Task<void> monitor();
  Task<bool> is_known_to_refuse();
  Task<void> knock();
  Task<void> probe_once();
  Task<std::expected<Probe, QueryError>> ask(Instant deadline);
  Task<void> read_running_settings(Instant deadline);
  Task<void> identify_timeline(Probe& probe, Instant deadline);
  void take_probe(Probe probe);
  void take_probe_failure(const QueryError& error);
  Task<void> watch_receiver(int pid);
  Task<void> wake_startup_process(std::uint64_t generation);
  Task<void> back_up_files();
  Task<void> resume_replay();

  // start.cc: files
  struct FilesWritten {
    bool changed = false;
  };
  Task<std::expected<FilesWritten, std::string>> write_files(Parameters parameters, Instant deadline);
  Task<Result> write_recovery_files(bool as_standby, Instant deadline);
  /// The role's part of the settings comes into force.
  void take_settings(config::SettingsPtr settings, Role role);
  void note_address(int port);
  Task<void> load_known_parameters(Instant deadline);
  Parameters valid_parameters();
  // apply.cc
  void set_recovery(const std::optional<Upstream>& upstream);
  Task<Result> reload(Role role, bool callback, Instant deadline);
  Task<void> wait_reloaded(std::string before, Instant deadline);
  Task<void> read_pending_restart(Rows rows, Instant deadline);
  void note_raised();
  Task<Result> apply_to_running(Role role, bool force, Instant deadline);
  Task<void> load_adopted_parameters(Instant deadline);
  Task<void> tell_refused_lines(Instant deadline);
  Task<ParameterChanges> compare_with_running(Parameters& wanted, Instant deadline);
  void take_recovery_files(const DataDirectorySeen& seen);
  void take_arrival(Postmaster::Arrival arrival);
  void forget_answers();

  std::string clone_marker() const { return context_.settings->state_dir + "/clone"; }
  // promote.cc
  /// Takes away a trigger that may still be created: a standby promotes when it finds one later.
  void withdraw_promotion();
  Task<void> remove_promote_trigger(std::uint64_t given_up);
  Task<bool> look_for_promotion(Instant deadline);

  // compare.cc
  /// What the leader says of its own WAL.
  struct LeaderWal {
    Timeline timeline;
    Lsn flushed;
    /// Empty where the local timeline is newer: it does not count then.
    std::vector<HistoryLine> history;
  };
  Task<std::expected<WalEnd, std::string>> local_end(Instant deadline);
  Task<std::expected<LeaderWal, std::string>> ask_leader(Upstream leader, Timeline local, Instant deadline);
  Task<std::optional<std::vector<HistoryLine>>> local_history(Timeline timeline, Instant deadline);
  /// Whether the local timeline begins with another record than the leader's of that number.
  Task<bool> began_differently(Upstream leader, WalEnd local, Lsn begin, Instant deadline);
  /// nullopt: it is a primary; else why it is not, or could not be asked.
  Task<std::optional<std::string>> why_not_writable(Upstream leader, Instant deadline);
  Task<std::expected<void, QueryError>> connect_to_source(Connection* connection, Upstream source,
                                                          Instant deadline);

  // archive.cc
  Task<void> archive_ready_wal(Instant deadline);
  Task<Result> fetch_wal(std::string restore_command, std::string name, Instant deadline);
  Task<std::expected<void, std::string>> run_wal_command(std::string command, WalFile file, Instant deadline);

  // rewind.cc
  Task<void> check_rewind_works(Instant deadline);
  /// A socket in the data directory of the source, which pg_rewind cannot copy; nullopt: none is known of.
  Task<std::optional<std::string>> socket_at_source(Upstream source, Instant deadline);
  /// The files name the configured restore_command, so that pg_rewind finds it there.
  Task<bool> offer_restore_command(Instant deadline);
  /// With `restore_command`: fetches WAL that pg_rewind misses and runs it again.
  Task<std::expected<process::Finished, std::string>> run_rewind(std::vector<std::string> argv,
                                                                 process::Environment environment,
                                                                 std::string restore_command,
                                                                 std::function<void(Progress)> progress,
                                                                 Instant deadline);
  /// Nothing may start on the data directory until pg_rewind has ended well, or without a change.
  Task<std::expected<void, std::string>> note_rewind(bool under_way, Instant deadline);

  // bootstrap.cc
  Task<Result> make_role(Connection& connection, config::Credentials credentials, std::string attributes,
                         Instant deadline);
  Task<Result> make_superuser(Connection& connection, Instant deadline);
  Task<Result> make_other_roles(Connection& connection, Instant deadline);
  Task<Result> run_post_bootstrap_script(Instant deadline);
  Task<Result> append_bootstrap_hba(Instant deadline);
  /// pg_hba.conf is the one in our place, not a file of the user.
  bool has_own_hba() const;

  // custom_bootstrap.cc
  /// The parameters of the first start after a custom bootstrap; sets the recovery settings and who is let
  /// in.
  Task<Parameters> first_start_parameters(Parameters parameters, Instant deadline);
  Task<Result> write_first_recovery_files(Instant deadline);
  Task<std::vector<std::string>> trust_lines(Instant deadline);
  bool keeps_recovery_conf() const;

  // clone.cc: the data directory around an attempt
  Task<std::expected<ClonePlace, Failure>> prepare_attempt(ClonePlan plan, Instant deadline);
  /// Runs `body`, which builds in `place`. A whole clone takes its place; what else is there goes, unless it
  /// is kept.
  Task<Result> attempt_clone(ClonePlace place, bool keep_data, Task<Result> body, Instant deadline);
  /// A replica is there: configuration files, trigger file, control file.
  Task<void> welcome_clone(Instant deadline);
  Task<void> note_what_is_made();
  Task<void> end_attempt(std::optional<ClonePlace> place, std::uint64_t attempt);
  Task<void> tell_removal();
  /// `failed_bootstrap`: it may give way to a later one.
  Task<Result> put_aside(bool failed_bootstrap, Instant deadline);
  /// Kills what runs on for this data directory without anybody waiting for it.
  Task<Result> end_left_tools(Instant deadline);
  /// Ends what an earlier daemon was in the middle of: its tools, and a clone that is not whole.
  Task<Result> clear_left_work(Instant deadline);
  std::function<void(Progress)> report_progress(std::string what, std::function<void(Progress)> progress);

  // replica_methods.cc: the methods themselves
  Task<Result> base_backup(ReplicaRequest request, std::function<void(Progress)> progress, Instant deadline);
  Task<Result> run_basebackup(ClonePlace place, Upstream source, std::function<void(Progress)> progress,
                              Instant deadline);
  Task<Result> custom_method(std::string name, ReplicaRequest request, Instant deadline);
  Task<Result> run_custom_method(std::string name, config::ReplicaMethod method,
                                 std::optional<Upstream> source, Instant deadline);

  Context context_;
  Clock& clock_ = context_.clock;
  Facts& facts_ = context_.facts;
  Programs programs_{context_};
  WorkConnection work_{context_};
  ControlFile control_file_{context_, programs_};
  Scripts scripts_{context_, programs_};
  Directory directory_{context_};
  Postmaster postmaster_{context_, programs_, directory_};

  /// A start that takes longer is a recovery: it is not asked by a connection each time.
  static constexpr Duration kHurry = std::chrono::seconds(5);
  // Monitor.
  Connection monitor_connection_{clock_, *context_.resolver};
  Connection timeline_connection_{clock_, *context_.resolver};
  Event probe_wanted_;
  Instant probe_begun_{};
  std::uint64_t probes_finished_ = 0;
  /// The postmaster that was asked because its pid file said that it is ready.
  std::uint64_t asked_ready_ = 0;
  int hurried_ = 0;
  Instant identify_again_{};
  std::optional<Instant> failure_told_;
  Instant knocked_at_{};
  bool knock_failed_ = false;
  bool knocking_ = false;
  int receiver_watched_ = 0;
  /// As found out last: whom look_for_wal() wakes.
  std::optional<process::Identity> startup_;
  bool waking_ = false;
  TaskHandle receiver_watch_;
  /// pg_conf_load_time() as last seen, and when settings were read last.
  std::string conf_load_time_;
  std::string settings_read_for_;

  // Configuration as written and as it runs.
  Role role_ = Role::uninitialized;
  config::SettingsPtr configured_;
  /// What `postgres --describe-config` told, and of which binary.
  std::optional<OtherParameters> other_parameters_;
  std::string others_of_;
  Parameters written_parameters_;
  std::string started_url_;
  /// Waiting for a restart because of a change that was told.
  std::map<std::string, PendingRestart> expected_restart_;
  Instant replay_looked_at_{};
  std::optional<std::string> recovery_conf_seen_;
  bool recovery_active_ = false;
  RecoverySettings recovery_;
  RunningRecovery running_recovery_;
  /// Raised above the configured value because a standby needs it: name → configured value.
  Parameters raised_;
  /// The pg_rewind that was found to work.
  std::string rewind_checked_;
  /// The pg_rewind that runs has begun to change the data directory.
  bool rewind_touched_ = false;

  /// Grows with each promotion that is asked for.
  std::uint64_t promotions_ = 0;

  // Making data directories.
  /// What is in the data directory was begun by this daemon, in an empty one.
  bool bootstrap_begun_ = false;
  /// From the script of `bootstrap.<method>` until its cluster is an ordinary one.
  bool custom_bootstrapping_ = false;
  /// pg_hba.conf meanwhile.
  std::vector<std::string> trust_hba_;
  std::uint64_t clone_attempt_ = 0;
};

}  // namespace tanist::postgres
