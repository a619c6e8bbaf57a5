#include "ctl/commands/show_config.h"

#include <ostream>

#include "core/format.h"
#include "ctl/show/yaml_writer.h"

namespace tanist::ctl {

void run_show_config(const std::string& cluster, ClusterStore& store, const Terminal& terminal) {
  const auto view = store.read(cluster);
  if (!view->config.valid && !view->config.version.absent())
    throw Failure(fmt::format("the config key of the cluster {} holds no JSON object", cluster));
  warn_if_unknown(terminal, *view, cluster);
  if (!view->config.valid) return;
  terminal.out << to_yaml(view->config.data) << '\n' << std::flush;
}

namespace {

Ending call_show_config(const Call& call) {
  const auto cluster = call.cluster();
  run_show_config(cluster, *call.around.open_store(call.settings), call.around.terminal);
  return Ending::done;
}

}  // namespace

Command show_config_command() {
  return {.line = {.name = "show-config",
                   .help = "Print the configuration that all members of a cluster share",
                   .arguments = {kCluster},
                   .options = {kGroup},
                   .footer = "It is the value of /config in the store: timing, modes, slots, PostgreSQL's "
                             "parameters. What only\n"
                             "one member has stands in its own file."},
          .run = call_show_config};
}

}  // namespace tanist::ctl
