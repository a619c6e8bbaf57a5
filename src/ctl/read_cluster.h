#pragma once

#include <memory>
#include <string>

#include "core/time.h"
#include "ctl/settings.h"
#include "dcs/model.h"

namespace tanist::ctl {

/// Reads clusters from the store, each time linearizably.
class ClusterReader {
 public:
  virtual ~ClusterReader() = default;
  /// Throws Failure when the store does not answer within the patience of the tool.
  virtual dcs::ClusterPtr read(const std::string& cluster) = 0;
};

/// The reader for the configured store. Throws Failure where none is configured.
std::unique_ptr<ClusterReader> make_reader(const Settings& settings);

}  // namespace tanist::ctl
