#include "postgres/local/callbacks.h"

#include <signal.h>

#include <memory>

#include "async/wait.h"
#include "log/log.h"
#include "process/command_line.h"
#include "process/proc.h"

TANIST_LOGGER("patroni.postgresql.callback_executor");

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
  if (slot) end(*slot);
  process::Command run;
  run.argv = std::move(*words);
  run.argv.insert(run.argv.end(), {call.action, call.role, call.scope});
  run.environment = environment_of(call);
  run.out = process::Output::inherit;
  run.err = process::Output::inherit;
  slot = std::make_shared<Running>(std::move(call.command));
  if (closed_) {
    take_child(*slot, call.action, process::Child::spawn(run));
    return;
  }
  ++beginning_;
  scope_.spawn("callback " + call.action, start(slot, std::move(run), call.action));
}

void Callbacks::end(Running& running) {
  if (running.over || (running.child && running.child->pidfd().ended())) return;
  if (running.child) {
    process::kill_tree(running.child->pid());
    // Whoever left the tree is still in the group.
    running.child->signal_group(SIGKILL);
  }
  running.replaced = true;
  log::warning("Killed {} because it was still running", running.what);
}

void Callbacks::take_child(Running& running, const std::string& action,
                           std::expected<process::Child, std::string> child) {
  if (child) {
    running.child.emplace(std::move(*child));
    if (!running.replaced) return;
    process::kill_tree(running.child->pid());
    running.child->signal_group(SIGKILL);
    return;
  }
  running.over = true;
  log::error("callback {}: {}", action, child.error());
}

Task<void> Callbacks::start(std::shared_ptr<Running> running, process::Command command, std::string action) {
  // However long it takes: one that was replaced meanwhile is killed when it begins.
  auto child = co_await process::spawn(clock_, std::move(command), clock_.now() + std::chrono::hours(24),
                                       process::GivenUp::left_alone);
  take_child(*running, action, std::move(child));
  --beginning_;
  begun_.set();
  if (!running->child) co_return;
  co_await running->child->pidfd().wait(clock_);
  running->over = true;
  const auto exit = running->child->reap();
  if (exit && !running->replaced && !exit->success() && exit->signal == 0) {
    log::info("callback {} ended with {}", running->what, exit->describe());
  }
}

Task<void> Callbacks::wait_begun(Instant deadline) {
  while (beginning_ > 0 && clock_.now() < deadline) {
    begun_.clear();
    co_await wait_until(clock_, begun_, deadline);
  }
}

}  // namespace tanist::postgres
