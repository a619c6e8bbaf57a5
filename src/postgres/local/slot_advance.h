#pragma once

#include <map>
#include <string>

#include "async/task_scope.h"
#include "postgres/server.h"

namespace tanist::postgres {

struct Context;

/// Moves logical slots of a standby on, in the background (replication.md §7): the WAL in between is read for
/// that, which may take long. One connection for each database. On the control thread.
class SlotAdvance {
 public:
  explicit SlotAdvance(Context& context) : context_(context) {}

  /// A newer target replaces an older one; nothing is asked for a slot that has lost its WAL.
  void want(const std::string& database, const std::string& slot, Lsn from, Lsn to);
  /// Nothing more is advanced.
  void clear();

 private:
  struct Target {
    Lsn at;
    Lsn to;
  };
  Task<void> work(std::string database);
  void give_up(const std::string& database, const std::string& slot, const std::string& sqlstate,
               const std::string& why);

  Context& context_;
  /// By database and slot.
  std::map<std::string, std::map<std::string, Target>> wanted_;
  std::map<std::string, TaskHandle> running_;
};

}  // namespace tanist::postgres
