#include "ctl/commands/remove.h"

#include "core/format.h"
#include "ctl/member_selection.h"

namespace tanist::ctl {

namespace {

void confirm_removal(const std::string& name, const dcs::Cluster& cluster, const Terminal& terminal) {
  if (ask(terminal, "Please confirm the cluster name to remove") != name)
    throw Failure("Cluster names specified do not match");
  const std::string phrase = "Yes I am aware";
  const auto told = ask(terminal, fmt::format("You are about to remove all information in DCS for {}, please "
                                              "type: \"{}\"",
                                              name, phrase));
  if (told != phrase) throw Failure(fmt::format("You did not exactly type \"{}\"", phrase));
  if (cluster.unlocked()) return;
  const auto leader =
      ask(terminal, "This cluster currently is healthy. Please specify the leader name to continue");
  if (leader != cluster.leader_name()) throw Failure("You did not specify the current leader of the cluster");
}

}  // namespace

void run_remove(const std::string& name, Format format, ClusterStore& store, const Terminal& terminal) {
  const auto cluster = store.read(name);
  show_members(terminal, *cluster, name, format);
  std::vector<std::string> running;
  for (const auto& [member, unused] : cluster->members) running.push_back(member);
  if (!running.empty())
    warn(terminal,
         fmt::format("members still run: {}; they lose the configuration and the history of the cluster, and "
                     "write their keys again",
                     joined(running)));
  confirm_removal(name, *cluster, terminal);
  require_done(store.remove(name), "remove cluster " + name);
}

namespace {

Ending call_remove(const Call& call) {
  run_remove(call.cluster(), format_named(call.given.text(kFormat, "pretty")),
             *call.around.open_store(call.settings), call.around.terminal);
  return Ending::done;
}

}  // namespace

Command remove_command() {
  return {
      .line = {.name = "remove",
               .help = "Delete everything that the store knows of a cluster",
               .arguments = {kNamedCluster},
               .options = {kGroup, kFormat},
               .footer = "For clusters that are no more: stop their members first. PostgreSQL and its data "
                         "are not touched."},
      .run = call_remove};
}

}  // namespace tanist::ctl
