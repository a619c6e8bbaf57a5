#include "ctl/commands/flush.h"

#include <ostream>

#include "core/format.h"
#include "ctl/members.h"
#include "ctl/schedule.h"

namespace tanist::ctl {

Ending run_flush_restart(const FlushCommand& command, ClusterStore& store, MemberApi& api,
                         const Terminal& terminal) {
  const auto cluster = store.read(command.cluster);
  const auto members = choose_members(terminal, *cluster, command.cluster, command.role, command.members);
  if (!command.force &&
      !confirm(terminal, fmt::format("Are you sure you want to flush members {}?", joined(members))))
    throw Failure("Aborted flush");
  Members all(api, command.cluster);
  MemberAction flush(all, terminal, "flush scheduled restart");
  for (const auto& name : members) {
    const auto& member = cluster->members.at(name);
    const Document* planned = member.raw.find("scheduled_restart");
    if (planned == nullptr || !planned->truthy()) {
      flush.tell("No scheduled restart for member " + name);
    } else if (const auto answer = flush.ask(member, {.method = "DELETE", .endpoint = "restart"})) {
      flush.judge(member, *answer);
    }
  }
  return flush.end();
}

Ending run_flush_switchover(const std::string& cluster_name, ClusterStore& store, MemberApi& api,
                            const Terminal& terminal) {
  const auto cluster = store.read(cluster_name);
  if (!cluster->failover.scheduled_at) {
    terminal.out << "No pending scheduled switchover\n" << std::flush;
    return Ending::done;
  }
  Members members(api, cluster_name);
  for (const auto& name : leader_first(*cluster)) {
    const auto answer =
        members.ask(cluster->members.at(name), {.method = "DELETE", .endpoint = "switchover"});
    if (!answer) {
      warn(terminal, answer.error().why);
      warn(terminal, fmt::format("Member {} is not accessible", name));
    } else if (answer->status == 200 || answer->status == 404) {
      const bool done = answer->status == 200;
      terminal.out << (done ? "Success: " : "Failed: ") << answer->body << '\n' << std::flush;
      return done ? Ending::done : Ending::failed;
    } else {
      terminal.out << fmt::format("Failed: member={}, status_code={}, ({})\n", name, answer->status,
                                  answer->body)
                   << std::flush;
      hint_at_refusal(terminal, answer->status);
    }
  }
  warn(terminal, "Failing over to DCS");
  terminal.out << fmt::format("{} Could not find any accessible member of cluster {}\n",
                              local_timestamp(terminal.wall_now()), cluster_name)
               << std::flush;
  require_done(store.write_failover(cluster_name, {}, cluster->failover.version),
               "take back the scheduled switchover");
  return Ending::done;
}

namespace {

constexpr std::string_view kTargets[] = {"restart", "switchover"};
/// Words and names in one: what is taken back stands behind any number of members.
constexpr cli::Argument kTarget{
    .name = "TARGET",
    .help = "Names of members (default: all), then what is taken back: restart or switchover",
    .many = true,
    .names_of = cli::Names::member,
    .words = kTargets};

Ending call_flush(const Call& call) {
  auto words = call.given.texts(kTarget);
  if (words.empty()) throw WrongUsage("Missing argument 'TARGET': restart or switchover.");
  const std::string what = words.back();
  words.pop_back();
  if (what != "restart" && what != "switchover")
    throw WrongUsage(
        fmt::format("Invalid value for 'TARGET': '{}' is not one of 'restart', 'switchover'.", what));
  const auto store = call.around.open_store(call.settings);
  const auto api = call.around.open_member_api(call.settings);
  if (what == "switchover") return run_flush_switchover(call.cluster(), *store, *api, call.around.terminal);
  const FlushCommand command{.cluster = call.cluster(),
                             .members = std::move(words),
                             .role = call.given.text(kRole, "any"),
                             .force = call.given.has(kForce)};
  return run_flush_restart(command, *store, *api, call.around.terminal);
}

}  // namespace

Command flush_command() {
  return {.line = {.name = "flush",
                   .help = "Take back restarts or a switchover that are scheduled",
                   .arguments = {kNamedCluster, kTarget},
                   .options = {kGroup, kRole, kForce},
                   .footer = "Examples:\n"
                             "  flush shop pga pgb restart --force\n"
                             "  flush shop switchover"},
          .run = call_flush};
}

}  // namespace tanist::ctl
