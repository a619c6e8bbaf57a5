#include "postgres/callbacks.h"

#include <memory>

#include "core/log.h"
#include "process/command_line.h"
#include "process/proc.h"

namespace tanist::postgres {

void Callbacks::run(std::string command, std::string action, std::string role, std::string cluster) {
  auto words = process::split_command(command);
  if (!words || words->empty()) {
    log::error("callback {} is not run: \"{}\" is no command ({})", action, command,
               words ? "it is empty" : words.error());
    return;
  }
  auto& slot = running_[action == "on_reload"];
  if (slot && !slot->child.pidfd().ended()) {
    process::kill_tree(slot->child.pid());
    log::warning("Killed {} because it was still running", slot->what);
  }
  process::Command run;
  run.argv = std::move(*words);
  run.argv.insert(run.argv.end(), {action, std::move(role), std::move(cluster)});
  run.environment = process::without(process::environment(), {"PATRONI_", "TANIST_", "NOTIFY_SOCKET"});
  run.out = process::Output::inherit;
  run.err = process::Output::inherit;
  auto child = process::Child::spawn(run);
  if (!child) {
    log::error("callback {}: {}", action, child.error());
    return;
  }
  slot = std::make_shared<Running>(std::move(*child), command);
  if (!closed_) scope_.spawn("callback " + action, wait(slot));
}

Task<void> Callbacks::wait(std::shared_ptr<Running> running) {
  auto ended = running->child.pidfd().wait();
  co_await std::move(ended);
  if (const auto exit = running->child.reap(); exit && !exit->success() && exit->signal == 0) {
    log::info("callback {} ended with {}", running->what, exit->describe());
  }
}

}  // namespace tanist::postgres
