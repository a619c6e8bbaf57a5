#include "ha/policy/shutdown.h"

#include "ha/policy/questions.h"
#include "ha/policy/watching.h"

namespace tanist::ha::policy {

bool shut_down(Draft& d) {
  if (!d.view.commands.shutdown) return false;
  const bool hurry = d.view.commands.hurry;
  if (d.view.operation) {
    const OperationView& op = *d.view.operation;
    if (op.kind == OperationKind::shutdown && hurry) d.intend(intent::Shutdown{.hurry = true});
    if (op.kind == OperationKind::shutdown || op.kind == OperationKind::demote) {
      if (gives_lock_up(op)) d.give_lock_up();
      if (op.awaits_verdict && !hurry) return give_verdict(d, op);
      return d.because(Code::shutting_down);
    }
    // ha.md §2, shutdown 1. A phase that cannot be broken ends by itself; its operation stops there.
    d.intend(intent::PreEmpt{"shutdown"});
    return d.because(Code::shutting_down);
  }
  // ha.md §2, shutdown 2
  if (d.settings.dynamic.pause) {
    if (d.view.fence.holds) d.add(duty::Fence{.arm = false});
    d.say(log::Level::info, Code::shutdown_paused);
    d.intend(intent::Exit{.code = 0, .why = std::string(code_text(Code::shutdown_paused))});
    d.let_lock_lapse();
    return d.because(Code::shut_down);
  }
  const auto& last = d.view.last_operation;
  if (last && last->kind == OperationKind::shutdown) {
    // ha.md §2: what may commit is not left behind. A process that the kernel does not give back is killed
    // again.
    if (may_commit(d.view)) {
      d.intend(intent::Shutdown{.hurry = hurry || !last->ok()});
      return d.because(last->ok() ? Code::shutting_down : Code::shutdown_failed);
    }
    d.let_lock_lapse();
    if (last->ok()) {
      d.intend(intent::Exit{});
      return d.because(Code::shut_down);
    }
    d.intend(intent::Exit{.code = 1, .why = std::string(code_text(Code::shutdown_failed))});
    return d.because(Code::shutdown_failed);
  }
  d.intend(intent::Shutdown{hurry});
  return d.because(Code::shutting_down);
}

}  // namespace tanist::ha::policy
