#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ctl/command.h"

namespace tanist::ctl {

struct ExplainCommand {
  std::string cluster;
  /// Empty: all.
  std::vector<std::string> members;
  /// nullopt: now.
  std::optional<WallTime> at;
  /// How the lead passed on last, instead.
  bool last_failover = false;
  Format format = Format::pretty;
};

/// Tells of members which rules were passed and which not, and what they would do if nobody led.
Ending run_explain(const ExplainCommand& command, ClusterStore& store, MemberApi& api,
                   const Terminal& terminal);

Command explain_command();

}  // namespace tanist::ctl
