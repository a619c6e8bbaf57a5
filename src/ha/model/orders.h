#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/document.h"
#include "core/fields.h"
#include "core/time.h"
#include "dcs/model.h"
#include "dcs/values.h"
#include "ha/model/failsafe.h"
#include "ha/model/peer_answer.h"
#include "postgres/types.h"

/// What others ask of one member, today through its REST API: each order with what may become of it
/// (`Answer`). Values, kept in memory: lost with the daemon, but for a scheduled restart.
namespace tanist::ha {

namespace order {

// What a decision answers.

/// A restart of PostgreSQL and the conditions under which it is wanted (ha.md §11.1); all that are set must
/// hold.
struct Restart {
  static constexpr std::string_view kName = "restart";
  struct Answer {
    enum class Outcome {
      begun,           // a scheduled one: nobody waits for its end
      done,            // PostgreSQL accepts connections again
      refused,         // nothing was done: `why`
      still_starting,  // it does not accept connections yet, and goes on starting
      failed,
    } outcome = Outcome::refused;
    std::string why;
    static Answer refused(std::string why) { return {Outcome::refused, std::move(why)}; }

    TANIST_FIELDS(outcome, why);
  };

  /// The member's role at the time of the restart.
  std::optional<postgres::Role> role;
  /// The server must be older than this, as `server_version_num` counts: 150004 for 15.4.
  std::optional<int> older_than;
  /// Only if a changed parameter waits for a restart.
  bool only_if_pending = false;
  /// How long the start may take; nullopt: primary_start_timeout.
  std::optional<Duration> timeout;

  TANIST_FIELDS(role, older_than, only_if_pending, timeout);
};

/// A new copy in the place of the data directory (ha.md §11.3).
struct Reinitialize {
  static constexpr std::string_view kName = "reinitialize";
  struct Answer {
    enum class Outcome {
      started,  // from now on the data directory is removed
      refused,  // it is kept: `why`
    } outcome = Outcome::refused;
    std::string why;
    static Answer refused(std::string why) { return {Outcome::refused, std::move(why)}; }

    TANIST_FIELDS(outcome, why);
  };

  /// What the member is busy with is ended first.
  bool force = false;
  /// A base backup of the leader, whatever else there is to copy from.
  bool from_leader = false;
  /// It is refused where it could not be begun until then.
  Instant deadline{};

  TANIST_FIELDS(force, from_leader, deadline);
};

// What is answered at once.

/// A restart at a time of the calendar (ha.md §11.2); one at a time.
struct ScheduleRestart {
  static constexpr std::string_view kName = "schedule_restart";
  enum class Outcome {
    scheduled,
    scheduled_already,  // another one, which stays
  };
  /// The error: it is not scheduled, and why; it could not be kept for the next daemon.
  using Answer = std::expected<Outcome, std::string>;

  Restart restart;
  WallTime at{};
  /// What was accepted, as it is shown again: `schedule` and the conditions.
  Document shown = Document::map();

  TANIST_FIELDS(restart, at, shown);
};

/// Withdraws the scheduled restart.
struct DropScheduledRestart {
  static constexpr std::string_view kName = "drop_scheduled_restart";
  enum class Outcome { dropped, none_scheduled };
  /// The error: it stays, and why; the next daemon would find it.
  using Answer = std::expected<Outcome, std::string>;
};

// What needs no decision. A `deadline` bounds the work; the asker may wait longer.

/// Look at PostgreSQL now unless what is known of it is younger than `max_age`, and publish: for GET /patroni
/// of peers.
struct Refresh {
  static constexpr std::string_view kName = "refresh";
  using Answer = std::monostate;
  Duration max_age{};
  Instant deadline{};
};

/// A linearizable view of the cluster; the error says why it could not be had.
struct ReadCluster {
  static constexpr std::string_view kName = "read_cluster";
  using Answer = std::expected<dcs::ClusterPtr, std::string>;
  Instant deadline{};
};

/// Ask members for their status, as a decision does.
struct AskMembers {
  static constexpr std::string_view kName = "ask_members";
  /// An entry for each name asked.
  using Answer = std::map<std::string, PeerAnswer>;
  /// By name.
  std::map<std::string, std::string> api_urls;
  Instant deadline{};
};

/// Let a primary lead on that has lost the store (ha.md §12.3). What is promised is on disk when it is
/// answered.
struct Promise {
  static constexpr std::string_view kName = "promise";
  struct Answer {
    enum class Outcome { given, refused, mode_is_off } outcome = Outcome::mode_is_off;
    /// Of a refusal.
    std::string why;
    /// How far this member has received and replayed; 0: it is not known.
    Lsn position;
  };
  FailsafeQuestion question;
};

/// Write a key of the store, and wake the cycle.
struct WriteKey {
  static constexpr std::string_view kName = "write_key";
  using Answer = dcs::WriteResult;
  dcs::Record record;
  dcs::Condition condition;
  Instant deadline{};
};

/// Read the local configuration again and apply it, as SIGHUP does: begun when it is answered.
struct Reload {
  static constexpr std::string_view kName = "reload";
  using Answer = std::monostate;
};

}  // namespace order

/// The orders that decisions answer. Each can be refused (`Answer::refused`): at the end of the daemon all
/// are.
using Order = std::variant<order::Restart, order::Reinitialize>;

namespace detail {
template <class Orders>
struct AnswerTo;
template <class... Orders>
struct AnswerTo<std::variant<Orders...>> {
  using type = std::variant<typename Orders::Answer...>;
};
}  // namespace detail
using OrderAnswer = detail::AnswerTo<Order>::type;

/// Tells an order from every other one of this daemon's life.
using OrderId = std::uint64_t;

/// An order that waits for a decision, or for its operation to end.
struct Asked {
  OrderId id = 0;
  Order order;
  /// Its operation was begun: OperationView::order while it runs, then OperationResult::order.
  bool begun = false;

  TANIST_FIELDS(id, order, begun);
};

/// A restart that waits for its time.
struct ScheduledRestart {
  OrderId id = 0;
  order::ScheduleRestart wanted;
  /// When PostgreSQL was started, as it says itself: another time then means that the restart has happened
  /// already. Empty: it was not running.
  std::string postmaster_start_time;

  TANIST_FIELDS(id, wanted, postmaster_start_time);
};

}  // namespace tanist::ha
