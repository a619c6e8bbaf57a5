#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "core/document.h"
#include "core/time.h"
#include "postgres/types.h"

/// What an operator asks of one member through its REST API. Values, kept in memory only: lost with the
/// daemon.
namespace tanist::ha {

/// A restart of PostgreSQL and the conditions under which it is wanted (ha.md §11.1); all that are set must
/// hold.
struct RestartRequest {
  /// The member's role at the time of the restart.
  std::optional<postgres::Role> role;
  /// The server must be older than this, as `server_version_num` counts: 150004 for 15.4.
  std::optional<int> older_than;
  /// Only if a changed parameter waits for a restart.
  bool only_if_pending = false;
  /// How long the start may take; nullopt: primary_start_timeout.
  std::optional<Duration> timeout;
};

/// A request that waits for the next decision.
struct RestartAsked {
  RestartRequest request;
  /// Tells this request from the next one.
  std::uint64_t id = 0;
};

/// A restart at a time of the calendar (ha.md §11.2); one at a time.
struct ScheduledRestart {
  RestartRequest request;
  WallTime at{};
  /// When PostgreSQL was started, as it says itself: another time then means that the restart has happened
  /// already. Empty: it was not running.
  std::string postmaster_start_time;
  /// What was accepted, as it is shown again: `schedule` and the conditions.
  Document shown = Document::map();
};

/// Withdraws the scheduled restart.
struct DropSchedule {};

using RestartOrder = std::variant<RestartRequest, ScheduledRestart, DropSchedule>;

/// What became of an order.
struct RestartAnswer {
  enum class Kind {
    done,            // PostgreSQL accepts connections again
    refused,         // nothing was done: `why`
    still_starting,  // it does not accept connections yet, and goes on starting
    failed,
    scheduled,
    scheduled_already,  // another one, which stays
    dropped,
    none_scheduled,
  } kind = Kind::refused;
  std::string why;
};

}  // namespace tanist::ha
