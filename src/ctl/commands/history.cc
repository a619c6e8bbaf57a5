#include "ctl/commands/history.h"

#include <ostream>

#include "ctl/show/records.h"

namespace tanist::ctl {

void run_history(const std::string& cluster, Format format, ClusterStore& store, const Terminal& terminal) {
  Records records{.columns = {{"TL", true}, {"LSN", true}, {"Reason"}, {"Timestamp"}, {"New Leader"}}};
  const auto view = store.read(cluster);
  for (const auto& line : view->history.lines)
    records.rows.push_back({static_cast<std::int64_t>(line.parent.value), line.switch_lsn.value, line.reason,
                            line.timestamp, line.new_leader});
  terminal.out << format_records(records, format) << std::flush;
}

namespace {

Ending call_history(const Call& call) {
  run_history(call.cluster(), format_named(call.given.text(kFormat, "pretty")),
              *call.around.open_store(call.settings), call.around.terminal);
  return Ending::done;
}

}  // namespace

Command history_command() {
  return {.line = {.name = "history",
                   .help = "Show when the primary's role passed from one member to another",
                   .arguments = {kCluster},
                   .options = {kGroup, kFormat},
                   .footer = "TL: the timeline that ended; LSN: where, in bytes; New Leader: who went on."},
          .run = call_history};
}

}  // namespace tanist::ctl
