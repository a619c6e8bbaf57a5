#include "ctl/commands/failover.h"

#include "ctl/commands/switchover.h"

namespace tanist::ctl {

namespace {

Ending call_failover(const Call& call) {
  const SwitchoverCommand command{.kind = SwitchoverCommand::Kind::failover,
                                  .cluster = call.cluster(),
                                  .candidate = call.given.text(kCandidate),
                                  .force = call.given.has(kForce),
                                  .wait = call.given.has(kWaitForOthers),
                                  .local = call.settings.document};
  const auto store = call.around.open_store(call.settings);
  const auto api = call.around.open_member_api(call.settings);
  return run_switchover(command, *store, *api, call.around.terminal);
}

}  // namespace

Command failover_command() {
  return {
      .line = {.name = "failover",
               .help = "Make a member the primary, also where there is none",
               .arguments = {kCluster},
               .options = {kGroup, kCandidate, kForce, kWaitForOthers},
               .footer = "For a cluster without a leader, or a candidate that a switchover refuses; what the "
                         "candidate has not\n"
                         "received is lost. In any other case `switchover` is the better one."},
      .run = call_failover};
}

}  // namespace tanist::ctl
