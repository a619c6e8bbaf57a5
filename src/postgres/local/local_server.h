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
#include "postgres/local/callbacks.h"
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
  Task<void> read_control(Instant deadline) override;
  RecoveryDifference recovery_difference(const std::optional<Upstream>& upstream, Role role) const override;
  Task<Result> apply(config::SettingsPtr settings, Role role, bool force, Instant deadline) override;
  Task<std::expected<ClusterIdentity, Failure>> identify(bool make, Instant deadline) override;
  Task<Result> initdb(Instant deadline) override;
  Task<Result> custom_bootstrap(Instant deadline) override;
  Task<Result> post_bootstrap(Instant deadline) override;
  Task<std::expected<bool, Failure>> end_custom_bootstrap(Instant deadline) override;
  Task<Result> start(StartRequest request, Instant deadline) override;
  Task<StartOutcome> wait_started(Instant deadline) override;
  Task<Result> checkpoint(Instant deadline) override;
  Task<void> run_before_stop(Instant deadline) override;
  void signal_stop(StopMode mode) override;
  Task<bool> wait_no_clients(Instant deadline) override;
  Task<std::optional<ControlData>> wait_shutdown_checkpoint(Instant deadline) override;
  Task<Lsn> last_lsn(ControlData control, Instant deadline) override;
  Task<bool> wait_down(Instant deadline) override;
  Task<bool> kill_everything(Instant deadline) override;
  void kill_now() override;
  Task<Result> run_pre_promote(Instant deadline) override;
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
  void run_callback(std::string action, Role role) override;
  void note_leader(const std::string& name) override { leader_ = name; }

 private:
  Task<Result> forget_rewind(Instant deadline);
  /// There while pg_rewind works on the data directory, and after it failed.
  std::string half_rewound_path() const { return settings_->state_dir + "/rewinding"; }
  /// The postmaster that runs.
  struct Postmaster {
    process::PidFd pidfd;
    process::Identity identity;
    /// Set when this daemon started it: then it is reaped here.
    std::optional<process::Child> child;
    /// Its children as last seen, and those of them that have told what they are.
    std::set<process::Identity> children;
    std::set<process::Identity> titled;
  };

  // postmaster.cc
  Task<void> look(Instant deadline);
  Task<Result> find_without_pid_file();
  Task<std::expected<DataDirectorySeen, std::string>> look_once(DiskThread& disk, Instant deadline);
  void take_look(DataDirectorySeen seen);
  void adopt_from(const DataDirectorySeen& seen);
  void adopt(process::PidFd pidfd, std::optional<process::Child> child);
  Task<void> watch_postmaster(std::uint64_t generation);
  Task<void> clear_orphans();
  void postmaster_ended();
  void note_children();
  /// With `ours`: also what tools that this daemon runs have started. Without the logger, where that is
  /// known.
  std::set<process::Identity> processes_of_data_directory(bool ours) const;
  std::set<process::Identity> remaining() const;
  bool is_work_of_a_tool(const process::Identity& found) const;
  bool is_logger(const process::Identity& found) const { return logger_ == found; }
  Task<void> read_titles(std::vector<process::Identity> unread, std::uint64_t generation);
  /// Of each, in their order. Not on this thread: see logger_. The error: they could not be read in time.
  Task<std::expected<std::vector<std::string>, std::string>> titles_of(std::vector<process::Identity> ones);
  /// Fails when what is left in the data directory cannot be told.
  Task<Result> find_left_processes();
  using TitleKind = bool (*)(std::string_view);
  /// Children of the postmaster with such a title. Read beside this thread: see logger_. Empty when it could
  /// not be had, or when another postmaster runs by then.
  Task<std::vector<process::Identity>> children_titled(TitleKind wanted, std::uint64_t generation);
  void changed(std::optional<ServerEvent> event = std::nullopt);
  /// A background task, unless close() was called.
  TaskHandle spawn(std::string name, Task<void> task);
  Task<Result> launch(std::vector<std::string> argv, process::Environment environment);
  /// Waits for the next change of the facts, at most `step`; false at the deadline.
  Task<bool> wait_change(Duration step, Instant deadline);

  // monitor.cc
  Task<void> monitor();
  Task<bool> is_known_to_refuse();
  Task<void> knock();
  bool postmaster_rests() const;
  Task<void> probe_once();
  Task<std::expected<Probe, QueryError>> ask(Instant deadline);
  Task<void> read_running_settings(Instant deadline);
  Task<void> identify_timeline(Probe& probe, Instant deadline);
  void take_probe(Probe probe);
  void take_probe_failure(const QueryError& error);
  Task<void> watch_receiver(int pid);
  Task<void> wake_startup_process(std::uint64_t generation);
  Task<void> back_up_files();
  ConnectionParameters superuser_parameters(const std::string& session, std::string statement_timeout) const;
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
  std::string config_directory() const { return pg().config_dir.empty() ? pg().data_dir : pg().config_dir; }
  Task<void> load_known_parameters(Instant deadline);
  Parameters valid_parameters();
  /// With the minor version, where that is known.
  int exact_version() const;
  unsigned file_mode(const std::string& path) const;
  std::string main_file() const;
  int target_version() const;

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

  // tools.cc: programs and small helpers
  /// In the environment of all that this daemon runs for this data directory; its value is the state
  /// directory.
  static constexpr const char* kWorksFor = "TANIST_WORKS_FOR";
  std::string tool(const std::string& name) const;
  process::Environment script_environment() const;
  /// The same in English, for output that is read.
  process::Environment tool_environment() const;
  Task<std::expected<process::Finished, std::string>> run_tool(std::vector<std::string> argv,
                                                               process::Environment environment,
                                                               Instant deadline, process::LineSink sink = {});
  /// Runs `op` while the files with secrets exist (those that are not empty); they are removed in any case.
  template <class T>
  Task<std::expected<T, std::string>> holding_secrets(std::string purpose, SecretFiles secrets, Task<T> op,
                                                      Instant deadline);
  /// Tells libpq where they are.
  void name_secrets(process::Environment& environment, const std::string& purpose,
                    const SecretFiles& secrets) const;
  std::string pgpass_for(const std::string& purpose) const {
    return settings_->state_dir + "/pgpass." + purpose;
  }
  std::string service_file_for(const std::string& purpose) const {
    return settings_->state_dir + "/pgservice." + purpose;
  }
  /// For a program that only tells something: it is not waited for after the deadline, and killed.
  Task<std::expected<process::Finished, std::string>> ask_tool(std::vector<std::string> argv,
                                                               process::Environment environment,
                                                               Instant deadline);
  Task<Result> run_script(std::string what, std::string command, std::vector<std::string> arguments,
                          process::Environment environment, Instant deadline);
  /// The same for one that makes a data directory: its output is logged (its first lines) and told in the
  /// failure.
  Task<Result> run_long_script(std::string what, std::string command, std::vector<std::string> arguments,
                               process::Environment environment, Instant deadline);
  /// For a script whose failure is only told.
  Task<void> log_script(std::string what, std::string command, Instant deadline);
  Task<std::string> parameter_from_files(std::string name, Instant deadline);
  /// Runs work on the disk thread whose own result is an error text.
  Task<Result> on_disk(std::string what, std::function<std::expected<void, std::string>()> work,
                       Instant deadline);
  /// The same for work that may take minutes, on a thread of its own.
  Task<Result> on_long_disk(std::string what, std::function<std::expected<void, std::string>()> work,
                            Instant deadline);
  /// A connection for work besides the monitor's; kept for the next one.
  Task<std::expected<Rows, QueryError>> work_query(std::string sql, std::vector<std::string> parameters,
                                                   Instant deadline);
  Task<Result> check_binaries(Instant deadline);
  std::string wal_path() const { return pg().data_dir + "/" + wal_directory(target_version()); }
  std::string clone_marker() const { return settings_->state_dir + "/clone"; }
  const config::Postgresql& pg() const { return settings_->postgresql; }
  bool stopped() const { return facts_.process == Process::none; }

  /// While it lives the data directory is in pieces: nobody looks into it.
  struct Rebuilding {
    int& count;
    explicit Rebuilding(int& c) : count(c) { ++count; }
    ~Rebuilding() { --count; }
    Rebuilding(const Rebuilding&) = delete;
    Rebuilding& operator=(const Rebuilding&) = delete;
  };

  // promote.cc
  /// Takes away a trigger that may still be created: a standby promotes when it finds one later.
  void withdraw_promotion();
  Task<void> remove_promote_trigger(std::uint64_t given_up);
  Task<bool> look_for_promotion(Instant deadline);

  // stop.cc
  Task<void> end_other_senders(std::uint64_t generation);
  Task<void> kill_until_down(Instant deadline);
  Task<bool> has_clients(std::set<process::Identity>& others, Instant deadline);

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
  Task<Lsn> end_of_checkpoint(ControlData control, Instant deadline);
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

  Executor executor_;
  Clock& clock_;
  DiskThread& disk_;
  DiskThread long_disk_;
  net::Resolver resolver_;
  TaskScope scope_;
  Callbacks callbacks_;
  /// As for the role: settings_for(configured_, role_).
  config::SettingsPtr settings_;
  std::function<void(ServerEvent)> listener_;
  Facts facts_;
  Event changed_;
  bool closing_ = false;

  // Processes.
  std::optional<Postmaster> postmaster_;
  std::set<process::Identity> orphans_;
  /// The logging collector, of the last postmaster too. Found out early: a title lies in the memory of its
  /// process, and reading that of one that hangs in the kernel may never end.
  std::optional<process::Identity> logger_;
  bool reading_titles_ = false;
  /// Grows with each postmaster that comes or goes: what was asked of an earlier one does not count.
  std::uint64_t generation_ = 0;
  /// A start that takes longer is a recovery: it is not asked by a connection each time.
  static constexpr Duration kHurry = std::chrono::seconds(5);
  process::WorkPlace place_;
  /// Actions under way that change the data directory without a postmaster.
  int rebuilding_ = 0;
  bool stop_requested_ = false;
  DataDirectorySeen seen_;
  Instant looked_at_{};

  // Monitor.
  Connection monitor_connection_;
  Connection timeline_connection_;
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

  // Work.
  Connection work_connection_;
  bool work_busy_ = false;
  Event work_free_;

  // Configuration as written and as it runs.
  Role role_ = Role::uninitialized;
  config::SettingsPtr configured_;
  /// What `postgres --describe-config` told, and of which binary.
  std::optional<OtherParameters> other_parameters_;
  std::string others_of_;
  Parameters written_parameters_;
  /// Where what runs listens, and the connection string that was published for it.
  LocalAddress address_;
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
  int binary_version_ = 0;
  /// What `postgres --version` says.
  std::string binary_text_;
  /// The pg_rewind that was found to work.
  std::string rewind_checked_;
  /// The pg_rewind that runs has begun to change the data directory.
  bool rewind_touched_ = false;

  /// Grows with each promotion that is asked for.
  std::uint64_t promotions_ = 0;

  // Callbacks.
  std::string leader_;

  // Making data directories.
  /// What is in the data directory was begun by this daemon, in an empty one.
  bool bootstrap_begun_ = false;
  /// From the script of `bootstrap.<method>` until its cluster is an ordinary one.
  bool custom_bootstrapping_ = false;
  /// pg_hba.conf meanwhile.
  std::vector<std::string> trust_hba_;
  /// From the begin of a clone until it is finished, or what it left is gone: what is in the data directory
  /// is no server, however whole it looks.
  bool unfinished_clone_ = false;
  std::uint64_t clone_attempt_ = 0;
};

}  // namespace tanist::postgres
