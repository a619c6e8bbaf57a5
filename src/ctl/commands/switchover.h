#pragma once

#include <optional>
#include <string>

#include "ctl/command.h"

namespace tanist::ctl {

struct SwitchoverCommand {
  enum class Kind { switchover, failover };
  Kind kind = Kind::switchover;
  std::string cluster;
  /// Of a switchover; nullopt: asked for.
  std::optional<std::string> leader;
  /// nullopt: asked for. Empty: the best.
  std::optional<std::string> candidate;
  /// Of a switchover: when; nullopt: asked for.
  std::optional<std::string> scheduled;
  /// Without a question.
  bool force = false;
  /// Until the others follow the new leader.
  bool wait = false;
  /// Of the tool's own configuration: stands in where the cluster's has none.
  Document local = Document::map();
};

/// Gives the primary's role to another member, now or later (ctl.md §4): by the leader's API, or by the key
/// in the store where the API cannot be reached. Throws Failure and Aborted.
Ending run_switchover(const SwitchoverCommand& command, ClusterStore& store, MemberApi& api,
                      const Terminal& terminal);

Command switchover_command();

/// What `failover` shares with it.
inline constexpr cli::Option kCandidate{.names = "--candidate",
                                        .help = "The member that is to lead",
                                        .value = "NAME",
                                        .names_of = cli::Names::member};
inline constexpr cli::Option kWaitForOthers{.names = "--wait",
                                            .help = "Wait until the others follow the new leader"};

}  // namespace tanist::ctl
