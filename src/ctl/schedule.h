#pragma once

#include <optional>
#include <string>

#include "core/time.h"

/// Points in time as people type and read them: of the zone of this host, unless they say otherwise.
namespace tanist::ctl {

struct Schedule {
  WallTime at;
  /// As it is sent and shown, in the zone it was given in: `2031-01-01T10:00:00+01:00`.
  std::string iso;
};

/// What was given for a time (ctl.md §12): nullopt is now, said by `now` or by nothing. ISO 8601: a date, a
/// time behind `T` or a blank, an offset; a time alone is one of today. Throws Failure.
std::optional<Schedule> parse_schedule(const std::string& text, WallTime now);

/// `2031-01-01T10:00`, an hour from now: an example of what may be given.
std::string an_hour_from(WallTime now);

/// `2031-01-01 10:00:00`
std::string local_time(WallTime when);
/// The same with five digits of the second's fraction.
std::string local_timestamp(WallTime when);

}  // namespace tanist::ctl
