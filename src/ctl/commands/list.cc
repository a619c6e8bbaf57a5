#include "ctl/commands/list.h"

#include <ostream>

#include "ctl/schedule.h"

namespace tanist::ctl {

namespace {

constexpr const char* kClearScreen = "\033[2J\033[1;1H";

/// All of one round, so that a screen changes at once.
std::string round_of(const ListCommand& command, ClusterStore& store, const Terminal& terminal,
                     std::vector<std::string>& warnings) {
  std::string out;
  if (command.timestamp) out += local_time(terminal.wall_now()) + '\n';
  for (const auto& name : command.clusters) {
    const auto cluster = store.read(name);
    out += format_members(*cluster, name, command.options, warnings);
    if (!command.every) warn_if_unknown(terminal, *cluster, name);
  }
  return out;
}

}  // namespace

void run_list(const ListCommand& command, ClusterStore& store, const Terminal& terminal) {
  for (bool first = true;; first = false) {
    const Instant begun = terminal.now();
    std::vector<std::string> warnings;
    std::string text;
    try {
      text = round_of(command, store, terminal, warnings);
    } catch (const Failure& failure) {
      if (!command.every || first) throw;
      text = std::string("Error: ") + failure.what() + '\n';
    }
    if (command.clear_screen) terminal.out << kClearScreen;
    terminal.out << text << std::flush;
    for (const auto& warning : warnings) warn(terminal, warning);
    if (!command.every || !terminal.out) return;
    if (!terminal.sleep_until(begun + *command.every)) return;
  }
}

namespace {

constexpr cli::Option kExtended{.names = "-e,--extended",
                                .help = "Also columns that no member has a value for"};
constexpr cli::Option kTimestamp{.names = "-t,--timestamp", .help = "Print the time first"};
Ending call_list(const Call& call) {
  ListCommand command = watched(call);
  command.options.format = format_named(call.given.text(kFormat, "pretty"));
  command.options.extended = call.given.has(kExtended);
  command.timestamp = call.given.has(kTimestamp);
  return show_clusters(command, call);
}

}  // namespace

ListCommand watched(const Call& call) {
  ListCommand command;
  command.clusters = call.clusters();
  command.every = watch_interval(call.given);
  command.clear_screen = command.every && call.around.terminal.out_is_terminal;
  return command;
}

Ending show_clusters(const ListCommand& command, const Call& call) {
  if (command.clusters.empty()) {
    warn(call.around.terminal, "Listing members: No cluster names were provided");
    call.around.terminal.err
        << "HINT: name one, or by -c FILE a configuration that has one as `scope` (a daemon's "
           "own does)"
        << told_source(call.settings) << '\n';
    return Ending::done;
  }
  const auto store = call.around.open_store(call.settings);
  run_list(command, *store, call.around.terminal);
  return Ending::done;
}

Command list_command() {
  return {
      .line = {.name = "list",
               .help = "Show the members of clusters: role, state, timeline, position, lag",
               .arguments = {kClusters},
               .options = {kGroup, kWatchAgain, kWatch, kExtended, kTimestamp, kFormat},
               .footer =
                   "Receive and Replay: how far a replica has received and replayed the WAL, with the lag "
                   "behind the\n"
                   "leader in MB. Hosts are shown with their port where it is not 5432 or hosts are "
                   "shared."},
      .run = call_list};
}

}  // namespace tanist::ctl
