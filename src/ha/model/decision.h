#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/document.h"
#include "core/fields.h"
#include "dcs/values.h"
#include "ha/model/failsafe.h"
#include "ha/model/orders.h"
#include "ha/model/view.h"
#include "log/level.h"
#include "postgres/slot_steps.h"
#include "postgres/types.h"

/// What decide() answers: one intent, ordered duties, a mandate for the lease, needs, the next memory. Each
/// intent and duty has a name and lists its fields: journal, log and tests know them from there; who carries
/// them out (ha/engine) has to handle each.
namespace tanist::ha {

/// What the lease's renewer may do until the next decision, at most ttl from now.
struct Mandate {
  enum class Kind {
    keep,     // go on renewing
    lapse,    // stop renewing; the lease runs out by itself
    release,  // stop renewing; an intent or operation releases the key
  } kind = Kind::lapse;
  Instant good_until{};
  /// Who is asked to let this member lead on while the store proves nothing; nullopt: nobody.
  std::optional<FailsafeTerms> failsafe = std::nullopt;

  TANIST_FIELDS(kind, good_until, failsafe);
};

namespace intent {
struct None {
  static constexpr std::string_view kName = "none";
  TANIST_FIELDS();
};
/// Take the leader key; the cycle decides again, on a fresh view, after it was won.
struct Acquire {
  static constexpr std::string_view kName = "acquire";
  dcs::AcquireConditions conditions;
  dcs::LedFrom from;

  TANIST_FIELDS(conditions, from);
};
struct Promote {
  static constexpr std::string_view kName = "promote";
  TANIST_FIELDS();
};
struct Demote {
  static constexpr std::string_view kName = "demote";
  DemoteMode mode = DemoteMode::immediate;
  /// Message name: `switchover: demote`. Empty: nobody has asked for it; else it asks once more before
  /// anything is stopped.
  std::string name = {};
  /// Whom to follow afterwards is decided when it is down: a demotion ends with PostgreSQL stopped.

  TANIST_FIELDS(mode, name);
};
/// Recovery settings for `upstream` by a reload, or by a restart (an operation).
struct Follow {
  static constexpr std::string_view kName = "follow";
  std::optional<postgres::Upstream> upstream;
  bool restart = false;
  bool as_standby_leader = false;

  TANIST_FIELDS(upstream, restart, as_standby_leader);
};
struct Start {
  static constexpr std::string_view kName = "start";
  bool as_standby = true;
  std::optional<postgres::Upstream> upstream;
  /// Message name: `restarting after failure`, `starting primary after failure`, `starting after demotion`.
  std::string name = "restarting after failure";
  bool as_standby_leader = false;

  TANIST_FIELDS(as_standby, upstream, name, as_standby_leader);
};
/// Logical slots of the leader are copied into this standby, which is restarted for that.
struct CopySlots {
  static constexpr std::string_view kName = "copy_slots";
  postgres::Upstream leader;
  std::vector<postgres::WantedSlot> slots;
  /// Whom it follows afterwards.
  std::optional<postgres::Upstream> upstream;

  TANIST_FIELDS(leader, slots, upstream);
};
struct CrashRecover {
  static constexpr std::string_view kName = "crash_recover";
  TANIST_FIELDS();
};
struct Rewind {
  static constexpr std::string_view kName = "rewind";
  postgres::Upstream source;
  std::string leader;
  /// The source does not tell whether it has made its checkpoint after the promotion: see to it first.
  bool checkpoint_source = false;

  TANIST_FIELDS(source, leader, checkpoint_source);
};
/// Clone (an empty data directory), or remove the data directory and clone (`why_removal_allowed` not empty:
/// logged).
struct Clone {
  static constexpr std::string_view kName = "clone";
  /// nullopt: without a leader, by methods that need none.
  std::optional<postgres::Upstream> source;
  std::string source_name;
  bool from_leader = true;
  std::string why_removal_allowed;
  /// A copy of the leader itself was asked for: no other methods.
  bool basebackup_only = false;
  /// Whoever gave this order: before anything is removed it is asked once more whether to.
  std::optional<OrderId> order = std::nullopt;

  TANIST_FIELDS(source, source_name, from_leader, why_removal_allowed, basebackup_only, order);
};
struct Bootstrap {
  static constexpr std::string_view kName = "bootstrap";
  /// /initialize must be created; the version of an abandoned one that is taken over; nullopt: create.
  std::optional<dcs::Version> take_over;
  /// A copy of another cluster, to follow it, instead of a new one.
  bool standby_leader = false;
  /// Whom to copy; nullopt: by methods that need no leader.
  std::optional<postgres::Upstream> source = std::nullopt;

  TANIST_FIELDS(take_over, standby_leader, source);
};
struct FinishBootstrap {
  static constexpr std::string_view kName = "finish_bootstrap";
  bool standby_leader = false;

  TANIST_FIELDS(standby_leader);
};
struct CancelBootstrap {
  static constexpr std::string_view kName = "cancel_bootstrap";
  TANIST_FIELDS();
};
/// PostgreSQL is stopped and started again in the role it has (ha.md §11.1).
struct Restart {
  static constexpr std::string_view kName = "restart";
  bool as_standby = true;
  std::optional<postgres::Upstream> upstream;
  /// nullopt: primary_start_timeout.
  std::optional<Duration> timeout;
  /// Whoever gave this order waits for the outcome; nullopt: a scheduled one.
  std::optional<OrderId> order;
  bool as_standby_leader = false;

  TANIST_FIELDS(as_standby, upstream, timeout, order, as_standby_leader);
};
/// End the running operation (as far as its Cancel allows), then decide again.
struct PreEmpt {
  static constexpr std::string_view kName = "pre_empt";
  std::string why;

  TANIST_FIELDS(why);
};
/// Delete the leader key, with the last LSN where it is known.
struct Release {
  static constexpr std::string_view kName = "release";
  std::optional<Lsn> last_lsn;

  TANIST_FIELDS(last_lsn);
};
/// Answer to an operation that awaits a verdict. In awaiting_go: stop now, or not yet; in awaiting_release:
/// release the key now, or go on keeping it until PostgreSQL is down. To a copy that was asked for: remove
/// the data now.
struct Advance {
  static constexpr std::string_view kName = "advance";
  bool now = false;
  /// What was decided holds until then; 0: for as long as it takes.
  Instant good_until{};

  TANIST_FIELDS(now, good_until);
};
/// SIGTERM: stop PostgreSQL, hand the key over, end.
struct Shutdown {
  static constexpr std::string_view kName = "shutdown";
  bool hurry = false;

  TANIST_FIELDS(hurry);
};
/// End the daemon.
struct Exit {
  static constexpr std::string_view kName = "exit";
  int code = 0;
  std::string why;

  TANIST_FIELDS(code, why);
};
/// Stop a server that must not run (empty or lost data directory).
struct StopImmediate {
  static constexpr std::string_view kName = "stop_immediate";
  TANIST_FIELDS();
};
}  // namespace intent

using Intent = std::variant<intent::None, intent::Acquire, intent::Promote, intent::Demote, intent::Follow,
                            intent::Start, intent::CopySlots, intent::CrashRecover, intent::Rewind,
                            intent::Clone, intent::Bootstrap, intent::FinishBootstrap,
                            intent::CancelBootstrap, intent::Restart, intent::PreEmpt, intent::Release,
                            intent::Advance, intent::Shutdown, intent::Exit, intent::StopImmediate>;

namespace duty {
/// Publish /members/{me}. Every decision of a reachable store has it; the cycle builds the value.
struct Member {
  static constexpr std::string_view kName = "member";
  TANIST_FIELDS();
};
/// Write /status (normally carried by the next renewal).
struct Status {
  static constexpr std::string_view kName = "status";
  dcs::Status status;

  TANIST_FIELDS(status);
};
/// Store my system identifier in /initialize.
struct Initialize {
  static constexpr std::string_view kName = "initialize";
  dcs::Condition condition;
  std::string system_id;

  TANIST_FIELDS(condition, system_id);
};
/// The store has what my bootstrap made: the note of the attempt goes.
struct ForgetBootstrap {
  static constexpr std::string_view kName = "forget_bootstrap";
  TANIST_FIELDS();
};
/// Store my dynamic configuration in /config.
struct Config {
  static constexpr std::string_view kName = "config";
  dcs::Condition condition;

  TANIST_FIELDS(condition);
};
/// Rewrite the request in /failover, if it is still this one: it is over, or only its candidate is left of
/// it.
struct Failover {
  static constexpr std::string_view kName = "failover";
  dcs::Version version;
  /// Empty: no request any more.
  std::string candidate = {};

  TANIST_FIELDS(version, candidate);
};
struct DeleteSync {
  static constexpr std::string_view kName = "delete_sync";
  dcs::Version version;

  TANIST_FIELDS(version);
};
/// Write /sync, if it is still of this version. What is promised with it holds from before it is sent (of who
/// is added) or until it is done (of who is left out).
struct Sync {
  static constexpr std::string_view kName = "sync";
  dcs::Version version;
  std::string leader;
  std::vector<std::string> voters;
  int quorum = 0;
  /// For the log: once it is done, or when somebody else has written it; empty: nothing.
  std::string done_text = {};
  std::string refused_text = {};

  TANIST_FIELDS(version, leader, voters, quorum, done_text, refused_text);
};
/// Whose acknowledgement commits wait for: `synchronous_standby_names` of the own server. Done once it is in
/// force.
struct StandbyNames {
  static constexpr std::string_view kName = "standby_names";
  /// nullopt: as it is configured.
  std::optional<std::string> text;

  TANIST_FIELDS(text);
};
/// Whose standbys consumers of failover slots wait for: `synchronized_standby_slots` of the own server. Done
/// once it is in force.
struct StandbySlots {
  static constexpr std::string_view kName = "standby_slots";
  /// nullopt: as it is configured.
  std::optional<std::string> text;

  TANIST_FIELDS(text);
};
/// Who takes part in failsafe mode: /failsafe, if it is still of this version.
struct Failsafe {
  static constexpr std::string_view kName = "failsafe";
  dcs::Version version;
  std::map<std::string, std::string> members;

  TANIST_FIELDS(version, members);
};
struct History {
  static constexpr std::string_view kName = "history";
  Timeline timeline;

  TANIST_FIELDS(timeline);
};
struct Slots {
  static constexpr std::string_view kName = "slots";
  postgres::SlotsWanted wanted;

  TANIST_FIELDS(wanted);
};
/// hot_standby_feedback is on whatever is configured, or as configured again.
struct ForceFeedback {
  static constexpr std::string_view kName = "force_feedback";
  bool on = false;

  TANIST_FIELDS(on);
};
/// Arm before a promotion, disarm as replica.
struct Fence {
  static constexpr std::string_view kName = "fence";
  bool arm = false;

  TANIST_FIELDS(arm);
};
struct Callback {
  static constexpr std::string_view kName = "callback";
  std::string action;
  postgres::Role role;

  TANIST_FIELDS(action, role);
};
/// CHECKPOINT in the background, result into memory.
struct CheckpointAfterPromote {
  static constexpr std::string_view kName = "checkpoint";
  TANIST_FIELDS();
};
/// CHECKPOINT of a standby in the background: the one after its promotion has less to write.
struct PrepareToLead {
  static constexpr std::string_view kName = "prepare_to_lead";
  TANIST_FIELDS();
};
/// Words of member key and REST that a decision (not an operation) sets.
struct SetRole {
  static constexpr std::string_view kName = "role";
  postgres::Role role;

  TANIST_FIELDS(role);
};
struct SetState {
  static constexpr std::string_view kName = "state";
  postgres::State state;
  /// Since when it is so; nullopt: since now.
  std::optional<Instant> since;

  TANIST_FIELDS(state, since);
};
/// Have a standby connect to its upstream now instead of after wal_retrieve_retry_interval.
struct LookForWal {
  static constexpr std::string_view kName = "look_for_wal";
  TANIST_FIELDS();
};
/// What becomes of the order with this id (Asked, ScheduledRestart): it is over.
struct Answer {
  static constexpr std::string_view kName = "answer";
  OrderId id = 0;
  OrderAnswer answer;

  TANIST_FIELDS(id, answer);
};
/// A line for the log besides the cycle's result.
struct Say {
  static constexpr std::string_view kName = "say";
  log::Level level = log::Level::info;
  std::string text;

  TANIST_FIELDS(level, text);
};
}  // namespace duty

using Duty = std::variant<duty::Member, duty::Status, duty::Initialize, duty::ForgetBootstrap, duty::Config,
                          duty::Failover, duty::DeleteSync, duty::Sync, duty::StandbyNames,
                          duty::StandbySlots, duty::Failsafe, duty::History, duty::Slots, duty::ForceFeedback,
                          duty::Fence, duty::Callback, duty::CheckpointAfterPromote, duty::PrepareToLead,
                          duty::SetRole, duty::SetState, duty::Answer, duty::LookForWal, duty::Say>;

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
  /// Ask this server whether it can be copied from.
  std::optional<postgres::Upstream> source;
  bool any() const { return peers || linearizable_view || control_file || divergence || source; }

  TANIST_FIELDS(peers, peers_gone, linearizable_view, control_file, divergence, source);
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

/// Stable codes of the rules that decisions ask (rules.inc).
enum class Rule {
#define TANIST_RULE(code, passed, failed, section) code,
#include "ha/model/rules.inc"
#undef TANIST_RULE
};
std::string_view rule_name(Rule);
std::string_view rule_section(Rule);

/// What came of a rule: for journal, REST and whoever explains a decision.
struct Check {
  Rule rule{};
  bool passed = false;
  /// The member it was asked of; empty: this one.
  std::string about = {};
  /// What it was decided by.
  Document numbers = Document::map();
  /// The rule's words with the numbers in them.
  std::string text() const;
};

struct Decision {
  Reason reason;
  /// The rules on the way to it, in their order.
  std::vector<Check> checks;
  Mandate mandate;
  Intent intent;
  std::vector<OrderedDuty> duties;
  Needs needs;
  Memory memory;
  /// Something is expected of PostgreSQL any moment: the next decision is made on a new answer of it.
  bool look_closely = false;
  /// Decide again no later than this (besides events and loop_wait); nullopt: nothing special.
  std::optional<Instant> wake_at;
};

/// A decision, and all that it was made on.
struct Decided {
  View view;
  Decision decision;
};
using DecidedPtr = std::shared_ptr<const Decided>;

/// kName of the intent, or duty, that it is: `acquire`, `promote`, …
template <class... Kinds>
std::string_view name_of(const std::variant<Kinds...>& what) {
  return std::visit([](const auto& one) { return one.kName; }, what);
}

}  // namespace tanist::ha
