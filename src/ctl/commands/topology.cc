#include "ctl/commands/topology.h"

#include "ctl/commands/list.h"

namespace tanist::ctl {

namespace {

Ending call_topology(const Call& call) {
  ListCommand command = watched(call);
  command.options.format = Format::topology;
  return show_clusters(command, call);
}

}  // namespace

Command topology_command() {
  return {.line = {.name = "topology",
                   .help = "Show the members of clusters as a tree: who replicates from whom",
                   .arguments = {kClusters},
                   .options = {kGroup, kWatchAgain, kWatch}},
          .run = call_topology};
}

}  // namespace tanist::ctl
