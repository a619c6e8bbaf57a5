#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/fields.h"
#include "core/lsn.h"
#include "core/time.h"

/// The long operations of a member, as decisions and others see them: what there is, where the one that runs
/// is, and how the last one ended.
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
  copy_slots,      // logical slots of the leader, for which a standby is restarted
  shutdown,        // SIGTERM: stop PostgreSQL, hand the key over
};
/// The name in messages: `{name} in progress`, `updated leader lock during {name}` (ha.md §4).
std::string operation_name(OperationKind kind, const std::string& detail = {});

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
  awaiting_go,       // the same: nothing is stopped, or removed, yet; whether to is asked for once more
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
  leaving_sync,      // nothing: a standby that others wait for asks them not to, before it stops
  fetching_slots,    // nothing
  writing_slots,     // a stopped server that is started again; what is half written PostgreSQL removes
};

/// `free`: may be ended at any moment. `critical`: finishes its phase first. `no`: only the lease's end
/// breaks it.
enum class Cancel { free, critical, no };

enum class DemoteMode { graceful, immediate, immediate_nolock, offline, demote_cluster };
/// As it is logged: `immediate-nolock`.
std::string_view to_string(DemoteMode mode);

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
  /// The order that it carries out, by Asked::id.
  std::optional<std::uint64_t> order;
  /// It waits for advance{verdict}.
  bool awaits_verdict = false;
  /// The shutdown checkpoint, in awaiting_release: what a replica must have.
  Lsn checkpoint_lsn;
  /// The leader key was released by this operation.
  bool released = false;

  TANIST_FIELDS(kind, name, phase, cancel, since, phase_since, deadline, demote_mode, source, order,
                awaits_verdict, checkpoint_lsn, released);
};

/// How an operation ended.
enum class Ending {
  done,
  cancelled,  // on purpose: it says nothing of whether it would have succeeded
  failed,
  pre_promote_failed,  // the script did not want this member to lead
  source_lost,         // what it read from was no reachable primary any more
};

struct OperationResult {
  OperationKind kind{};
  Ending ending = Ending::failed;
  /// What went wrong, for people; nothing is decided on it.
  std::string detail;
  Instant ended{};
  /// OperationView::order
  std::optional<std::uint64_t> order;
  /// Number of operations ended so far: tells a new result from one already seen.
  std::uint64_t serial = 0;
  bool ok() const { return ending == Ending::done; }
  bool failed() const { return ending != Ending::done && ending != Ending::cancelled; }

  TANIST_FIELDS(kind, ending, detail, ended, order, serial);
};

}  // namespace tanist::ha
