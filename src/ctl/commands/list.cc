#include "ctl/commands/list.h"

#include <ctime>
#include <ostream>

namespace tanist::ctl {

namespace {

constexpr const char* kClearScreen = "\033[2J\033[1;1H";

std::string local_time(WallTime when) {
  const std::time_t whole = unix_seconds(when);
  std::tm local{};
  ::localtime_r(&whole, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local);
  return text;
}

/// All of one round, so that a screen changes at once.
std::string round_of(const ListCommand& command, ClusterStore& store, const Terminal& terminal,
                     std::vector<std::string>& warnings) {
  std::string out;
  if (command.timestamp) out += local_time(terminal.wall_now()) + '\n';
  for (const auto& name : command.clusters) {
    const auto cluster = store.read(name);
    out += format_members(*cluster, name, command.options, warnings);
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

}  // namespace tanist::ctl
