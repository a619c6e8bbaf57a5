#include "ctl/member_selection.h"

#include <algorithm>
#include <ostream>

#include "core/format.h"
#include "ctl/settings.h"

namespace tanist::ctl {

std::vector<std::string> members_of_role(const dcs::Cluster& cluster, const std::string& role) {
  const std::string leader = cluster.leader_name();
  const auto fits = [&](const dcs::Member& member) {
    if (role == "any") return true;
    if (role == "replica" || role == "standby") return member.name != leader;
    if (member.name != leader) return false;
    if (role == "primary") return member.role != "standby_leader";
    if (role == "standby-leader") return member.role != "primary" && member.role != "master";
    return true;
  };
  std::vector<std::string> out;
  for (const auto& [name, member] : cluster.members)
    if (fits(member)) out.push_back(name);
  return out;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::vector<std::string> leader_first(const dcs::Cluster& cluster) {
  std::vector<std::string> out;
  const std::string leader = cluster.leader_name();
  for (const auto& [name, member] : cluster.members) {
    if (member.api_url.empty()) continue;
    out.insert(name == leader ? out.begin() : out.end(), name);
  }
  return out;
}

void show_members(const Terminal& terminal, const dcs::Cluster& cluster, const std::string& cluster_name,
                  Format format) {
  std::vector<std::string> warnings;
  terminal.out << format_members(cluster, cluster_name, {.format = format}, warnings) << std::flush;
  for (const auto& warning : warnings) warn(terminal, warning);
  warn_if_unknown(terminal, cluster, cluster_name);
}

void warn_if_unknown(const Terminal& terminal, const dcs::Cluster& cluster, const std::string& cluster_name) {
  if (!cluster.empty()) return;
  warn(terminal, fmt::format("the store knows nothing of a cluster {}", cluster_name));
  terminal.err << "HINT: is that its name (`scope`), and is the namespace the one of its members?\n";
}

std::vector<std::string> choose_members(const Terminal& terminal, const dcs::Cluster& cluster,
                                        const std::string& cluster_name, const std::string& role,
                                        const std::vector<std::string>& names, RoleFrom role_from) {
  const auto candidates = members_of_role(cluster, role);
  if (candidates.empty() && names.empty())
    throw Failure(fmt::format("{} cluster doesn't have any members", cluster_name));
  show_members(terminal, cluster, cluster_name);
  if (names.empty()) return candidates;
  const auto named = [&](const std::string& name) { return std::ranges::find(names, name) != names.end(); };
  std::vector<std::string> chosen;
  std::ranges::copy_if(candidates, std::back_inserter(chosen), named);
  if (chosen.empty()) {
    const char* quote = role_from == RoleFrom::option ? "'" : "";
    throw Failure(fmt::format("No {0}{1}{0} among provided members", quote, role));
  }
  for (const auto& name : names)
    if (std::ranges::find(chosen, name) == chosen.end())
      warn(terminal, fmt::format("{} is not among the members of {}{}", name, cluster_name,
                                 role == "any" ? "" : fmt::format(" with the role {}", role)));
  return chosen;
}

}  // namespace tanist::ctl
