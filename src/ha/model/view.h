#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/settings.h"
#include "core/lsn.h"
#include "core/time.h"
#include "dcs/model.h"
#include "ha/model/lease.h"
#include "ha/model/orders.h"
#include "postgres/types.h"

/// All that a decision may know. Gathered by the cycle; decide() sees nothing else.
namespace tanist::ha {

enum class OperationKind {
  bootstrap,         // initdb, start, users
  finish_bootstrap,  // store the result and take the lock
  cancel_bootstrap,  // give /initialize back, stop, rename the data directory
  clone,             // base backup, then start as a standby
  start,             // start a stopped server (as standby or as primary)
  crash_recovery,    // single-user
  rewind,
  promote,
  demote,
  restart,
  follow_restart,  // new recovery settings that need a restart
  shutdown,        // SIGTERM: stop PostgreSQL, hand the key over
};
/// The name in messages: `{name} in progress`, `updated leader lock during {name}` (ha.md §4).
std::string operation_name(OperationKind kind, const std::string& detail);

/// Where an operation is. The comment says what a crash of the daemon right there leaves behind.
enum class Phase {
  preparing,  // nothing done yet
  initdb,     // a data directory of this attempt, noted on disk: renamed and begun anew after a restart
  custom_bootstrap,  // as initdb; a script that still runs is ended first
  cloning,           // a clone that does not look whole: removed and begun anew
  starting,          // a postmaster that is adopted after a restart
  ending_recovery,   // a server that becomes a primary without the lock: noted on disk as above
  creating_users,    // a primary without the lock and an /initialize that is empty: noted on disk as above
  storing_result,    // outcome unknown until the store is read again
  checkpointing,     // nothing
  stopping_clients,  // a stopping postmaster; adopted, the key runs out
  waiting_shutdown_checkpoint,
  awaiting_release,  // all clients are gone, the shutdown checkpoint is known: waits for a verdict
  waiting_down,      // as above
  releasing,         // PostgreSQL is down; the key runs out
  rewinding,         // a target that pg_rewind has to do again: control file says so
  recovering,        // single-user crash recovery: done again
  pre_promote,       // nothing
  promoting,         // the key runs out, the server may be a primary without a lease: demoted at start
  removing,          // a partly removed data directory: removed again
};

/// `free`: may be ended at any moment. `critical`: finishes its phase first. `no`: only the lease's end
/// breaks it.
enum class Cancel { free, critical, no };

enum class DemoteMode { graceful, immediate, immediate_nolock, offline };

struct OperationView {
  OperationKind kind{};
  std::string name;
  Phase phase = Phase::preparing;
  Cancel cancel = Cancel::free;
  Instant since{};
  Instant phase_since{};
  Instant deadline{};
  DemoteMode demote_mode = DemoteMode::immediate;
  /// The member that a clone or rewind reads from; empty: none, or not told.
  std::string source;
  /// It waits for advance{verdict}.
  bool awaits_verdict = false;
  /// Of the shutdown checkpoint, in awaiting_release: the checkpoint itself and what a replica must have
  /// (last LSN).
  Lsn checkpoint_lsn;
  Lsn last_lsn;
  /// The leader key was released by this operation.
  bool released = false;
};

struct OperationResult {
  OperationKind kind{};
  bool ok = false;
  std::string detail;
  /// A rewind: its source was no reachable primary any more when it failed.
  bool source_lost = false;
  Instant ended{};
  /// Number of operations ended so far: tells a new result from one already seen.
  std::uint64_t serial = 0;
};

/// What a peer answered to GET /patroni (ha.md §6.2.5).
struct PeerAnswer {
  /// It told a WAL position, or that it is a primary.
  bool reachable = false;
  /// It answers, but its PostgreSQL tells no position (yet).
  bool starting = false;
  std::string error;
  /// Not in recovery: a live primary.
  bool primary = false;
  Lsn position;  // max(received, replayed); 0 for a primary
  Lsn replayed;
  Timeline timeline;
  /// It knows that its WAL has left the leader's (only Tanist tells).
  bool diverged = false;
  bool nofailover = false;
  int failover_priority = 1;
  bool watchdog_failed = false;
};

/// Knowledge that is dear to get: asked for as a Need, valid for the rounds of one cycle.
struct Answers {
  /// By member name; absent: not asked.
  std::optional<std::map<std::string, PeerAnswer>> peers;
  std::optional<postgres::DivergenceAnswer> divergence;
};

struct SelfView {
  std::string name;
  std::string incarnation;
};

struct StoreView {
  /// The view below is current. False: nothing could be read since `unavailable_since`.
  bool ok = false;
  Instant unavailable_since{};
  std::string why;
  /// The current view, or the last one that was read; nullptr: none ever.
  dcs::ClusterPtr cluster;
  /// The last view that had a leader (ha.md §3.1: old_cluster); nullptr: none ever.
  dcs::ClusterPtr last_with_leader;
  /// A write of the leader key has an unknown outcome that no linearizable read has resolved yet.
  bool lock_unknown = false;
};

enum class Lock {
  free,
  mine,
  /// My name, bound to a session that is not mine: another's (a cloned host).
  foreign_session,
  others,
};

struct PostgresView {
  postgres::Facts facts;
  /// The words of member key and REST, kept by the engine (operations set them).
  postgres::State state = postgres::State::stopped;
  postgres::Role role = postgres::Role::uninitialized;
  Instant state_since{};
  /// The engine has seen this server running since the daemon started (a crash of it is a crash, not a cold
  /// start).
  bool seen_running = false;
  /// The server that runs was told to promote itself and is no primary yet: nothing takes that back, and
  /// until it is over it looks like a standby.
  bool promoting = false;
  /// Of the running recovery settings against those wanted for wanted_upstream(view).
  postgres::RecoveryDifference recovery_difference = postgres::RecoveryDifference::none;
};

struct Commands {
  /// SIGTERM or SIGINT.
  bool shutdown = false;
  /// A second one, or the service manager's patience: PostgreSQL is stopped in immediate mode.
  bool hurry = false;
  /// To be answered by the next decision: begun, or refused.
  std::optional<RestartAsked> restart;
  /// Waits for its time.
  std::optional<ScheduledRestart> scheduled_restart;
};

struct FenceView {
  /// The fence can be armed; false refuses leadership where it is required.
  bool usable = true;
  bool armed = false;
};

/// What a race is decided on, besides the answers of peers.
struct RaceGround {
  Lsn optime;
  dcs::Version history = 0;
  /// The newest that is known of.
  Timeline timeline;
  bool operator==(const RaceGround&) const = default;
};

/// State between cycles. Each field says what its loss in a restart of the daemon means.
struct Memory {
  /// A start was asked for and its outcome is to be looked at (ha.md §3.7). Lost: the server is started
  /// again.
  bool recovering = false;
  /// The current outage: when PostgreSQL was found dead. Lost: counts from the restart.
  std::optional<Instant> outage_since;
  /// Single-user crash recovery was already done in this outage. Lost: done once more.
  bool crash_recovery_tried = false;
  /// How long the start in progress may take, where a restart was asked for with a limit of its own. Lost:
  /// primary_start_timeout.
  std::optional<Duration> start_timeout;
  /// Was paused in the last cycle. Lost: nothing.
  bool was_paused = false;
  /// Own position at the last cycle, for the race backoff. Lost: no backoff in the first cycle.
  Lsn previous_position;
  /// Since when primary_race_backoff runs. Lost: begins anew.
  std::optional<Instant> race_backoff_since;
  /// pre_promote failed: until when this member does not race. Lost: it may race at once.
  std::optional<Instant> no_race_until;
  enum class PrePromote { none, failed } pre_promote = PrePromote::none;
  enum class Rewind { initial, check, need, not_need, success, failed } rewind = Rewind::initial;
  /// The WAL has left the leader's in a way that pg_rewind cannot mend. Lost: found again by comparing.
  bool beyond_rewind = false;
  /// Since when this standby is seen on a timeline that its leader has not reached, and whether that lasts:
  /// somebody promoted it by hand, or beside the leader. Lost: found again while there is a leader.
  std::optional<Instant> beyond_leader_since;
  bool astray = false;
  /// Own WAL is known to have left the leader's, the last one's too: told to peers. Each decision says it
  /// anew.
  bool diverged = false;
  /// The last comparison found a difference that nothing has mended since. Lost: found again by comparing.
  bool found_diverged = false;
  /// Times in a row that it was compared again and does not stream yet: the next is made later. Lost: sooner.
  int looks_in_vain = 0;
  /// Since when this standby runs without streaming, and when its WAL was compared for that. Lost: counts
  /// anew.
  std::optional<Instant> not_streaming_since;
  std::optional<Instant> compared_at;
  /// A standby that does not stream although it should. Lost: begins anew.
  struct Nudges {
    /// Upstream, its state and timeline: another one is worth new tries.
    std::string of;
    /// When it was first seen not to stream.
    Instant since{};
    Instant last{};
    int count = 0;
    /// The upstream was seen not to accept connections: once it does, nothing is waited for.
    bool waited = false;
  };
  std::optional<Nudges> nudges;
  /// The leader member's timeline last seen. Lost: a divergence check at the next start.
  Timeline leader_timeline;
  Timeline own_timeline;
  /// A lifecycle callback was fired since the daemon started. Lost: on_start fires again.
  bool callback_fired = false;
  /// The checkpoint after the promotion is confirmed. Lost: confirmed again by comparing timelines.
  bool checkpoint_after_promote_done = false;
  bool checkpoint_after_promote_running = false;
  /// Rewinds from `rewind_failed_from` that failed in a row: each makes the pause before the next longer.
  /// Lost: begins with the shortest pause.
  int rewinds_failed = 0;
  std::string rewind_failed_from;
  /// The same of starts without the lock.
  int starts_failed = 0;
  /// Why this member cannot rejoin, as others are told; empty: nothing is known to be wrong. Lost: found
  /// again.
  std::string rejoin_error;
  /// Clones that failed in a row: each makes the pause before the next longer, and its source another. Lost:
  /// begins with the shortest pause.
  int clones_failed = 0;
  /// A bootstrap of this incarnation is in progress. Lost: the note on disk and in the store tell.
  bool bootstrapping = false;
  /// retain_slots: name → last seen (dcs.md §2.4). Lost: begins anew with the stored list stamped now.
  std::map<std::string, Instant> retain_slots;
  bool retain_slots_seeded = false;
  /// When the ERROR about a mode that is not supported yet was last given. Lost: given at once.
  std::map<std::string, Instant> refusals_told;
  /// Serial of the operation result that was already looked at.
  std::uint64_t results_seen = 0;
  /// The last decision asked for the leader key. Lost: a message says "had the lock" instead of "acquired".
  bool acquiring = false;
  /// What it was asked for on. Lost: the peers are asked again before the promotion.
  std::optional<RaceGround> acquired_on;
  /// A decision on a view of the store was finished since the daemon started. Lost: the checks of a fresh
  /// start are made again.
  bool joined = false;
};

struct View {
  Instant now{};
  WallTime wall_now{};
  SelfView self;
  config::SettingsPtr settings;
  StoreView store;
  Lock lock = Lock::free;
  Lease lease;
  PostgresView postgres;
  /// The operation that runs; nullopt: none.
  std::optional<OperationView> operation;
  /// The last one that ended; nullopt: none yet.
  std::optional<OperationResult> last_operation;
  Commands commands;
  FenceView fence;
  Answers answers;
  Memory memory;

  const dcs::Cluster& cluster() const { return *store.cluster; }
  bool has_lock() const { return lock == Lock::mine; }
  const config::Timing& timing() const { return settings->dynamic.timing; }
};

}  // namespace tanist::ha
