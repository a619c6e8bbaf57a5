#pragma once

#include <string>
#include <vector>

#include "core/document.h"
#include "ctl/doctor/findings.h"
#include "ctl/members.h"
#include "ctl/terminal.h"
#include "dcs/model.h"

/// What is to be known of a change of the configuration that all members share before it is stored.
namespace tanist::ctl {

/// A member's PostgreSQL as this tool could learn of it.
struct MemberServer {
  std::string name;
  bool leads = false;
  /// 150004; 0: not known.
  int version = 0;
  /// Not empty: it was asked, and this came back instead of a version.
  std::string trouble = {};
};

/// Asks each member at a time for the version of its server; nullptr: there is nobody to ask by.
std::vector<MemberServer> servers_of(const dcs::Cluster& cluster, Members* members);

/// Whether the change touches what depends on the version of a server.
bool concerns_servers(const Document& current, const Document& next);

/// What is new to say of `next`: what the stored configuration had before already is not said again.
doctor::Findings judge_change(const dcs::Cluster& cluster, const Document& next,
                              const std::vector<MemberServer>& servers);

/// What the change takes on a member, names of keys and parameters in order.
struct Effect {
  std::vector<std::string> restart;
  std::vector<std::string> reload;
  /// After a reload, sessions that begin then.
  std::vector<std::string> new_sessions;
  /// By the daemon, PostgreSQL is not concerned.
  std::vector<std::string> at_once;
  /// By the next start of the daemon.
  std::vector<std::string> daemon;
  /// Of `restart`: what a replica must have at least as much of as its primary.
  std::vector<std::string> raised;
  std::vector<std::string> lowered;
  bool operator==(const Effect&) const = default;
};
/// `version` 0: parameters are taken for those of the newest version that is known.
Effect effect_of_change(const Document& current, const Document& next, int version);

/// The lines of findings as they are shown; `coloured`: for a terminal.
std::string told_findings(const doctor::Findings& findings, bool coloured);
/// What the change takes, as it is shown: a line a member, then what to do. `program`: as the tool was
/// called.
std::string told_effects(const Document& current, const Document& next,
                         const std::vector<MemberServer>& servers, const std::string& program,
                         const std::string& cluster, bool coloured);

}  // namespace tanist::ctl
