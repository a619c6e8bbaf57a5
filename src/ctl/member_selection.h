#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ctl/show/member_list.h"
#include "ctl/terminal.h"
#include "dcs/model.h"

/// Which members a command is about (ctl.md §1.5, §5.1).
namespace tanist::ctl {

/// What `-r` takes.
inline constexpr std::string_view kRoles[] = {"leader",  "primary", "standby-leader",
                                              "replica", "standby", "any"};

/// Names of the members that have the role, in their order.
std::vector<std::string> members_of_role(const dcs::Cluster& cluster, const std::string& role);

/// Members that have an API, the leader first, the others by name.
std::vector<std::string> leader_first(const dcs::Cluster& cluster);

/// Shows the members.
void show_members(const Terminal& terminal, const dcs::Cluster& cluster, const std::string& cluster_name,
                  Format format = Format::pretty);

/// Warns of a cluster that the store knows nothing of: a name that is not right looks like an empty one.
void warn_if_unknown(const Terminal& terminal, const dcs::Cluster& cluster, const std::string& cluster_name);

/// Who says which role it is: an option, or the command itself.
enum class RoleFrom { option, command };

/// Shows the members, and chooses among those of the role: the named ones, or all when none is named. Throws
/// Failure where none is left.
std::vector<std::string> choose_members(const Terminal& terminal, const dcs::Cluster& cluster,
                                        const std::string& cluster_name, const std::string& role,
                                        const std::vector<std::string>& names,
                                        RoleFrom role_from = RoleFrom::option);

/// `a, b`
std::string joined(const std::vector<std::string>& names);

}  // namespace tanist::ctl
