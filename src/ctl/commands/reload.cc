#include "ctl/commands/reload.h"

#include <ostream>

#include "core/format.h"
#include "ctl/member_selection.h"

namespace tanist::ctl {

namespace {

constexpr std::int64_t kDefaultLoopWait = 10;

std::int64_t loop_wait(const dcs::Cluster& cluster, const Document& local) {
  for (const Document* config : {&cluster.config.data, &local}) {
    const Document* value = config->find("loop_wait");
    if (value != nullptr) {
      if (const auto number = parse_int(*value)) return *number;
    }
  }
  return kDefaultLoopWait;
}

}  // namespace

void run_reload(const ReloadCommand& command, ClusterStore& store, MemberApi& api, const Terminal& terminal) {
  const auto cluster = store.read(command.cluster);
  const auto members = choose_members(terminal, *cluster, command.cluster, command.role, command.members);
  if (!command.force &&
      !confirm(terminal, fmt::format("Are you sure you want to reload members {}?", joined(members))))
    throw Failure("Aborted reload");
  std::vector<std::string> unreachable;
  for (const auto& name : members) {
    const auto answer = api.ask("POST", cluster->members.at(name).api_url, "reload");
    if (!answer) {
      unreachable.push_back(name);
      terminal.out << fmt::format("Failed: reload for member {}, {}\n", name, answer.error());
    } else if (answer->status == 200) {
      terminal.out << fmt::format("No changes to apply on member {}\n", name);
    } else if (answer->status == 202) {
      terminal.out << fmt::format(
          "Reload request received for member {} and will be processed within {} seconds\n", name,
          loop_wait(*cluster, command.local));
    } else {
      terminal.out << fmt::format("Failed: reload for member {}, status code={}, ({})\n", name,
                                  answer->status, answer->body);
    }
    terminal.out << std::flush;
  }
  if (!unreachable.empty()) throw Failure("no answer from " + joined(unreachable));
}

namespace {

constexpr cli::Argument kMembers{.name = "MEMBERS", .help = "Names of members (default: all)", .many = true};
constexpr cli::Option kRole{.names = "-r,--role",
                            .help = "Only members of a role: leader, primary, standby-leader, replica, any",
                            .value = "ROLE",
                            .choices = kRoles};

void call_reload(const Call& call) {
  const ReloadCommand command{.cluster = call.cluster(),
                              .members = call.given.texts(kMembers),
                              .role = call.given.text(kRole, "any"),
                              .force = call.given.has(kForce),
                              .local = call.settings.document};
  const auto store = call.around.open_store(call.settings);
  const auto api = call.around.open_member_api(call.settings);
  run_reload(command, *store, *api, call.around.terminal);
}

}  // namespace

Command reload_command() {
  return {
      .line = {.name = "reload",
               .help = "Have members read their configuration files again",
               .arguments = {kNamedCluster, kMembers},
               .options = {kGroup, kRole, kForce},
               .footer =
                   "It is what SIGHUP does: the member reads its files again, writes PostgreSQL's anew and "
                   "reloads it.\n"
                   "Changes by edit-config need no reload."},
      .run = call_reload};
}

}  // namespace tanist::ctl
