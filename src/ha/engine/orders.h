#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "async/event.h"
#include "async/task.h"
#include "ha/model/decision.h"

namespace tanist::ha {

/// The orders that wait: for a decision, for their operation to end, for their time. Decisions see them in
/// the View and answer them by their id. Lives on the engine's thread.
class OrdersInHand {
 public:
  /// `wake`: something is to be decided.
  explicit OrdersInHand(std::function<void()> wake) : wake_(std::move(wake)) {}

  const Commands& commands() const { return commands_; }

  /// SIGTERM; a second one that is in a hurry counts.
  void shut_down(bool hurry);

  /// Puts an order before the next decision and returns its answer, which may take minutes. A cancelled asker
  /// takes nothing back.
  Task<OrderAnswer> put(Order order);
  /// `postmaster_start_time`: of PostgreSQL as it runs now; empty: it does not.
  order::ScheduleRestart::Outcome schedule(order::ScheduleRestart wanted, std::string postmaster_start_time);
  order::DropScheduledRestart::Outcome drop_schedule();

  /// The operation that an order wants was started.
  void begun(OrderId id);
  /// A decision has the answer: the order is over, and whoever waits for it is told.
  void answer(OrderId id, OrderAnswer answer);
  /// The daemon ends: all are refused, and so is what comes later.
  void close(std::string why);

 private:
  struct Waiting {
    std::optional<OrderAnswer> answer;
    Event answered;
    /// Where the asker keeps this once it is answered; nullptr: it has left.
    std::shared_ptr<Waiting>* asker = nullptr;
  };

  std::function<void()> wake_;
  Commands commands_;
  /// Who waits for the orders of `commands_.asked`.
  std::map<OrderId, std::shared_ptr<Waiting>> waiting_;
  OrderId last_id_ = 0;
  std::optional<std::string> closed_;
};

}  // namespace tanist::ha
