#pragma once

#include <string>
#include <vector>

#include "dcs/overview.h"

namespace tanist::ctl {

struct TreeRow {
  dcs::MemberOverview member;
  /// 0: a root; its replicas 1, and so on.
  int depth = 0;
};

/// Members in the order of the replication tree: the leader, then depth first, children by name. A replica's
/// parent is the replica that its tag `replicatefrom` names, else the leader. Replicas that name each other
/// in a loop have no way to the leader: they stand at depth 1, and `warnings` names them.
std::vector<TreeRow> order_as_tree(std::vector<dcs::MemberOverview> members,
                                   std::vector<std::string>& warnings);

}  // namespace tanist::ctl
