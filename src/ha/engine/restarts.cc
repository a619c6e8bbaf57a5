#include "ha/engine/impl.h"

/// Restarts that are asked for from outside: kept until a decision begins or refuses them, and answered when
/// their operation has ended.
namespace tanist::ha {

using Outcome = order::Restart::Answer::Outcome;

Task<order::Restart::Answer> Engine::obey(order::Restart order) {
  return impl_->restart(std::move(order));
}

Task<order::ScheduleRestart::Answer> Engine::obey(order::ScheduleRestart order) {
  co_return impl_->schedule_restart(std::move(order));
}

Task<order::DropScheduledRestart::Answer> Engine::obey(order::DropScheduledRestart) {
  co_return impl_->drop_scheduled_restart();
}

Task<order::Restart::Answer> Engine::Impl::restart(order::Restart request) {
  if (restart_) co_return order::Restart::Answer{Outcome::refused, "restart already in progress"};
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
  answer_restart({Outcome::refused, refusal.why});
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
    answer_restart({Outcome::done, {}});
  } else if (ports_.server.facts().running()) {
    answer_restart({Outcome::still_starting, {}});
  } else {
    answer_restart({Outcome::failed, {}});
  }
}

void Engine::Impl::answer_restart(order::Restart::Answer answer) {
  commands_.restart.reset();
  restart_->answer = std::move(answer);
  restart_.reset();
  restart_answered_.set();
}

order::ScheduleRestart::Answer Engine::Impl::schedule_restart(order::ScheduleRestart wanted) {
  if (commands_.scheduled_restart) return order::ScheduleRestart::Answer::scheduled_already;
  ScheduledRestart planned{
      .request = std::move(wanted.restart), .at = wanted.at, .shown = std::move(wanted.shown)};
  const auto& probe = ports_.server.facts().probe;
  if (probe) planned.postmaster_start_time = probe->postmaster_start_time;
  commands_.scheduled_restart = std::move(planned);
  publish();
  wake();
  return order::ScheduleRestart::Answer::scheduled;
}

order::DropScheduledRestart::Answer Engine::Impl::drop_scheduled_restart() {
  if (!commands_.scheduled_restart) return order::DropScheduledRestart::Answer::none_scheduled;
  commands_.scheduled_restart.reset();
  publish();
  wake();
  return order::DropScheduledRestart::Answer::dropped;
}

}  // namespace tanist::ha
