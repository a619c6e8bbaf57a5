#include <memory>
#include <utility>

#include "ha/engine/impl.h"

/// A restart at a time of the calendar: taken, withdrawn, and taken over from an earlier daemon.
namespace tanist::ha {
namespace {

constexpr const char* kNotKnown =
    "whether a restart is scheduled is not known yet: the disk does not answer, nothing was done";

}  // namespace

Task<order::ScheduleRestart::Answer> Engine::Impl::schedule_restart(order::ScheduleRestart order) {
  using enum order::ScheduleRestart::Outcome;
  const bool known = co_await schedule_note_.known();
  if (!known) co_return std::unexpected(std::string(kNotKnown));
  if (*scheduling_ || orders_.commands().scheduled_restart) co_return scheduled_already;
  struct Scheduling {
    std::shared_ptr<bool> flag;
    explicit Scheduling(std::shared_ptr<bool> f) : flag(std::move(f)) { *flag = true; }
    ~Scheduling() { *flag = false; }
  } scheduling(scheduling_);
  const auto& probe = ports_.server.facts().probe;
  ScheduledRestart planned;
  planned.wanted = std::move(order);
  if (probe) planned.postmaster_start_time = probe->postmaster_start_time;
  auto kept = co_await schedule_note_.keep(planned);
  if (!kept)
    co_return std::unexpected("the restart is not scheduled, it could not be noted: " + kept.error());
  const auto outcome = orders_.schedule(std::move(planned.wanted), std::move(planned.postmaster_start_time));
  publish();
  co_return outcome;
}

Task<order::DropScheduledRestart::Answer> Engine::Impl::drop_scheduled_restart() {
  const bool known = co_await schedule_note_.known();
  if (!known) co_return std::unexpected(std::string(kNotKnown));
  if (!orders_.commands().scheduled_restart) co_return order::DropScheduledRestart::Outcome::none_scheduled;
  auto dropped = co_await schedule_note_.drop();
  if (!dropped)
    co_return std::unexpected("the restart stays scheduled, its note could not be removed: " +
                              dropped.error());
  const auto outcome = orders_.drop_schedule();
  publish();
  co_return outcome;
}

void Engine::Impl::take_schedule_over() {
  schedule_note_.take_over([this](ScheduledRestart left) {
    orders_.schedule(std::move(left.wanted), std::move(left.postmaster_start_time));
  });
}

}  // namespace tanist::ha
