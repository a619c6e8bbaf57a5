#include "ctl/commands/table.h"

#include <algorithm>

#include "core/format.h"
#include "core/version.h"
#include "ctl/commands/edit_config.h"
#include "ctl/commands/list.h"
#include "ctl/commands/reload.h"
#include "ctl/commands/show_config.h"
#include "ctl/commands/topology.h"

namespace tanist::ctl {

namespace {

constexpr const char* kAbout =
    "Look at PostgreSQL clusters that Tanist (or Patroni) keeps running: who leads, who follows, and how "
    "far\n"
    "behind; and change the configuration that their members share. What is shown is read from the store "
    "that\n"
    "the members agree in.";

Command later(const char* name) {
  return {.line = {.name = name}};
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
      list_command(),   topology_command(),      show_config_command(), edit_config_command(),
      reload_command(), later("demote-cluster"), later("dsn"),          later("failover"),
      later("flush"),   later("history"),        later("pause"),        later("promote-cluster"),
      later("query"),   later("reinit"),         later("remove"),       later("restart"),
      later("resume"),  later("switchover"),     later("version"),
  };
  return all;
}

const Command* find_command(const std::string& name) {
  const auto found = std::ranges::find(commands(), name, [](const Command& c) { return c.line.name; });
  return found == commands().end() ? nullptr : &*found;
}

cli::Program program(const std::string& name) {
  cli::Program out{.name = name,
                   .about = kAbout,
                   .version = std::string("tanistctl ") + version(),
                   .options = {kConfigFile, kDcsUrl, kInsecure}};
  for (const auto& command : commands())
    if (command.run != nullptr) out.commands.push_back(command.line);
  out.footer = fmt::format(
      "Examples:\n"
      "  {0} -c /etc/tanist/shop.yml list\n"
      "  {0} -d etcd3://10.1.0.11:2379 list shop -W\n"
      "  {0} -c /etc/tanist/shop.yml list -f json | jq '.[] | select(.Role == \"Leader\")'\n"
      "  {0} -c /etc/tanist/shop.yml edit-config -s ttl=20 -p work_mem=8MB\n"
      "  {0} -c /etc/tanist/shop.yml reload shop\n\n"
      "Exit code: 0 done, 1 an error (`Error: ...`), 2 wrong usage.",
      name);
  return out;
}

}  // namespace tanist::ctl
