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
/// again.
void run_list(const ListCommand& command, ClusterStore& reader, const Terminal& terminal);

Command list_command();

/// What `topology` shares with it.
inline constexpr cli::Option kWatchAgain{.names = "-W", .help = "Show again every 2 seconds, until Ctrl-C"};
/// Longer pauses between two rounds than a day are typing errors.
inline constexpr cli::Option kWatch{.names = "-w,--watch",
                                    .help = "Show again every so many seconds",
                                    .value = "SECONDS",
                                    .type = cli::Type::number,
                                    .least = 0.01,
                                    .most = 86400};
/// By the clusters and the two options above.
ListCommand watched(const Call& call);
/// Runs it where a cluster is named at all, and tells a warning otherwise.
void show_clusters(const ListCommand& command, const Call& call);

}  // namespace tanist::ctl
