#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "core/time.h"
#include "ctl/member_list.h"
#include "ctl/read_cluster.h"

namespace tanist::ctl {

struct ListCommand {
  /// Clusters to show, one table each.
  std::vector<std::string> clusters;
  ListOptions options;
  /// A line with the local time before each round.
  bool timestamp = false;
  /// Again and again, from one beginning to the next; nullopt: once.
  std::optional<Duration> every;
  /// Clear the screen before each round.
  bool clear_screen = false;
};

/// Where output goes and how the command waits.
struct Terminal {
  std::ostream& out;
  std::ostream& err;
  std::function<Instant()> now;
  std::function<WallTime()> wall_now;
  /// False: stop watching.
  std::function<bool(Instant until)> sleep_until;
};

/// Throws Failure; while watching, a store that does not answer is reported in place of the tables and asked
/// again.
void run_list(const ListCommand& command, ClusterReader& reader, const Terminal& terminal);

/// A line of the log on the error stream: `<time> - WARNING - <message>`.
void warn(const Terminal& terminal, const std::string& message);

}  // namespace tanist::ctl
