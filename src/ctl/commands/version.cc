#include "ctl/commands/version.h"

#include <algorithm>
#include <ostream>

#include "core/format.h"
#include "core/version.h"
#include "ctl/members.h"
#include "dcs/compatible_version.h"
#include "postgres/server_version.h"

namespace tanist::ctl {

namespace {

std::string text_at(const Document& status, const char* path) {
  const Document* value = status.find_path(path);
  return value != nullptr ? value->text() : "None";
}

/// `as_patroni`: nothing that the original does not say.
std::string versions_of(const Document& status, bool as_patroni) {
  std::string out = "Patroni " + text_at(status, "patroni.version");
  const Document* server = status.find("server_version");
  const auto number = server != nullptr ? parse_int(*server) : std::nullopt;
  if (number && *number > 0) out += " PostgreSQL " + postgres::server_version_text(static_cast<int>(*number));
  const Document* own = status.find("tanist_version");
  if (own != nullptr && !as_patroni) out += " Tanist " + own->text();
  return out;
}

}  // namespace

Ending run_version(const VersionCommand& command, const std::string& program,
                   const std::function<std::unique_ptr<ClusterStore>()>& open_store,
                   const std::function<std::unique_ptr<MemberApi>()>& open_api, const Terminal& terminal) {
  // Who calls the tool patronictl compares with what that knows.
  const bool as_patroni = program == "patronictl";
  terminal.out << fmt::format("{} version {}\n", as_patroni ? program : "tanistctl",
                              as_patroni ? dcs::kCompatibleVersion : version());
  if (command.cluster.empty()) return Ending::done;
  terminal.out << '\n' << std::flush;
  const auto cluster = open_store()->read(command.cluster);
  const auto api = open_api();
  Members members(*api, command.cluster);
  Ending ending = Ending::done;
  for (const auto& [name, member] : cluster->members) {
    const auto& wanted = command.members;
    if (member.api_url.empty() || (!wanted.empty() && std::ranges::find(wanted, name) == wanted.end()))
      continue;
    const auto status = members.status(member);
    if (!status) ending = Ending::failed;
    terminal.out << fmt::format("{}: {}\n", name,
                                status ? versions_of(*status, as_patroni)
                                       : "failed to get version: " + status.error().why)
                 << std::flush;
  }
  return ending;
}

namespace {

constexpr cli::Argument kShownCluster{
    .name = "CLUSTER", .help = "Name of the cluster (default: none)", .names_of = cli::Names::cluster};

Ending call_version(const Call& call) {
  const VersionCommand command{.cluster = call.given.text(kShownCluster),
                               .members = call.given.texts(kMembers)};
  return run_version(
      command, call.program, [&] { return call.around.open_store(call.settings); },
      [&] { return call.around.open_member_api(call.settings); }, call.around.terminal);
}

}  // namespace

Command version_command() {
  return {.line = {.name = "version",
                   .help = "Show the version of this tool, and of a cluster's members",
                   .arguments = {kShownCluster, kMembers},
                   .options = {kGroup}},
          .run = call_version};
}

}  // namespace tanist::ctl
