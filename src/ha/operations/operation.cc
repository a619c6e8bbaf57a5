#include "ha/operations/operation.h"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "async/wait.h"
#include "log/log.h"

TANIST_LOGGER("patroni.async_executor");

namespace tanist::ha {

void OperationRunner::start(OperationKind kind, std::string name, Task<Outcome> body, DemoteMode mode,
                            std::string source, std::optional<OrderId> order) {
  OperationView view;
  view.order = order;
  view.source = std::move(source);
  view.kind = kind;
  view.name = std::move(name);
  view.demote_mode = mode;
  view.since = view.phase_since = ports_.clock.now();
  view_ = std::move(view);
  preempted_ = false;
  verdict_given_.clear();
  handle_ = scope_.spawn("operation " + view_->name, run(std::move(body)));
  host_.publish();
}

Task<void> OperationRunner::run(Task<Outcome> body) {
  Outcome outcome;
  bool aborted = false;
  try {
    outcome = co_await std::move(body);
  } catch (const OperationPreempted&) {
    outcome = {Ending::cancelled, "cancelled"};
  } catch (const boost::system::system_error& e) {
    if (e.code() != boost::asio::error::operation_aborted) throw;
    aborted = true;
    outcome = {Ending::cancelled, "cancelled"};
  }
  OperationResult result;
  result.kind = view_->kind;
  result.order = view_->order;
  result.ending = outcome.ending;
  result.detail = std::move(outcome.detail);
  if (result.failed()) log::error("{} failed: {}", view_->name, result.detail);
  result.ended = ports_.clock.now();
  result.serial = ++serial_;
  last_ = std::move(result);
  view_.reset();
  host_.set_progress(std::nullopt);
  host_.publish();
  host_.wake();
  if (aborted) throw boost::system::system_error(boost::asio::error::operation_aborted);
}

void OperationRunner::preempt(const std::string& why) {
  if (!view_ || preempted_) return;
  preempted_ = true;
  log::warning("Cancelling long running task {}", view_->name);
  log::debug("{} is cancelled: {}", view_->name, why);
  if (view_->cancel == Cancel::free) handle_.cancel();
}

void OperationRunner::advance(const intent::Advance& verdict) {
  if (!view_ || !view_->awaits_verdict) return;
  verdict_ = verdict;
  verdict_given_.set();
}

Task<void> OperationRunner::join() {
  return handle_.join();
}

void OperationRunner::enter(Phase phase, Cancel cancel, Instant deadline) {
  if (preempted_ && cancel == Cancel::free) throw OperationPreempted{};
  view_->phase = phase;
  view_->cancel = cancel;
  view_->phase_since = ports_.clock.now();
  view_->deadline = deadline;
  host_.publish();
}

Task<bool> OperationRunner::verdict(Lsn checkpoint_lsn, std::function<bool()> pointless, Instant deadline) {
  view_->checkpoint_lsn = checkpoint_lsn;
  while (ports_.clock.now() < deadline && !pointless()) {
    verdict_ = {};
    verdict_given_.clear();
    view_->awaits_verdict = true;
    host_.publish();
    host_.wake();
    co_await wait_until(ports_.clock, verdict_given_, deadline);
    view_->awaits_verdict = false;
    if (verdict_.now) co_return true;
    co_await ports_.clock.sleep_for(std::chrono::milliseconds(20));
  }
  co_return false;
}

void OperationRunner::note_released() {
  view_->released = true;
}

}  // namespace tanist::ha
