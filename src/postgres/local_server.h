#pragma once

#include <memory>
#include <set>

#include "core/disk_thread.h"
#include "core/event.h"
#include "core/task_scope.h"
#include "net/resolver.h"
#include "postgres/callbacks.h"
#include "postgres/connection.h"
#include "postgres/data_directory.h"
#include "postgres/parameters.h"
#include "postgres/recovery.h"
#include "postgres/server.h"
#include "process/child.h"
#include "process/proc.h"

namespace tanist::postgres {

/// The real PostgreSQL of this host. One thread; lives until close() has returned.
/// postmaster.cc: finding, starting, watching it; monitor.cc: the query each second; start.cc and apply.cc:
/// files and settings; stop.cc, promote.cc, rewind.cc, clone.cc, bootstrap.cc, slots.cc: the actions of those
/// names.
class LocalServer final : public Server {
 public:
  LocalServer(Executor executor, Clock& clock, DiskThread& disk);
  ~LocalServer() override;

  Task<Result> open(config::SettingsPtr settings) override;
  Task<void> close() override;
  void on_event(std::function<void(ServerEvent)> listener) override;
  const Facts& facts() const override { return facts_; }
  Task<void> refresh(Duration max_age, Instant deadline) override;
  Task<void> read_control(Instant deadline) override;
  RecoveryDifference recovery_difference(const std::optional<Upstream>& upstream, Role role) const override;
  Task<Result> apply(config::SettingsPtr settings, Role role, bool force, Instant deadline) override;
  Task<Result> initdb(Instant deadline) override;
  Task<Result> post_bootstrap(Instant deadline) override;
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
  Task<Result> follow_by_reload(std::optional<Upstream> upstream, Role role, Instant deadline) override;
  Task<Result> crash_recover(Instant deadline) override;
  Task<DivergenceAnswer> compare_with(Upstream leader, Instant deadline) override;
  Task<Result> rewind(Upstream source, std::function<void(Progress)> progress, Instant deadline) override;
  Task<Result> base_backup(Upstream source, std::function<void(Progress)> progress,
                           Instant deadline) override;
  Task<Result> remove_data_directory(std::string why, Instant deadline) override;
  Task<Result> rename_data_directory(Instant deadline) override;
  Task<void> sync_slots(std::vector<WantedSlot> wanted, bool drop_unknown, Instant deadline) override;
  Task<std::vector<HistoryLine>> history(Timeline timeline, std::string new_leader,
                                         Instant deadline) override;
  void run_callback(std::string action, Role role) override;

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
    /// Its children as last seen.
    std::set<process::Identity> children;
  };

  // postmaster.cc
  Task<void> look(Instant deadline);
  void take_look(DataDirectorySeen seen);
  void adopt_from(const DataDirectorySeen& seen);
  void adopt(process::PidFd pidfd, std::optional<process::Child> child);
  Task<void> watch_postmaster(std::uint64_t generation);
  Task<void> clear_orphans();
  void postmaster_ended();
  void note_children();
  /// With `ours`: also what tools that this daemon runs have started.
  std::set<process::Identity> processes_of_data_directory(bool ours) const;
  std::set<process::Identity> remaining() const;
  bool is_postgres(pid_t pid) const;
  bool is_work_of_a_tool(pid_t pid) const;
  void changed(std::optional<ServerEvent> event = std::nullopt);
  /// A background task, unless close() was called.
  TaskHandle spawn(std::string name, Task<void> task);
  Task<Result> launch(std::vector<std::string> argv, process::Environment environment);
  /// Waits for the next change of the facts, at most `step`; false at the deadline.
  Task<bool> wait_change(Duration step, Instant deadline);

  // monitor.cc
  Task<void> monitor();
  Task<bool> still_rejecting();
  Task<void> probe_once();
  Task<std::expected<Probe, QueryError>> ask(Instant deadline);
  Task<void> read_running_settings(Instant deadline);
  Task<void> identify_timeline(Probe& probe, Instant deadline);
  void take_probe(Probe probe);
  void take_probe_failure(const QueryError& error);
  Task<void> watch_receiver(int pid);
  Task<void> back_up_files();
  ConnectionParameters superuser_parameters(const std::string& session, std::string statement_timeout) const;

  // start.cc: files
  struct FilesWritten {
    bool changed = false;
  };
  Task<std::expected<FilesWritten, std::string>> write_files(Parameters parameters, Instant deadline);
  Task<Result> write_recovery_files(bool as_standby, Instant deadline);
  Task<void> load_known_parameters(Instant deadline);
  Parameters valid_parameters(int version);
  unsigned file_mode(const std::string& path) const;
  std::string main_file() const;
  int target_version() const;

  // apply.cc
  void set_recovery(const std::optional<Upstream>& upstream);
  Task<Result> reload(Role role, bool callback, Instant deadline);
  Task<void> wait_reloaded(std::string before, Instant deadline);
  Task<void> read_pending_restart(Rows rows, Instant deadline);
  void log_changes(const Parameters& before, const Parameters& after) const;

  // tools.cc: programs and small helpers
  std::string tool(const std::string& name) const;
  process::Environment script_environment() const;
  /// The same in English, for output that is read.
  process::Environment tool_environment() const;
  Task<std::expected<process::Finished, std::string>> run_tool(std::vector<std::string> argv,
                                                               process::Environment environment,
                                                               Instant deadline, process::LineSink sink = {});
  /// Runs `op` while a password file with `content` exists (none when it is empty); it is removed in any
  /// case.
  template <class T>
  Task<std::expected<T, std::string>> holding_pgpass(std::string path, std::string content, Task<T> op,
                                                     Instant deadline);
  std::string pgpass_for(const char* purpose) const { return settings_->state_dir + "/pgpass." + purpose; }
  Task<Result> run_script(std::string what, std::string command, std::vector<std::string> arguments,
                          process::Environment environment, Instant deadline);
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

  // stop.cc
  Task<void> kill_until_down(Instant deadline);

  // rewind.cc
  Task<void> archive_ready_wal(Instant deadline);
  Task<Lsn> end_of_checkpoint(ControlData control, Instant deadline);
  Task<std::optional<std::string>> is_writable(Upstream leader, Instant deadline);
  Task<DivergenceAnswer> compare_within(Upstream leader, DivergenceAnswer answer, bool in_recovery,
                                        Instant deadline);

  // bootstrap.cc
  Task<Result> create_roles(Connection& connection, Instant deadline);

  // clone.cc
  Task<Result> clone_into(ClonePlace place, Upstream source, std::function<void(Progress)> progress,
                          Instant deadline);

  Executor executor_;
  Clock& clock_;
  DiskThread& disk_;
  DiskThread long_disk_;
  net::Resolver resolver_;
  TaskScope scope_;
  Callbacks callbacks_;
  config::SettingsPtr settings_;
  std::function<void(ServerEvent)> listener_;
  Facts facts_;
  Event changed_;
  bool closing_ = false;

  // Processes.
  std::optional<Postmaster> postmaster_;
  std::set<process::Identity> orphans_;
  /// Grows with each postmaster that comes or goes: what was asked of an earlier one does not count.
  std::uint64_t generation_ = 0;
  std::string real_data_dir_;
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
  int hurried_ = 0;
  Instant identify_again_{};
  int receiver_watched_ = 0;
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
  KnownParameters known_parameters_;
  std::string known_for_;
  Parameters written_parameters_;
  bool recovery_active_ = false;
  RecoverySettings recovery_;
  RunningRecovery running_recovery_;
  /// Raised above the configured value because a standby needs it: name → configured value.
  Parameters raised_;
  int binary_version_ = 0;
  /// What `postgres --version` says.
  std::string binary_text_;
};

}  // namespace tanist::postgres
