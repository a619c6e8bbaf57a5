#include "ctl/commands/top.h"

#include "ctl/top/top.h"

namespace tanist::ctl {

namespace {

constexpr cli::Option kTopInterval{.names = "-w,--watch",
                                   .help = "Look every so many seconds (default: 2), and at every event",
                                   .value = "SECONDS",
                                   .type = cli::Type::number,
                                   .least = 0.2,
                                   .most = 3600,
                                   .in_short = "Seconds between two looks"};

Ending call_top(const Call& call) {
  TopCommand command{.cluster = call.cluster(), .local = call.settings.document};
  if (const auto every = call.given.number(kTopInterval)) command.every = from_seconds(*every);
  const auto store = call.around.open_store(call.settings);
  run_top(command, *store, member_access(call.settings), call.around.terminal);
  return Ending::done;
}

}  // namespace

Command top_command() {
  return {
      .line = {.name = "top",
               .help = "Watch a cluster on the whole screen, and act on it by keys",
               .arguments = {kCluster},
               .options = {kGroup, kTopInterval},
               .footer =
                   "Members with role, state, timeline and a curve of their lag, and the last events. Keys: "
                   "up and down\n"
                   "(or k and j) select a member, s switches over to it, r restarts its PostgreSQL, p "
                   "pauses or resumes\n"
                   "the cluster, each after y and Enter; ? helps, q ends. Needs a terminal, of 80x24 or "
                   "larger.\n\n"
                   "Exit code: 0 ended by q or Ctrl-C; 1 an error, as without a terminal."},
      .run = call_top};
}

}  // namespace tanist::ctl
