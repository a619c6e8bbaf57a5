#pragma once

#include <expected>
#include <map>
#include <string>

#include "async/task.h"
#include "core/time.h"
#include "dcs/model.h"
#include "dcs/store.h"

namespace tanist::dcs {

/// The store for who looks, writes and goes (a tool, a helper beside the daemon): one cluster, nothing in the
/// background, no session, so nothing that is written is bound to one. One thread; the first call connects;
/// every call is bounded by its deadline and may be cancelled (a cancelled write has an unknown outcome).
/// Each throws FatalStoreError for what no waiting mends (wrong password).
class Access {
 public:
  virtual ~Access() = default;

  /// A view, read linearizably.
  virtual Task<std::expected<ClusterPtr, LoadError>> load(Instant deadline) = 0;

  /// The same of every Citus group of the scope, by its number, whichever group the place names: what a
  /// coordinator and a tool see of it. Empty: there is no group. One reading where the store can.
  using Groups = std::map<int, ClusterPtr>;
  virtual Task<std::expected<Groups, LoadError>> load_groups(Instant deadline) = 0;

  virtual Task<WriteResult> write(Record record, Condition condition, Instant deadline) = 0;
  /// Deletes one of the keys that a Record is written to, or whatever else codec.h names; `done` also where
  /// it was absent and the condition allows that.
  virtual Task<WriteResult> erase(std::string key, Condition condition, Instant deadline) = 0;

  /// Deletes every key of the cluster; for a place without group those of all its groups, too. `refused`
  /// where the place names no scope: that would be every cluster of the namespace.
  virtual Task<WriteResult> remove_cluster(Instant deadline) = 0;
};

}  // namespace tanist::dcs
