#include "ctl/commands/pause.h"

#include <map>
#include <ostream>

#include "config/modes.h"
#include "core/format.h"
#include "ctl/members.h"
#include "ctl/timing.h"

namespace tanist::ctl {

namespace {

using namespace std::chrono_literals;

/// The member reads the store and writes to it before it answers.
constexpr Duration kPatience = 30s;

void say(const Terminal& terminal, const std::string& line) {
  terminal.out << line << '\n' << std::flush;
}

std::string success(bool paused) {
  return fmt::format("Success: cluster management is {}", paused ? "paused" : "resumed");
}

/// Which of the members that had an API before do not publish what is wanted, with the version of their key.
std::map<std::string, dcs::Version> disagreeing(const dcs::Cluster& cluster, const dcs::Cluster& before,
                                                bool paused) {
  std::map<std::string, dcs::Version> out;
  for (const auto& [name, member] : before.members) {
    const dcs::Member* now = cluster.member(name);
    if (!member.api_url.empty() && now != nullptr && now->pause != paused) out.emplace(name, now->version);
  }
  return out;
}

Ending wait_until_applied(const PauseCommand& command, const dcs::Cluster& before, ClusterStore& store,
                          const Terminal& terminal) {
  const char* word = command.paused ? "pause" : "resume";
  say(terminal, fmt::format("'{}' request sent, waiting until it is recognized by all nodes", word));
  const auto patience = loop_wait(before, command.local);
  const Instant end = terminal.now() + patience + 1s;
  std::map<std::string, dcs::Version> left;
  for (Instant next = terminal.now();; next += 1s) {
    left = disagreeing(*store.read(command.cluster), before, command.paused);
    if (left.empty()) {
      say(terminal, success(command.paused));
      return Ending::done;
    }
    if (terminal.now() >= end || !terminal.sleep_until(std::min(next + 1s, end))) break;
  }
  std::vector<std::string> unwilling;
  std::vector<std::string> silent;
  for (const auto& [name, version] : left)
    (version == before.members.at(name).version ? silent : unwilling).push_back(name);
  if (!unwilling.empty()) {
    say(terminal, fmt::format("{} members didn't recognized pause state after {} seconds", joined(unwilling),
                              patience.count()));
    return Ending::failed;
  }
  // The words that scripts wait for; whoever reads them is told the whole of it.
  say(terminal, success(command.paused));
  warn(terminal,
       fmt::format("{} said nothing for {} seconds: whether the request is known there is not known",
                   joined(silent), patience.count()));
  return Ending::unknown;
}

}  // namespace

Ending run_pause(const PauseCommand& command, ClusterStore& store, MemberApi& api, const Terminal& terminal) {
  const auto cluster = store.read(command.cluster);
  if (config::modes_of(cluster->config.data).pause == command.paused)
    throw Failure(command.paused ? "Cluster is already paused" : "Cluster is not paused");
  const MemberCall change{.method = "PATCH",
                          .endpoint = "config",
                          .body = Document::map({{"pause", command.paused ? Document(true) : Document()}}),
                          .patience = kPatience};
  Members members(api, command.cluster);
  for (const auto& name : leader_first(*cluster)) {
    const auto answer = members.ask(cluster->members.at(name), change);
    if (!answer) {
      warn(terminal, answer.error().why);
      warn(terminal, fmt::format("Member {} is not accessible", name));
      continue;
    }
    if (answer->status != 200) {
      say(terminal, fmt::format("Failed: {} cluster management status code={}, ({})",
                                command.paused ? "pause" : "resume", answer->status, answer->body));
      hint_at_refusal(terminal, answer->status);
      return Ending::failed;
    }
    if (command.wait) return wait_until_applied(command, *cluster, store, terminal);
    say(terminal, success(command.paused));
    return Ending::done;
  }
  throw Failure("Can not find accessible cluster member");
}

namespace {

constexpr cli::Option kWaitForMembers{.names = "--wait",
                                      .help = "Wait until all members say so, loop_wait at most"};

Ending call_pause(const Call& call, bool paused) {
  const PauseCommand command{.cluster = call.cluster(),
                             .paused = paused,
                             .wait = call.given.has(kWaitForMembers),
                             .local = call.settings.document};
  const auto store = call.around.open_store(call.settings);
  const auto api = call.around.open_member_api(call.settings);
  return run_pause(command, *store, *api, call.around.terminal);
}

}  // namespace

Command pause_command() {
  return {.line = {.name = "pause",
                   .help = "Leave a cluster to you: nothing is promoted, demoted, started or stopped",
                   .arguments = {kCluster},
                   .options = {kGroup, kWaitForMembers},
                   .footer = "For maintenance. A primary that fails is not replaced until `resume`."},
          .run = [](const Call& call) { return call_pause(call, true); }};
}

Command resume_command() {
  return {.line = {.name = "resume",
                   .help = "Take a paused cluster under management again",
                   .arguments = {kCluster},
                   .options = {kGroup, kWaitForMembers}},
          .run = [](const Call& call) { return call_pause(call, false); }};
}

}  // namespace tanist::ctl
