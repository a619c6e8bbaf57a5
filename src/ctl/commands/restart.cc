#include "ctl/commands/restart.h"

#include <algorithm>

#include "config/modes.h"
#include "core/format.h"
#include "ctl/members.h"
#include "ctl/schedule.h"
#include "ctl/timing.h"
#include "postgres/server_version.h"

namespace tanist::ctl {

namespace {

using namespace std::chrono_literals;

/// Beyond the time of a start: for the checkpoint and the end of the clients before it. A host that dies
/// meanwhile is noticed much earlier.
constexpr Duration kStopMargin = 1h;

std::optional<Schedule> chosen_time(const RestartCommand& command, const Terminal& terminal) {
  std::string text = command.scheduled.value_or("");
  if (!command.scheduled && !command.force)
    text =
        ask(terminal,
            fmt::format("When should the restart take place (e.g. {}) ", an_hour_from(terminal.wall_now())),
            "now");
  return parse_schedule(text, terminal.wall_now());
}

void ask_whether(const RestartCommand& command, const Terminal& terminal,
                 const std::vector<std::string>& members, const std::optional<Schedule>& at) {
  if (command.force) return;
  if (!at) {
    if (!confirm(terminal, fmt::format("Are you sure you want to restart members {}?", joined(members))))
      throw Failure("Aborted restart");
    return;
  }
  std::string blank = at->iso;
  std::ranges::replace(blank, 'T', ' ');
  const std::string question =
      command.pending ? "The nodes needing a restart will be identified at the scheduled time, and might be "
                        "different from "
                        "the ones showing pending restart right now. Is this fine?"
                      : fmt::format("Are you sure you want to schedule restart of members {} at {}?",
                                    joined(members), blank);
  if (!confirm(terminal, question)) throw Failure("Aborted scheduled restart");
}

std::string chosen_version(const RestartCommand& command, const Terminal& terminal) {
  if (command.older_than) return *command.older_than;
  if (command.force) return {};
  return ask(terminal, "Restart if the PostgreSQL version is less than provided (e.g. 9.5.2) ", "");
}

std::vector<std::string> chosen_members(const RestartCommand& command, const dcs::Cluster& cluster,
                                        std::vector<std::string> members, bool at_once,
                                        const Terminal& terminal) {
  if (command.pending && at_once)
    std::erase_if(members, [&](const auto& name) { return !cluster.members.at(name).pending_restart; });
  if (command.any_one && !members.empty()) {
    const auto chance = terminal.now().time_since_epoch() / 1us;
    members = {members[static_cast<std::size_t>(chance) % members.size()]};
  }
  return members;
}

/// What is already planned there gives way. True: nothing stands in the way any more.
bool withdraw(const dcs::Member& member, Members& members, const Terminal& terminal) {
  const Document* planned = member.raw.find("scheduled_restart");
  if (planned == nullptr || !planned->truthy()) return true;
  MemberAction flush(members, terminal, "flush scheduled restart");
  const auto answer = flush.ask(member, {.method = "DELETE", .endpoint = "restart"});
  // It was carried out or taken back meanwhile: as well.
  constexpr int kNothingThere = 404;
  if (!answer) return false;
  if (answer->status >= 400 && answer->status != kNothingThere) flush.refused(member, *answer);
  return true;
}

}  // namespace

Ending run_restart(const RestartCommand& command, ClusterStore& store, MemberApi& api,
                   const Terminal& terminal) {
  const auto cluster = store.read(command.cluster);
  auto members = choose_members(terminal, *cluster, command.cluster, command.role, command.members);
  const auto at = chosen_time(command, terminal);
  members = chosen_members(command, *cluster, std::move(members), !at, terminal);
  ask_whether(command, terminal, members, at);

  Document body = Document::map();
  if (command.pending) body.set("restart_pending", true);
  if (const std::string version = chosen_version(command, terminal); !version.empty()) {
    if (const auto number = postgres::parse_server_version(version); !number) throw Failure(number.error());
    body.set("postgres_version", version);
  }
  if (at) {
    if (config::modes_of(cluster->config.data).pause)
      throw Failure("Can't schedule restart in the paused state");
    body.set("schedule", at->iso);
  }
  Duration limit = start_timeout(*cluster);
  if (command.timeout) {
    const auto seconds = parse_int(Document(*command.timeout), "s");
    if (!seconds || *seconds <= 0) throw Failure("Timeout should be a positive number of seconds");
    limit = std::chrono::seconds(*seconds);
    body.set("timeout", *command.timeout);
  }

  Members all(api, command.cluster);
  MemberAction restart(all, terminal, "restart");
  for (const auto& name : members) {
    const auto& member = cluster->members.at(name);
    if (at && command.force && !withdraw(member, all, terminal)) continue;
    const auto answer = restart.ask(
        member, {.method = "POST", .endpoint = "restart", .body = body, .patience = limit + kStopMargin});
    if (!answer) continue;
    if (answer->status == 200) {
      restart.tell(fmt::format("Success: restart on member {}", name));
    } else if (answer->status == 202) {
      restart.tell(fmt::format("Success: restart scheduled on member {}", name));
    } else if (answer->status == 409) {
      restart.failed(fmt::format("Failed: another restart is already scheduled on member {}", name));
    } else {
      restart.refused(member, *answer);
    }
  }
  return restart.end();
}

namespace {

constexpr cli::Option kAny{.names = "--any", .help = "One of the chosen members, whichever"};
constexpr cli::Option kRestartTime{.names = "--scheduled",
                                   .help =
                                       "When: a time as ISO 8601 has it, of this host's zone unless it says "
                                       "another; now",
                                   .value = "TIME",
                                   .in_short = "When to restart"};
constexpr cli::Option kPgVersion{
    .names = "--pg-version", .help = "Only where PostgreSQL is older than this", .value = "VERSION"};
constexpr cli::Option kPending{.names = "--pending",
                               .help = "Only members that wait for a restart to apply their parameters"};
constexpr cli::Option kTimeout{.names = "--timeout",
                               .help =
                                   "How long the start may take before the primary's role is given away: "
                                   "seconds, or with a unit (10min)",
                               .value = "TIMEOUT",
                               .in_short = "How long the start may take"};

Ending call_restart(const Call& call) {
  const RestartCommand command{.cluster = call.cluster(),
                               .members = call.given.texts(kMembers),
                               .role = call.given.text(kRole, "any"),
                               .any_one = call.given.has(kAny),
                               .scheduled = call.given.text(kRestartTime),
                               .older_than = call.given.text(kPgVersion),
                               .pending = call.given.has(kPending),
                               .timeout = call.given.text(kTimeout),
                               .force = call.given.has(kForce)};
  const auto store = call.around.open_store(call.settings);
  const auto api = call.around.open_member_api(call.settings);
  return run_restart(command, *store, *api, call.around.terminal);
}

}  // namespace

Command restart_command() {
  return {
      .line = {.name = "restart",
               .help = "Restart PostgreSQL on members",
               .arguments = {kNamedCluster, kMembers},
               .options = {kGroup, kRole, kAny, kRestartTime, kPgVersion, kPending, kTimeout, kForce},
               .footer =
                   "One member after the other; each answers when its PostgreSQL accepts connections again. "
                   "The primary\n"
                   "keeps its role, unless it does not come up in time.\n\n"
                   "Examples:\n"
                   "  restart shop --pending --force           (what edit-config left to be done)\n"
                   "  restart shop pgb --scheduled 2031-01-01T03:00 --force"},
      .run = call_restart};
}

}  // namespace tanist::ctl
