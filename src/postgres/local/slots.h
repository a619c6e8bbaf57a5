#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "async/task_scope.h"
#include "postgres/local/slot_advance.h"
#include "postgres/local/slot_readiness.h"
#include "postgres/server.h"

namespace tanist::postgres {

struct Context;
class Monitor;
class WorkConnection;

/// The replication slots of the running server (replication.md §6, §7): takes the steps to those that are
/// wanted. Failures are logged. On the control thread.
class Slots {
 public:
  Slots(Context& context, WorkConnection& work, Monitor& monitor)
      : context_(context), work_(work), monitor_(monitor), advance_(context), readiness_(context) {}

  Task<void> sync(SlotsWanted wanted, Instant deadline);
  /// The monitor has seen the server.
  void take_probe() { readiness_.take_probe(); }
  /// From here on slots go their own ways, or other ones take their place.
  void stop_advancing() { advance_.clear(); }
  void before_promotion();

 private:
  Task<bool> drop(SlotStep step, Instant deadline);
  Task<void> create(std::string name, int version, Instant deadline);
  Task<void> advance(std::vector<SlotStep> steps, Instant deadline);
  void create_logical(SlotStep step);
  Task<void> create_in(std::string database, std::vector<SlotStep> steps);

  Context& context_;
  WorkConnection& work_;
  Monitor& monitor_;
  SlotAdvance advance_;
  SlotReadiness readiness_;
  /// Logical slots that are to be created, by database, and who does it.
  std::map<std::string, std::vector<SlotStep>> creating_;
  std::map<std::string, TaskHandle> creators_;
  /// When it is tried again there.
  std::map<std::string, Instant> create_again_;
};

}  // namespace tanist::postgres
