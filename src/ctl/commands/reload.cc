#include "ctl/commands/reload.h"

#include <ostream>

#include "core/format.h"
#include "ctl/members.h"
#include "ctl/timing.h"

namespace tanist::ctl {

Ending run_reload(const ReloadCommand& command, ClusterStore& store, MemberApi& api,
                  const Terminal& terminal) {
  const auto cluster = store.read(command.cluster);
  const auto members = choose_members(terminal, *cluster, command.cluster, command.role, command.members);
  if (!command.force &&
      !confirm(terminal, fmt::format("Are you sure you want to reload members {}?", joined(members))))
    throw Failure("Aborted reload");
  Members members_api(api, command.cluster);
  MemberAction reload(members_api, terminal, "reload");
  for (const auto& name : members) {
    const auto& member = cluster->members.at(name);
    const auto answer = reload.ask(member, {.method = "POST", .endpoint = "reload"});
    if (!answer) continue;
    if (answer->status == 200) {
      reload.tell(fmt::format("No changes to apply on member {}", name));
    } else if (answer->status == 202) {
      reload.tell(fmt::format("Reload request received for member {} and will be processed within {} seconds",
                              name, loop_wait(*cluster, command.local).count()));
    } else {
      reload.refused(member, *answer);
    }
  }
  return reload.end();
}

namespace {

Ending call_reload(const Call& call) {
  const ReloadCommand command{.cluster = call.cluster(),
                              .members = call.given.texts(kMembers),
                              .role = call.given.text(kRole, "any"),
                              .force = call.given.has(kForce),
                              .local = call.settings.document};
  const auto store = call.around.open_store(call.settings);
  const auto api = call.around.open_member_api(call.settings);
  return run_reload(command, *store, *api, call.around.terminal);
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
