#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "async/event.h"
#include "async/task_scope.h"
#include "ha/engine/branch_note.h"
#include "ha/engine/engine.h"
#include "ha/engine/notes.h"
#include "ha/engine/orders.h"
#include "ha/engine/pending_promotion.h"
#include "ha/engine/promises.h"
#include "ha/engine/schedule_note.h"
#include "ha/engine/settings_in_force.h"
#include "ha/engine/store_reading.h"
#include "ha/engine/words.h"
#include "ha/lease/keeper.h"
#include "ha/operations/operation.h"

namespace tanist::ha {

/// The engine's parts and steps; engine.cc has the loop, gather.cc the observing, act.cc the acting,
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
  bool voter_changed() const;
  void server_event(postgres::ServerEvent event);
  bool may_write() const;
  Snapshot describe() const;

  // Once, at the start (start_up.cc).
  Task<void> start_up_or_shutdown(bool& started);
  Task<void> start_up_into(bool& started);
  Task<void> shutdown_asked();
  Task<void> reach_store(dcs::Identity identity, dcs::ClusterPtr& cluster);
  Task<bool> start_up();

  // What an earlier daemon left running, and what this one would leave (guard.cc).
  Task<void> guard_from_the_start();
  Task<void> find_server();
  Task<void> find_server_again();
  Task<void> accept_another_store();
  Task<void> claim_lease_of_found(dcs::ClusterPtr cluster);
  Task<bool> end_server(Instant kill_at);
  Task<void> stop_server_before_the_start();
  Task<void> end_what_may_write();

  Task<bool> name_is_free(dcs::ClusterPtr cluster);
  Task<bool> clear_abandoned_bootstrap(dcs::ClusterPtr cluster);
  Task<bool> put_bootstrap_aside();

  // Observing (gather.cc).
  Task<View> gather(bool linearizable, Answers answers);
  Task<Answers> answer(const Needs& needs, Answers so_far, const View& view);
  Task<void> ask_peers(std::map<std::string, std::string> urls, Instant deadline,
                       std::map<std::string, PeerAnswer>& replies);
  View make_view(Answers answers) const;

  // Acting (act.cc, duties.cc, intents.cc).
  Task<void> act(const View& view, const Decision& decision);
  struct Duties;
  Task<bool> do_duty(Duty duty, const View& view);
  Task<bool> touch_member();
  struct Intents;
  Task<void> do_intent(Intent intent);
  Task<void> take_lock(intent::Acquire what);
  bool has_promised(const char* what) const;
  std::string why_no_promise(const std::string& leader) const;
  void note_takeover();
  Task<void> begin_bootstrap(intent::Bootstrap what);
  Task<void> sync_slots(duty::Slots what);
  Task<void> checkpoint_after_promote();
  Task<void> checkpoint_before_promote();
  Task<void> rewrite_failover(duty::Failover what);

  void say(const View& view, const Decision& decision);

  // The scheduled restart (schedule.cc).
  Task<order::ScheduleRestart::Answer> schedule_restart(order::ScheduleRestart order);
  Task<order::DropScheduledRestart::Answer> drop_scheduled_restart();
  void take_schedule_over();

  // OperationHost.
  config::SettingsPtr settings() const override { return settings_.get(); }
  void set_state(postgres::State state) override;
  void set_role(postgres::Role role) override { words_.role = role; }
  void writes_ended() override { words_.writes_ended = now(); }
  void writes_began() override;
  postgres::Role role() const override { return words_.role; }
  void set_progress(std::optional<postgres::Progress> progress) override { words_.progress = progress; }
  void publish() override;
  void wake() override { wake_.set(); }
  void fire_callback(const std::string& action, postgres::Role role) override;
  bool callback_fired() const override { return beside_.callback_fired || memory_.callback_fired; }
  Task<bool> release_key(std::optional<Lsn> last_lsn) override;
  Task<void> leave_sync(Instant deadline) override;
  bool is_voter() const;
  LeaseKeeper& keeper() override { return keeper_; }
  std::string bootstrap_note_path() const override { return settings_->state_dir + "/bootstrap.json"; }
  bool promotion_pending() const override { return promotion_.goes_on(); }
  Task<void> begin_promotion() override;
  void forget_promotion() override;
  Task<bool> forget_branch() override { return branch_.forget(); }

  Instant now() const { return ports_.clock.now(); }
  const config::Timing& timing() const { return settings_.timing(); }
  Instant store_deadline() const { return now() + timing().retry_timeout; }

  Executor executor_;
  Ports ports_;
  SnapshotBoard& board_;
  EngineObserver observer_;
  TaskScope scope_;
  LeaseKeeper keeper_;
  Words words_;
  SettingsInForce settings_;
  StoreReading store_;
  Notes notes_;
  Promises promises_;
  PendingPromotion promotion_;
  BranchNote branch_;
  /// Leaderships that were asked for: with the incarnation, no two have the same name.
  std::uint64_t asked_to_lead_ = 0;
  ScheduleNote schedule_note_;
  OperationRunner operations_;
  Event wake_;
  std::string incarnation_;
  /// PostgreSQL as an earlier daemon left it.
  struct Found {
    /// It was looked for, and what there is is known.
    bool looked = false;
    bool running = false;
  } found_;

  /// The last /status that a decision published.
  std::optional<dcs::Status> status_;
  bool slots_running_ = false;
  bool rewriting_failover_ = false;
  /// A request for the leader key, or for the founding of the cluster, is on its way.
  bool taking_ = false;

  OrdersInHand orders_{[this] { wake(); }};
  /// A restart is being noted and will be scheduled then. Shared, since the wait of who asked for it may end
  /// after this.
  std::shared_ptr<bool> scheduling_ = std::make_shared<bool>(false);
  Memory memory_;
  /// What happened beside the cycle; taken into the memory when the next one begins.
  struct Beside {
    bool callback_fired = false;
    std::optional<bool> checkpoint_ended;
  } beside_;
  /// The last decision, and what was said of it.
  struct Last {
    Reason reason;
    Instant at{};
    DecidedPtr decided;
    std::string line;
    Instant said_at{};
  } last_;
  /// When cycles and snapshots are due.
  struct Pace {
    Instant published_at{};
    Instant next_run{};
    std::optional<Instant> wake_at;
    /// The cycle changed something: the next one looks at it at once.
    bool again = false;
    /// What PostgreSQL said before does not count for the next one.
    bool look_closely = false;
    CycleTimes took;
  } pace_;
  /// How this member came to lead, told in metrics.
  struct Takeovers {
    /// Since when nobody led, as far as this member saw it.
    std::optional<Instant> leaderless_since;
    /// The key was won then, and why; until the server accepts writes.
    std::optional<Instant> won_at;
    TakeoverKind kind = TakeoverKind::failover;
    std::array<Takeover, enum_names::count<TakeoverKind>()> done{};
  } takeovers_;
  std::optional<int> exit_code_;
};

}  // namespace tanist::ha
