#include "ctl/show_config_command.h"

#include <ostream>

#include "core/format.h"
#include "ctl/yaml_writer.h"

namespace tanist::ctl {

void run_show_config(const std::string& cluster, ClusterStore& store, const Terminal& terminal) {
  const auto view = store.read(cluster);
  if (!view->config.valid && view->config.version != 0)
    throw Failure(fmt::format("the config key of the cluster {} holds no JSON object", cluster));
  if (!view->config.valid) return;
  terminal.out << to_yaml(view->config.data) << '\n' << std::flush;
}

}  // namespace tanist::ctl
