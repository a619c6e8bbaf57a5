#pragma once

#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "core/document.h"
#include "dcs/values.h"
#include "ha/model/view.h"
#include "postgres/types.h"

/// What decide() answers: one intent, ordered duties, a mandate for the lease, needs, the next memory.
namespace tanist::ha {

/// What the lease's renewer may do until the next decision, at most ttl from now.
struct Mandate {
  enum class Kind {
    keep,     // go on renewing
    lapse,    // stop renewing; the lease runs out by itself
    release,  // stop renewing; an intent or operation releases the key
  } kind = Kind::lapse;
  Instant good_until{};
};

namespace intent {
struct None {};
/// Take the leader key; the cycle decides again, on a fresh view, after it was won.
struct Acquire {
  dcs::AcquireConditions conditions;
};
struct Promote {};
struct Demote {
  DemoteMode mode = DemoteMode::immediate;
  /// Whom to follow afterwards is decided when it is down: a demotion ends with PostgreSQL stopped.
};
/// Recovery settings for `upstream` by a reload, or by a restart (an operation).
struct Follow {
  std::optional<postgres::Upstream> upstream;
  bool restart = false;
};
struct Start {
  bool as_standby = true;
  std::optional<postgres::Upstream> upstream;
  /// Message name: `restarting after failure`, `starting primary after failure`, `starting after demotion`.
  std::string name = "restarting after failure";
};
struct CrashRecover {};
struct Rewind {
  postgres::Upstream source;
  std::string leader;
  /// The source does not tell whether it has made its checkpoint after the promotion: see to it first.
  bool checkpoint_source = false;
};
/// Clone (an empty data directory), or remove the data directory and clone (`why_removal_allowed` not empty:
/// logged).
struct Clone {
  /// nullopt: without a leader, by methods that need none.
  std::optional<postgres::Upstream> source;
  std::string source_name;
  bool from_leader = true;
  std::string why_removal_allowed;
  /// A copy of the leader itself was asked for: no other methods.
  bool basebackup_only = false;
};
struct Bootstrap {
  /// /initialize must be created; the version of an abandoned one that is taken over; nullopt: create.
  std::optional<dcs::Version> take_over;
};
struct FinishBootstrap {};
struct CancelBootstrap {};
/// PostgreSQL is stopped and started again in the role it has (ha.md §11.1).
struct Restart {
  bool as_standby = true;
  std::optional<postgres::Upstream> upstream;
  /// nullopt: primary_start_timeout.
  std::optional<Duration> timeout;
  /// RestartAsked::id of the request that waits for the outcome; nullopt: a scheduled one.
  std::optional<std::uint64_t> asked;
};
/// End the running operation (as far as its Cancel allows), then decide again.
struct PreEmpt {
  std::string why;
};
/// Delete the leader key, with the last LSN where it is known.
struct Release {
  std::optional<Lsn> last_lsn;
};
/// Answer to an operation that awaits a verdict: release the key now, or go on keeping it until PostgreSQL is
/// down.
struct Advance {
  bool release_now = false;
};
/// SIGTERM: stop PostgreSQL, hand the key over, end.
struct Shutdown {
  bool hurry = false;
};
/// End the daemon.
struct Exit {
  int code = 0;
  std::string why;
};
/// Stop a server that must not run (empty or lost data directory).
struct StopImmediate {};
}  // namespace intent

using Intent =
    std::variant<intent::None, intent::Acquire, intent::Promote, intent::Demote, intent::Follow,
                 intent::Start, intent::CrashRecover, intent::Rewind, intent::Clone, intent::Bootstrap,
                 intent::FinishBootstrap, intent::CancelBootstrap, intent::Restart, intent::PreEmpt,
                 intent::Release, intent::Advance, intent::Shutdown, intent::Exit, intent::StopImmediate>;

namespace duty {
/// Publish /members/{me}. Every decision of a reachable store has it; the cycle builds the value.
struct Member {};
/// Write /status (normally carried by the next renewal).
struct Status {
  dcs::Status status;
};
/// Store my system identifier in /initialize.
struct Initialize {
  dcs::Condition condition;
  std::string system_id;
};
/// Store my dynamic configuration in /config.
struct Config {
  dcs::Condition condition;
};
struct DeleteSync {
  dcs::Version version;
};
struct History {
  Timeline timeline;
};
struct Slots {
  std::vector<postgres::WantedSlot> wanted;
  bool drop_unknown = true;
};
/// Arm before a promotion, disarm as replica.
struct Fence {
  bool arm = false;
};
struct Callback {
  std::string action;
  postgres::Role role;
};
/// CHECKPOINT in the background, result into memory.
struct CheckpointAfterPromote {};
/// Words of member key and REST that a decision (not an operation) sets.
struct SetRole {
  postgres::Role role;
};
struct SetState {
  postgres::State state;
  /// Since when it is so; nullopt: since now.
  std::optional<Instant> since;
};
/// Have a standby connect to its upstream now instead of after wal_retrieve_retry_interval.
struct LookForWal {};
/// The answer to Commands::restart with this id: nothing is done, and why.
struct RefuseRestart {
  std::uint64_t id = 0;
  std::string why;
};
/// The scheduled restart is over: begun, refused, or pointless by now.
struct DropScheduledRestart {};
/// A line for the log besides the cycle's result.
struct Say {
  int level = 1;  // index into log::Level
  std::string text;
};
}  // namespace duty

using Duty = std::variant<duty::Member, duty::Status, duty::Initialize, duty::Config, duty::DeleteSync,
                          duty::History, duty::Slots, duty::Fence, duty::Callback,
                          duty::CheckpointAfterPromote, duty::SetRole, duty::SetState, duty::RefuseRestart,
                          duty::DropScheduledRestart, duty::LookForWal, duty::Say>;

/// What the failure of a duty means for the rest of the decision.
enum class OnFailure { go_on, postpone_intent };

struct OrderedDuty {
  Duty duty;
  OnFailure on_failure = OnFailure::go_on;
};

/// Knowledge to get before deciding again (at most three rounds a cycle).
struct Needs {
  /// Ask these members for their position; nullopt: nobody.
  std::optional<std::set<std::string>> peers;
  /// Of those: the ones without a member key any more (their session has ended). An answer tells much, but it
  /// is waited for only briefly: most of them are gone for good, and dropped packets must not delay a
  /// failover.
  std::set<std::string> peers_gone;
  bool linearizable_view = false;
  bool control_file = false;
  /// Compare timelines with this upstream.
  std::optional<postgres::Upstream> divergence;
  bool any() const { return peers || linearizable_view || control_file || divergence; }
};

/// Stable reason codes; each owns its text (reasons.inc, with the place in docs/spec that quotes it).
enum class Code {
#define TANIST_REASON(code, text, section) code,
#include "ha/model/reasons.inc"
#undef TANIST_REASON
};
std::string_view code_name(Code);
/// The template, with {0}, {1} … for its arguments.
std::string_view code_text(Code);
std::string_view code_section(Code);

struct Reason {
  Code code{};
  std::vector<std::string> arguments;
  /// Tanist's own numbers (lag, limits, ages), for journal and REST.
  Document numbers = Document::map();
  /// The line logged at INFO, byte for byte as the spec quotes it. Empty: nothing is logged.
  std::string text() const;
};

struct Decision {
  Reason reason;
  Mandate mandate;
  Intent intent;
  std::vector<OrderedDuty> duties;
  Needs needs;
  Memory memory;
  /// Decide again no later than this (besides events and loop_wait); nullopt: nothing special.
  std::optional<Instant> wake_at;
};

/// Journal form of an intent's kind: `acquire`, `promote`, …
std::string_view intent_name(const Intent& intent);

}  // namespace tanist::ha
