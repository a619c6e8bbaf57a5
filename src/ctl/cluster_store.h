#pragma once

#include <memory>
#include <string>

#include "core/time.h"
#include "ctl/settings.h"
#include "dcs/model.h"
#include "dcs/store.h"

namespace tanist::ctl {

/// The store as the tool uses it: each read linearizable, each write on a condition.
class ClusterStore {
 public:
  virtual ~ClusterStore() = default;
  /// Throws Failure when the store does not answer within the patience of the tool.
  virtual dcs::ClusterPtr read(const std::string& cluster) = 0;
  /// Replaces `/config` where it still has version `seen`.
  virtual dcs::WriteResult write_config(const std::string& cluster, const Document& config,
                                        dcs::Version seen) = 0;
};

/// The configured store. Throws Failure where none is configured.
std::unique_ptr<ClusterStore> open_store(const Settings& settings);

}  // namespace tanist::ctl
