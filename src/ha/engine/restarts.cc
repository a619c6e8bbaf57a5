#include "ha/engine/impl.h"

/// Restarts that are asked for from outside: kept until a decision begins or refuses them, and answered when
/// their operation has ended.
namespace tanist::ha {
namespace {

using Kind = RestartAnswer::Kind;

}  // namespace

Task<RestartAnswer> Engine::restart(RestartOrder order) {
  if (auto* request = std::get_if<RestartRequest>(&order)) {
    RestartAnswer answer = co_await impl_->restart(std::move(*request));
    co_return answer;
  }
  if (auto* planned = std::get_if<ScheduledRestart>(&order))
    co_return impl_->schedule_restart(std::move(*planned));
  co_return impl_->drop_scheduled_restart();
}

Task<RestartAnswer> Engine::Impl::restart(RestartRequest request) {
  if (restart_) co_return RestartAnswer{Kind::refused, "restart already in progress"};
  auto mine = std::make_shared<RestartInHand>();
  restart_ = mine;
  commands_.restart = RestartAsked{std::move(request), ++restarts_asked_};
  wake();
  while (!mine->answer) {
    restart_answered_.clear();
    co_await restart_answered_.wait();
  }
  co_return *mine->answer;
}

void Engine::Impl::refuse_restart(const duty::RefuseRestart& refusal) {
  if (!restart_ || !commands_.restart || commands_.restart->id != refusal.id) return;
  answer_restart({Kind::refused, refusal.why});
}

void Engine::Impl::note_restart_begun(const intent::Restart& restart) {
  if (!restart_ || !commands_.restart || restart.asked != commands_.restart->id) return;
  commands_.restart.reset();
  restart_->results_before = operations_.last() ? operations_.last()->serial : 0;
  restart_->begun = true;
}

void Engine::Impl::settle_restart() {
  if (!restart_ || !restart_->begun) return;
  const auto& result = operations_.last();
  if (!result || result->serial <= restart_->results_before) return;
  if (result->ok()) {
    answer_restart({Kind::done, {}});
  } else if (ports_.server.facts().running()) {
    answer_restart({Kind::still_starting, {}});
  } else {
    answer_restart({Kind::failed, {}});
  }
}

void Engine::Impl::answer_restart(RestartAnswer answer) {
  commands_.restart.reset();
  restart_->answer = std::move(answer);
  restart_.reset();
  restart_answered_.set();
}

RestartAnswer Engine::Impl::schedule_restart(ScheduledRestart planned) {
  if (commands_.scheduled_restart) return {Kind::scheduled_already, {}};
  const auto& probe = ports_.server.facts().probe;
  if (probe) planned.postmaster_start_time = probe->postmaster_start_time;
  commands_.scheduled_restart = std::move(planned);
  publish();
  wake();
  return {Kind::scheduled, {}};
}

RestartAnswer Engine::Impl::drop_scheduled_restart() {
  if (!commands_.scheduled_restart) return {Kind::none_scheduled, {}};
  commands_.scheduled_restart.reset();
  publish();
  wake();
  return {Kind::dropped, {}};
}

}  // namespace tanist::ha
