#pragma once

#include <string>

#include "core/time.h"
#include "ctl/cluster_store.h"
#include "ctl/member_api.h"
#include "ctl/terminal.h"

namespace tanist::ctl {

struct TopCommand {
  std::string cluster;
  /// Between two looks at the store and at the members.
  Duration every = std::chrono::seconds(2);
  /// Of the tool's own configuration: stands in where the cluster's has none.
  Document local = Document::map();
};

/// Shows a cluster until somebody ends it, and has its members do what keys say. The terminal is as before
/// afterwards, whatever ended it; a signal that would have ended the process does so then. Throws Failure.
void run_top(const TopCommand& command, ClusterStore& store, MemberAccess access, const Terminal& terminal);

}  // namespace tanist::ctl
