#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/time.h"
#include "ctl/command.h"
#include "ctl/show/member_list.h"

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
/// again, and what members (`api`, where it is given) tell of is shown at once.
void run_list(const ListCommand& command, ClusterStore& reader, const Terminal& terminal,
              MemberApi* api = nullptr);

Command list_command();

/// What `topology` shares with it: the clusters, and how often they are shown.
ListCommand watched(const Call& call);
/// Runs it where a cluster is named at all, and tells a warning otherwise.
Ending show_clusters(const ListCommand& command, const Call& call);

}  // namespace tanist::ctl
