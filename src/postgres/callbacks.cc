#include "postgres/callbacks.h"

#include <signal.h>

#include <memory>

#include "core/log.h"
#include "process/command_line.h"
#include "process/proc.h"

namespace tanist::postgres {
namespace {

process::Environment environment_of(const Callbacks::Call& call) {
  auto environment = process::without(process::environment(), {"PATRONI_", "TANIST_", "NOTIFY_SOCKET"});
  environment["TANIST_ACTION"] = call.action;
  environment["TANIST_ROLE"] = call.role;
  environment["TANIST_SCOPE"] = call.scope;
  environment["TANIST_NAME"] = call.name;
  environment["TANIST_LEADER"] = call.leader;
  environment["TANIST_TIMELINE"] = call.timeline ? std::to_string(call.timeline.value) : "";
  return environment;
}

}  // namespace

void Callbacks::run(Call call) {
  auto words = process::split_command(call.command);
  if (!words || words->empty()) {
    log::error("callback {} is not run: \"{}\" is no command ({})", call.action, call.command,
               words ? "it is empty" : words.error());
    return;
  }
  auto& slot = running_[call.action == "on_reload"];
  if (slot && !slot->child.pidfd().ended()) {
    process::kill_tree(slot->child.pid());
    // Whoever left the tree is still in the group.
    slot->child.signal_group(SIGKILL);
    log::warning("Killed {} because it was still running", slot->what);
  }
  process::Command run;
  run.argv = std::move(*words);
  run.argv.insert(run.argv.end(), {call.action, call.role, call.scope});
  run.environment = environment_of(call);
  run.out = process::Output::inherit;
  run.err = process::Output::inherit;
  auto child = process::Child::spawn(run);
  if (!child) {
    log::error("callback {}: {}", call.action, child.error());
    return;
  }
  slot = std::make_shared<Running>(std::move(*child), std::move(call.command));
  if (!closed_) scope_.spawn("callback " + call.action, wait(slot));
}

Task<void> Callbacks::wait(std::shared_ptr<Running> running) {
  auto ended = running->child.pidfd().wait();
  co_await std::move(ended);
  if (const auto exit = running->child.reap(); exit && !exit->success() && exit->signal == 0) {
    log::info("callback {} ended with {}", running->what, exit->describe());
  }
}

}  // namespace tanist::postgres
