#include "postgres/local/scripts.h"

#include <algorithm>

#include "async/wait.h"
#include "log/log.h"
#include "postgres/local/context.h"
#include "postgres/local/programs.h"

TANIST_LOGGER("patroni.postgresql.cancellable");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
/// How often a script that runs before the stop is compared with the server that is to be stopped.
constexpr Duration kScriptLook = 100ms;
}  // namespace

Scripts::Scripts(Context& context, Programs& programs)
    : context_(context), programs_(programs), callbacks_(context.clock, context.scope) {}

Task<Result> Scripts::run_pre_promote(Instant deadline) {
  const std::string& script = context_.pg().scripts.pre_promote;
  if (script.empty()) co_return Result();
  auto running = programs_.run_script("pre_promote", script, {}, programs_.script_environment(), deadline);
  co_return co_await std::move(running);
}

Task<void> Scripts::log_script(std::string what, std::string command, Instant deadline) {
  auto running = programs_.run_script(what, std::move(command), {}, programs_.script_environment(), deadline);
  Result done = co_await std::move(running);
  if (!done) log::warning("{}", done.error().detail);
}

Task<void> Scripts::run_before_stop(Instant deadline) {
  Clock& clock = context_.clock;
  const std::string command = context_.pg().scripts.before_stop;
  if (command.empty() || !context_.facts.running()) co_return;
  auto script = context_.spawn("before_stop", log_script("before_stop", command, deadline));
  while (script.running() && context_.facts.running() && clock.now() < deadline) {
    auto ending = script.join();
    co_await run_until(clock, std::move(ending), std::min(clock.now() + kScriptLook, deadline));
  }
  if (script.running()) log::warning("before_stop \"{}\" is not waited for any longer", command);
  script.cancel();
}

void Scripts::run_callback(std::string action, Role role) {
  const Facts& facts = context_.facts;
  const auto command = context_.pg().scripts.callbacks.find(action);
  if (command == context_.pg().scripts.callbacks.end() || command->second.empty()) return;
  const Role shown = role == Role::promoted ? Role::primary : role;
  Callbacks::Call call;
  call.command = command->second;
  call.action = std::move(action);
  call.role = to_string(shown);
  call.scope = context_.settings->scope;
  call.name = context_.settings->name;
  call.leader = leader_;
  // A promotion is told before the server is on its new timeline.
  const bool promoting = shown == Role::primary && facts.probe && facts.probe->in_recovery;
  if (facts.probe && !promoting) call.timeline = facts.probe->effective_timeline;
  if (!call.timeline && !facts.probe && facts.control) call.timeline = facts.control->checkpoint_timeline;
  callbacks_.run(std::move(call));
}

Task<void> Scripts::close(Instant deadline) {
  callbacks_.close();
  co_await callbacks_.wait_begun(deadline);
}

}  // namespace tanist::postgres
