#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/time.h"
#include "ctl/cluster_store.h"
#include "ctl/show/member_list.h"
#include "ctl/terminal.h"

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

/// Throws Failure; while watching, a store that does not answer is reported in place of the tables and asked
/// again.
void run_list(const ListCommand& command, ClusterStore& reader, const Terminal& terminal);

}  // namespace tanist::ctl
