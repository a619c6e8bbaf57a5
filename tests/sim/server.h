#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "async/task_scope.h"
#include "postgres.h"
#include "postgres/server.h"
#include "process.h"

namespace tanist::sim {

/// What the steps of a daemon's start take on this host, beside what everything takes: a disk that is cold or
/// busy for these alone. Lasts over incarnations until it is changed.
struct StartTiming {
  /// Looking at processes and data directory.
  Duration look{};
  /// `postgres --version` and the like.
  Duration version{};
  Duration control{};
  /// Each access to a small file.
  Duration file{};
  /// Until the REST API listens; nothing else runs meanwhile.
  Duration rest{};
  /// Its port is in use.
  bool rest_fails = false;
};

/// One daemon's hand on its host's PostgreSQL: what the daemon sees of the model, a little late, and what it
/// does.
class SimServer final : public postgres::Server {
 public:
  using Result = postgres::Result;

  SimServer(Process& process, Postgres& model, PostgresDirectory directory,
            std::map<std::string, std::string>& files, const StartTiming& start);
  ~SimServer() override;

  Task<Result> find(config::SettingsPtr settings) override;
  Task<Result> open(config::SettingsPtr settings) override;
  Task<void> close() override;
  void on_event(std::function<void(postgres::ServerEvent)> listener) override {
    listener_ = std::move(listener);
  }
  const postgres::Facts& facts() const override { return facts_; }
  Task<void> refresh(Duration max_age, Instant deadline) override;
  Task<void> read_control(Instant deadline) override;
  postgres::RecoveryDifference recovery_difference(const std::optional<postgres::Upstream>& upstream,
                                                   postgres::Role role) const override;
  Task<Result> apply(config::SettingsPtr settings, postgres::Role role, bool force,
                     Instant deadline) override;
  Task<std::expected<postgres::ClusterIdentity, postgres::Failure>> identify(bool make,
                                                                             Instant deadline) override;
  Task<Result> initdb(Instant deadline) override;
  Task<Result> custom_bootstrap(Instant deadline) override;
  Task<Result> post_bootstrap(Instant deadline) override;
  Task<std::expected<bool, postgres::Failure>> end_custom_bootstrap(Instant deadline) override;
  Task<Result> start(postgres::StartRequest request, Instant deadline) override;
  Task<postgres::StartOutcome> wait_started(Instant deadline) override;
  Task<Result> checkpoint(Instant deadline) override;
  Task<void> run_before_stop(Instant deadline) override;
  void signal_stop(postgres::StopMode mode) override;
  Task<bool> wait_no_clients(Instant deadline) override;
  Task<std::optional<postgres::ControlData>> wait_shutdown_checkpoint(Instant deadline) override;
  Task<Lsn> last_lsn(postgres::ControlData control, Instant deadline) override;
  Task<bool> wait_down(Instant deadline) override;
  Task<bool> kill_everything(Instant deadline) override;
  void kill_now() override;
  Task<Result> run_pre_promote(Instant deadline) override;
  Task<Result> promote(Instant deadline) override;
  Task<bool> wait_promoted(Instant deadline) override;
  Task<Result> set_standby_names(std::optional<std::string> names, postgres::Role role,
                                 Instant deadline) override;
  Task<Result> follow_by_reload(std::optional<postgres::Upstream> upstream, postgres::Role role,
                                Instant deadline) override;
  Task<Result> crash_recover(Instant deadline) override;
  Task<postgres::DivergenceAnswer> compare_with(postgres::Upstream leader, Instant deadline) override;
  Task<postgres::SourceAnswer> ask_source(postgres::Upstream source, Instant deadline) override;
  Task<Result> rewind(postgres::Upstream source, std::function<void(postgres::Progress)> progress,
                      Instant deadline) override;
  Task<Result> create_replica(postgres::ReplicaRequest request,
                              std::function<void(postgres::Progress)> progress, Instant deadline) override;
  Task<Result> remove_data_directory(std::string why, Instant begin_by, Instant deadline) override;
  Task<Result> rename_data_directory(Instant deadline) override;
  Task<void> sync_slots(postgres::SlotsWanted wanted, Instant deadline) override;
  Task<std::expected<std::vector<postgres::SlotCopy>, postgres::Failure>> fetch_slots(
      postgres::Upstream leader, std::vector<postgres::WantedSlot> slots, Instant deadline) override;
  Task<Result> write_slots(std::vector<postgres::SlotCopy> slots, Instant deadline) override;
  void force_feedback(bool on) override { facts_.feedback_forced = on; }
  Task<std::vector<HistoryLine>> history(Timeline timeline, std::string new_leader,
                                         Instant deadline) override;
  void run_callback(std::string action, postgres::Role role) override;

  /// The data directory is about to be removed or renamed.
  std::function<void(const std::string& why, bool renamed)> on_removal;
  /// A start was asked for.
  std::function<void(const postgres::StartRequest&)> on_start;
  /// PostgreSQL is told to end, or killed.
  std::function<void()> on_stop;
  /// The start of the daemon is over: steps take their usual time from now on.
  void start_is_over() { starting_ = false; }

 private:
  void watch();
  void notice();
  void look();
  /// A fresh look at the data directory, which may be told wrong.
  void look_anew();
  void take_control();
  Task<bool> step(Duration takes, Instant deadline);
  void emit(postgres::ServerEvent event);
  postgres::Probe probe() const;
  void take_probe();
  postgres::ControlData control() const;
  Postgres* reachable(const postgres::Upstream& upstream);
  Task<void> monitor();
  Task<bool> until(std::function<bool()> condition, Instant deadline);
  Task<bool> query(Instant deadline);
  Task<Result> copy(postgres::Upstream source, std::function<void(postgres::Progress)> progress,
                    Instant deadline, bool rewinding);
  void forget_files();
  void adopt_standby_names();
  Result failure(std::string what) const { return std::unexpected(postgres::Failure{std::move(what)}); }

  Process& process_;
  Postgres& model_;
  PostgresDirectory directory_;
  std::map<std::string, std::string>& files_;
  const StartTiming& start_;
  bool starting_ = true;
  std::optional<postgres::DataDirectory> seen_as_;
  TaskScope scope_;
  Random dice_;
  config::SettingsPtr settings_;
  std::function<void(postgres::ServerEvent)> listener_;
  postgres::Facts facts_;
  std::uint64_t seen_generation_ = 0;
  bool seen_streaming_ = false;
  bool seen_recovery_ = false;
  std::size_t seen_downstream_ = 0;
  bool watching_ = false;
  std::set<std::uint64_t> waiting_;
};

}  // namespace tanist::sim
