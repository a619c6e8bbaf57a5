#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "ha/model/decision.h"
#include "ha/model/orders.h"
#include "ha/model/snapshot.h"
#include "ha/ports.h"
#include "ha/snapshot_board.h"

namespace tanist::ha {

/// Called on the control thread; for tests and for waking whoever waits for a change.
struct EngineObserver {
  std::function<void(SnapshotPtr)> published;
  std::function<void(const View&, const Decision&)> decided;
  /// After the store was reached and the name found free, before the first cycle: time to open the REST API.
  /// False ends the daemon with code 1. It may take its time, and blocks nobody.
  std::function<Task<bool>()> before_first_cycle;
};

/// The engine of one member: observe, decide, act. Lives on one thread (its executor); everything outside is
/// behind `ports`. Used alike by the daemon and by the simulator.
class Engine {
 public:
  Engine(Executor executor, Ports ports, config::SettingsPtr settings, SettingsBuilder builder,
         SnapshotBoard& board, EngineObserver observer = {});
  ~Engine();

  /// Opens the store, adopts PostgreSQL, and cycles until shutdown or a fatal finding. Returns the exit code.
  Task<int> run();

  /// SIGTERM: hand over and end. `hurry`: a second one.
  void shutdown(bool hurry);
  /// New local settings (SIGHUP): applied at the next cycle, which is woken.
  void reload(config::SettingsPtr settings, SettingsBuilder builder);

  // What comes through the mailbox (ha/mailbox.h); carried out on this thread.
  Task<order::Refresh::Answer> obey(order::Refresh order);
  Task<order::ReadCluster::Answer> obey(order::ReadCluster order);
  Task<order::WriteKey::Answer> obey(order::WriteKey order);
  Task<order::AskMembers::Answer> obey(order::AskMembers order);
  Task<order::Promise::Answer> obey(order::Promise order);
  /// One that decisions answer: a refusal comes with the next one, anything else may take minutes.
  template <class One>
    requires std::constructible_from<Order, One>
  Task<typename One::Answer> obey(One order) {
    OrderAnswer answer = co_await put_before_decisions(Order(std::move(order)));
    co_return std::get<typename One::Answer>(std::move(answer));
  }
  Task<order::ScheduleRestart::Answer> obey(order::ScheduleRestart order);
  Task<order::DropScheduledRestart::Answer> obey(order::DropScheduledRestart order);

 private:
  Task<OrderAnswer> put_before_decisions(Order order);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tanist::ha
