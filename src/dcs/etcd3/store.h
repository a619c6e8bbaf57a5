#pragma once

#include <memory>
#include <string>

#include "async/clock.h"
#include "async/task.h"
#include "config/settings.h"
#include "dcs/store.h"

/// The store on etcd 3, through its JSON gateway (dcs.md §4.2).
namespace tanist::dcs::etcd3 {

struct Options {
  config::Etcd3 connection;
  /// `/<namespace>/<scope>`
  std::string base_path;
  config::Timing timing;
};

/// Everything runs on `executor`; `clock` must outlive the store.
std::unique_ptr<Store> make_store(Executor executor, Clock& clock, Options options);

/// One linearizable view without a daemon around it (tanistctl). Connects, authenticates, reads, disconnects.
Task<std::expected<ClusterPtr, LoadError>> read_once(Executor executor, Clock& clock, Options options,
                                                     Instant deadline);

/// One write without a daemon around it, as read_once.
Task<WriteResult> write_once(Executor executor, Clock& clock, Options options, Record record,
                             Condition condition, Instant deadline);

}  // namespace tanist::dcs::etcd3
