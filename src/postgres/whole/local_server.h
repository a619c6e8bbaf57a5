#pragma once

#include <memory>

#include "postgres/server.h"

namespace tanist {
class Clock;
class DiskThread;
}  // namespace tanist

namespace tanist::postgres {

/// The real PostgreSQL of this host: the parts of local/ and copies/ put together behind the port. Nothing
/// but finding, opening and closing is done here; what else a call does stands in the part that it is handed
/// to. One thread; lives until close() has returned.
class LocalServer final : public Server {
 public:
  LocalServer(Executor executor, Clock& clock, DiskThread& disk);
  ~LocalServer() override;

  Task<Result> find(config::SettingsPtr settings) override;
  Task<Result> open(config::SettingsPtr settings) override;
  Task<void> close() override;
  void on_event(std::function<void(ServerEvent)> listener) override;
  const Facts& facts() const override;
  /// Names the postmaster that runs, for who passes it on at once; -1: none does.
  int postmaster_descriptor() const;
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
  Task<void> archive_shutdown_checkpoint(Instant deadline) override;
  Task<Lsn> last_lsn(ControlData control, Instant deadline) override;
  Task<bool> wait_down(Instant deadline) override;
  Task<bool> kill_everything(Instant deadline) override;
  void kill_now() override;
  Task<Result> run_pre_promote(Instant deadline) override;
  Task<Result> promote(Instant deadline) override;
  Task<bool> wait_promoted(Instant deadline) override;
  void look_for_wal() override;
  Task<Result> set_standby_names(std::optional<std::string> names, Role role, Instant deadline) override;
  Task<Result> set_standby_slots(std::optional<std::string> slots, Role role, Instant deadline) override;
  Task<Result> follow_by_reload(std::optional<Upstream> upstream, Role role, Instant deadline) override;
  Task<Result> crash_recover(Instant deadline) override;
  Task<DivergenceAnswer> compare_with(Upstream leader, Instant deadline) override;
  Task<Result> checkpoint_source(Upstream source, Instant deadline) override;
  Task<Result> rewind(Upstream source, std::function<void(Progress)> progress, Instant deadline) override;
  Task<SourceAnswer> ask_source(Upstream source, Instant deadline) override;
  Task<Result> create_replica(ReplicaRequest request, std::function<void(Progress)> progress,
                              Instant deadline) override;
  Task<Result> remove_data_directory(std::string why, Instant begin_by, Instant deadline) override;
  Task<Result> rename_data_directory(Instant deadline) override;
  Task<void> sync_slots(SlotsWanted wanted, Instant deadline) override;
  Task<std::expected<std::vector<SlotCopy>, Failure>> fetch_slots(Upstream leader,
                                                                  std::vector<WantedSlot> slots,
                                                                  Instant deadline) override;
  Task<Result> write_slots(std::vector<SlotCopy> slots, Instant deadline) override;
  void force_feedback(bool on) override;
  Task<std::vector<HistoryLine>> history(Timeline timeline, std::string new_leader,
                                         Instant deadline) override;
  void run_callback(std::string action, Role role) override;
  void note_leader(const std::string& name) override;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace tanist::postgres
