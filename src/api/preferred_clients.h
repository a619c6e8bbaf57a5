#pragma once

#include <set>
#include <string>

#include "ha/model/snapshot.h"

namespace tanist::api {

/// Who is heard also while others occupy all connections: probes and tools of this host, and the members of
/// the cluster, whose races ask here. Members are known by the addresses in their keys; one that published a
/// name is not looked up for this. Lives on the api thread.
class PreferredClients {
 public:
  explicit PreferredClients(const ha::SnapshotBoard& board) : board_(board) {}
  bool operator()(const std::string& address);

 private:
  const ha::SnapshotBoard& board_;
  /// What `members_` was read from.
  dcs::ClusterPtr seen_;
  std::set<std::string> members_;
};

}  // namespace tanist::api
