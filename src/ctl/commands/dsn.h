#pragma once

#include <optional>
#include <string>

#include "ctl/command.h"

namespace tanist::ctl {

/// Which member is meant: the first of a role, or one by name. Both: Failure.
struct MemberWanted {
  std::optional<std::string> role;
  std::optional<std::string> member;
};

/// Those that fit, in their order; of the leader where nothing is said. Throws Failure.
std::vector<std::string> members_wanted(const dcs::Cluster& cluster, const MemberWanted& wanted);

/// Prints how to connect to a member: `host=… port=…` (ctl.md §8). Throws Failure.
void run_dsn(const std::string& cluster, const MemberWanted& wanted, ClusterStore& store,
             const Terminal& terminal);

Command dsn_command();

/// What `query` shares with it.
inline constexpr cli::Option kMember{
    .names = "-m,--member", .help = "This member", .value = "NAME", .names_of = cli::Names::member};
inline constexpr cli::Option kRoleWanted{
    .names = "-r,--role",
    .help = "The first member of a role: leader (default), primary, standby-leader, replica, any",
    .value = "ROLE",
    .choices = kRoles};
MemberWanted member_wanted(const cli::Given& given);

}  // namespace tanist::ctl
