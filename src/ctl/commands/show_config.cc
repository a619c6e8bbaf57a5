#include "ctl/commands/show_config.h"

#include <ostream>

#include "ctl/show/yaml_writer.h"

namespace tanist::ctl {

void run_show_config(const std::string& cluster, ClusterStore& store, const Terminal& terminal) {
  const auto view = store.read(cluster);
  if (!view->config.valid) return;
  terminal.out << to_yaml(view->config.data) << '\n' << std::flush;
}

}  // namespace tanist::ctl
