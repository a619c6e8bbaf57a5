#pragma once

#include <map>
#include <optional>
#include <string>

#include "async/event.h"
#include "async/task_scope.h"
#include "ha/engine/engine.h"
#include "ha/lease/keeper.h"
#include "ha/operations/operation.h"

namespace tanist::ha {

/// The engine's state and steps; engine.cc has the loop, gather.cc the observing, act.cc the acting,
/// start_up.cc what happens once before the first cycle.
struct Engine::Impl final : OperationHost {
  Impl(Executor executor, Ports ports, config::SettingsPtr settings, SettingsBuilder builder,
       SnapshotBoard& board, EngineObserver observer);

  // The loop (engine.cc).
  Task<int> run();
  Task<void> live();
  Task<void> cycle();
  Task<void> nap();
  Task<void> tick();
  void store_changed(dcs::Store::Change change);
  bool member_joined() const;
  void server_event(postgres::ServerEvent event);
  bool may_write() const;
  Snapshot describe() const;
  config::SettingsPtr over_current_dynamic(config::SettingsPtr reloaded) const;

  // Once, at the start (start_up.cc).
  Task<void> start_up_or_shutdown(bool& started);
  Task<void> start_up_into(bool& started);
  Task<void> shutdown_asked();
  Task<void> reach_store(dcs::Identity identity, dcs::ClusterPtr& cluster);
  Task<bool> start_up();

  // What an earlier daemon left running, and what this one would leave (guard.cc).
  void lease_proven();
  Task<void> record_lease();
  Task<void> guard_from_the_start();
  Task<void> find_server();
  Task<void> find_server_again();
  Task<void> take_promotion_note();
  Task<void> remove_promotion_note();
  void settle_promotion();
  Task<void> accept_another_store();
  Task<void> claim_lease_of_found(dcs::ClusterPtr cluster);
  Task<bool> end_server(Instant kill_at);
  Task<void> stop_server_before_the_start();
  Task<void> end_what_may_write();
  bool promoting() const;
  Task<void> begin_promotion() override;
  void forget_promotion() override;

  Task<bool> name_is_free(dcs::ClusterPtr cluster);
  Task<bool> clear_abandoned_bootstrap(dcs::ClusterPtr cluster);
  Task<bool> put_bootstrap_aside();
  Task<std::string> read_small(std::string path);
  Task<void> read_claims(dcs::Identity& identity);
  Task<bool> adopt_first_config(dcs::ClusterPtr cluster);
  Task<void> record_claim(dcs::Claim claim);

  // Observing (gather.cc).
  Task<View> gather(bool linearizable, Answers answers);
  Task<void> read_store(bool linearizable);
  Task<Answers> answer(const Needs& needs, Answers so_far, const View& view);
  Task<void> ask_peers(std::map<std::string, std::string> urls, Instant deadline,
                       std::map<std::string, PeerAnswer>& replies);
  Task<void> adopt_config();
  Task<void> apply_settings(bool force);
  Task<void> apply_in_background();
  Lock lock_of(const dcs::Cluster& cluster) const;
  View make_view(Answers answers) const;

  // Acting (act.cc, duties.cc, intents.cc).
  Task<void> act(const View& view, const Decision& decision);
  struct Duties;
  Task<bool> do_duty(Duty duty, const View& view);
  struct Intents;
  Task<void> do_intent(Intent intent);
  Task<void> take_lock(intent::Acquire what);
  Task<void> begin_bootstrap(intent::Bootstrap what);
  Task<void> sync_slots(duty::Slots what);
  Task<void> checkpoint_after_promote();

  // Restarts on request (restarts.cc).
  Task<RestartAnswer> restart(RestartRequest request);
  RestartAnswer schedule_restart(ScheduledRestart planned);
  RestartAnswer drop_scheduled_restart();
  void refuse_restart(const duty::RefuseRestart& refusal);
  void note_restart_begun(const intent::Restart& restart);
  void settle_restart();
  void answer_restart(RestartAnswer answer);
  void say(const View& view, const Decision& decision);

  // OperationHost.
  config::SettingsPtr settings() const override { return settings_; }
  void set_state(postgres::State state) override;
  void set_role(postgres::Role role) override { role_ = role; }
  postgres::Role role() const override { return role_; }
  void set_progress(std::optional<postgres::Progress> progress) override { progress_ = progress; }
  void publish() override;
  void wake() override { wake_.set(); }
  void fire_callback(const std::string& action, postgres::Role role) override;
  bool callback_fired() const override { return callback_fired_ || memory_.callback_fired; }
  Task<bool> release_key(std::optional<Lsn> last_lsn) override;
  LeaseKeeper& keeper() override { return keeper_; }
  std::string bootstrap_note_path() const override { return settings_->state_dir + "/bootstrap.json"; }
  std::string lease_path() const { return settings_->state_dir + "/lease"; }
  std::string promotion_note_path() const { return settings_->state_dir + "/promoting"; }
  std::string session_path() const { return settings_->state_dir + "/session"; }
  std::string dynamic_cache_path() const { return settings_->postgresql.data_dir + "/patroni.dynamic.json"; }

  Instant now() const { return ports_.clock.now(); }
  const config::Timing& timing() const { return settings_->dynamic.timing; }
  Instant store_deadline() const { return now() + timing().retry_timeout; }

  Executor executor_;
  Ports ports_;
  config::SettingsPtr settings_;
  SettingsBuilder builder_;
  SnapshotBoard& board_;
  EngineObserver observer_;
  TaskScope scope_;
  LeaseKeeper keeper_;
  OperationRunner operations_;
  Event wake_;
  std::string incarnation_;
  /// Of this daemon and its predecessors on this data directory, newest first.
  std::vector<dcs::Claim> claims_;

  // What the words of member key and REST say.
  postgres::State state_ = postgres::State::stopped;
  Instant state_since_{};
  postgres::Role role_ = postgres::Role::uninitialized;
  bool seen_running_ = false;
  bool server_found_ = false;
  /// An earlier daemon had left PostgreSQL running.
  bool found_running_ = false;
  /// patroni.dynamic.json as it was found at the start.
  std::string cached_dynamic_;
  /// The postmaster that was told to promote itself: from then on nothing takes that back, and until it is
  /// over it looks like a standby.
  std::optional<int> promoting_pid_;
  bool promotion_noted_ = false;
  /// Of this run of the host: CLOCK_BOOTTIME counts from its start.
  std::string boot_id_;
  Instant lease_recorded_{};
  bool recording_lease_ = false;
  std::optional<postgres::Progress> progress_;

  // The store as last read.
  dcs::ClusterPtr cluster_;
  dcs::ClusterPtr last_with_leader_;
  bool store_ok_ = false;
  Instant store_unavailable_since_{};
  std::string store_why_;
  std::int64_t dcs_last_seen_ = 0;
  bool lock_unknown_ = false;
  bool fresh_read_wanted_ = true;
  /// This cycle has read the store linearizably: its further rounds use that view.
  bool cycle_fresh_ = false;
  Instant claim_kept_at_{};
  dcs::Config config_seen_;

  std::optional<dcs::Status> status_;
  config::SettingsPtr reloaded_;
  SettingsBuilder reloaded_builder_;
  bool apply_forced_ = false;
  std::string dynamic_saved_;
  bool apply_wanted_ = false;
  bool applying_ = false;
  bool slots_running_ = false;

  Commands commands_;
  /// The restart that somebody waits for.
  struct RestartInHand {
    std::optional<RestartAnswer> answer;
    bool begun = false;
    /// OperationResult::serial of the last operation before it.
    std::uint64_t results_before = 0;
  };
  std::shared_ptr<RestartInHand> restart_;
  Event restart_answered_;
  std::uint64_t restarts_asked_ = 0;
  Memory memory_;
  /// What happened beside the cycle; taken into the memory when the next one begins.
  bool callback_fired_ = false;
  std::optional<bool> checkpoint_ended_;
  Reason last_reason_;
  Instant last_decision_at_{};
  Instant published_at_{};
  Instant next_run_{};
  std::optional<Instant> wake_at_;
  bool again_ = false;
  std::optional<int> exit_code_;
  std::string last_line_;
  Instant last_said_at_{};
};

}  // namespace tanist::ha
