#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/document.h"
#include "core/fields.h"
#include "core/time.h"
#include "postgres/types.h"

/// What an operator asks of one member through its REST API, each with what may become of it (`Answer`).
/// Values, kept in memory only: lost with the daemon. What is asked besides and needs no decision is in
/// ha/mailbox.h.
namespace tanist::ha {

namespace order {

/// A restart of PostgreSQL and the conditions under which it is wanted (ha.md §11.1); all that are set must
/// hold.
struct Restart {
  static constexpr std::string_view kName = "restart";
  struct Answer {
    enum class Outcome {
      done,            // PostgreSQL accepts connections again
      refused,         // nothing was done: `why`
      still_starting,  // it does not accept connections yet, and goes on starting
      failed,
    } outcome = Outcome::refused;
    std::string why;
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

/// A restart at a time of the calendar (ha.md §11.2); one at a time. Answered at once.
struct ScheduleRestart {
  static constexpr std::string_view kName = "schedule restart";
  enum class Answer {
    scheduled,
    scheduled_already,  // another one, which stays
  };

  Restart restart;
  WallTime at{};
  /// What was accepted, as it is shown again: `schedule` and the conditions.
  Document shown = Document::map();
};

/// Withdraws the scheduled restart.
struct DropScheduledRestart {
  static constexpr std::string_view kName = "drop scheduled restart";
  enum class Answer { dropped, none_scheduled };
};

}  // namespace order

/// The orders that a decision answers.
using Order = std::variant<order::Restart>;

/// A request that waits for the next decision.
struct RestartAsked {
  order::Restart request;
  /// Tells this request from the next one.
  std::uint64_t id = 0;

  TANIST_FIELDS(request, id);
};

/// A restart that waits for its time.
struct ScheduledRestart {
  order::Restart request;
  WallTime at{};
  /// When PostgreSQL was started, as it says itself: another time then means that the restart has happened
  /// already. Empty: it was not running.
  std::string postmaster_start_time;
  /// order::ScheduleRestart::shown
  Document shown = Document::map();

  TANIST_FIELDS(request, at, postmaster_start_time, shown);
};

}  // namespace tanist::ha
