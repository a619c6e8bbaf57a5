#include "ctl/commands/dsn.h"

#include <algorithm>
#include <ostream>

#include "core/format.h"

namespace tanist::ctl {

MemberWanted member_wanted(const cli::Given& given) {
  return {.role = given.text(kRoleWanted), .member = given.text(kMember)};
}

std::vector<std::string> members_wanted(const dcs::Cluster& cluster, const MemberWanted& wanted) {
  if (wanted.role && wanted.member) throw Failure("--role and --member are mutually exclusive options");
  if (wanted.member)
    return cluster.member(*wanted.member) != nullptr ? std::vector{*wanted.member}
                                                     : std::vector<std::string>();
  return members_of_role(cluster, wanted.role.value_or("leader"));
}

void run_dsn(const std::string& name, const MemberWanted& wanted, ClusterStore& store,
             const Terminal& terminal) {
  if (wanted.role && wanted.member) throw Failure("--role and --member are mutually exclusive options");
  const auto cluster = store.read(name);
  for (const auto& member : members_wanted(*cluster, wanted)) {
    const auto address = cluster->members.at(member).host_port();
    if (!address) continue;
    terminal.out << fmt::format("host={} port={}\n", address->first, address->second) << std::flush;
    return;
  }
  throw Failure("Can not find a suitable member");
}

namespace {

Ending call_dsn(const Call& call) {
  run_dsn(call.cluster(), member_wanted(call.given), *call.around.open_store(call.settings),
          call.around.terminal);
  return Ending::done;
}

}  // namespace

Command dsn_command() {
  return {.line = {.name = "dsn",
                   .help = "Print how to connect to a member",
                   .arguments = {kCluster},
                   .options = {kGroup, kRoleWanted, kMember},
                   .footer = "Example:\n"
                             "  psql \"$(tanistctl dsn shop -r replica) user=app dbname=app\""},
          .run = call_dsn};
}

}  // namespace tanist::ctl
