#include "ctl/commands/table.h"

#include <algorithm>

#include "core/format.h"
#include "core/version.h"
#include "ctl/commands/doctor.h"
#include "ctl/commands/dsn.h"
#include "ctl/commands/edit_config.h"
#include "ctl/commands/explain.h"
#include "ctl/commands/failover.h"
#include "ctl/commands/flush.h"
#include "ctl/commands/history.h"
#include "ctl/commands/list.h"
#include "ctl/commands/pause.h"
#include "ctl/commands/query.h"
#include "ctl/commands/reinit.h"
#include "ctl/commands/reload.h"
#include "ctl/commands/remove.h"
#include "ctl/commands/replay.h"
#include "ctl/commands/restart.h"
#include "ctl/commands/show_config.h"
#include "ctl/commands/standby_cluster.h"
#include "ctl/commands/switchover.h"
#include "ctl/commands/top.h"
#include "ctl/commands/topology.h"
#include "ctl/commands/version.h"

namespace tanist::ctl {

namespace {

constexpr const char* kAbout =
    "Look at PostgreSQL clusters that Tanist (or Patroni) keeps running, and have their members do "
    "something: "
    "switch\n"
    "over, restart, copy their data anew. What is shown is read from the store that the members agree in.";

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
      list_command(),
      topology_command(),
      history_command(),
      switchover_command(),
      failover_command(),
      restart_command(),
      reload_command(),
      reinit_command(),
      pause_command(),
      resume_command(),
      flush_command(),
      show_config_command(),
      edit_config_command(),
      dsn_command(),
      query_command(),
      version_command(),
      remove_command(),
      top_command(),
      doctor_command(),
      explain_command(),
      replay_command(),
      demote_cluster_command(),
      promote_cluster_command(),
  };
  return all;
}

const Command* find_command(const std::string& name) {
  const auto found = std::ranges::find(commands(), name, [](const Command& c) { return c.line.name; });
  return found == commands().end() ? nullptr : &*found;
}

cli::Program program(const std::string& name) {
  cli::Program out{.name = name,
                   .also_called = {"patronictl"},
                   .in_short = "look at PostgreSQL clusters and have them do something",
                   .about = kAbout,
                   .version = std::string("tanistctl ") + version(),
                   .options = {kConfigFile, kDcsUrl, kInsecure, kStrict}};
  for (const auto& command : commands()) out.commands.push_back(command.line);
  out.footer = fmt::format(
      "Examples:\n"
      "  {0} -c /etc/tanist/shop.yml list\n"
      "  {0} -d etcd3://10.1.0.11:2379 list shop -W\n"
      "  {0} -c /etc/tanist/shop.yml list -f json | jq '.[] | select(.Role == \"Leader\")'\n"
      "  {0} -c /etc/tanist/shop.yml edit-config -s ttl=20 -p work_mem=8MB\n"
      "  {0} -c /etc/tanist/shop.yml switchover --candidate pgb\n"
      "  {0} -c /etc/tanist/shop.yml restart shop --pending\n\n"
      "Exit code: 0 done, also where a member refused (`Failed: ...`; --strict makes 3 of it, and 4 of an "
      "unknown "
      "outcome);\n"
      "1 an error (`Error: ...`), 2 wrong usage.",
      name);
  return out;
}

}  // namespace tanist::ctl
