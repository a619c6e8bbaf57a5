#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "cli/declaration.h"
#include "cli/parse.h"
#include "config/read/environment.h"
#include "ctl/cluster_store.h"
#include "ctl/member_api.h"
#include "ctl/programs.h"
#include "ctl/terminal.h"

/// What a command is made of; a file in ctl/commands holds one, the table there all.
namespace tanist::ctl {

/// What a call of the tool came from, besides its arguments; tests bring their own.
struct Surroundings {
  config::Environment environment;
  Terminal terminal;
  std::function<std::unique_ptr<ClusterStore>(const Settings&)> open_store;
  std::function<std::unique_ptr<MemberApi>(const Settings&)> open_member_api;
  Programs programs;
};

/// Ends a command with its usage, `Error: <text>` and exit code 2: for what only the configuration shows.
class WrongUsage : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One call of a command.
struct Call {
  const cli::Given& given;
  const Settings& settings;
  const Surroundings& around;

  /// The named cluster, or the configured one. Throws WrongUsage where there is neither.
  std::string cluster() const;
  /// Of a command that takes several: the named ones, or the configured one; maybe none.
  std::vector<std::string> clusters() const;
};

struct Command {
  /// What is typed. Parsing, help, completion and docs/tanistctl.md come from it.
  cli::Command line;
  /// Throws Failure, Aborted and WrongUsage. nullptr: a command of patronictl that this version does not
  /// serve yet; it is a known word, no typing error.
  void (*run)(const Call& call) = nullptr;
};

/// Arguments and options of more than one command.
inline constexpr cli::Argument kCluster{
    .name = "CLUSTER", .help = "Name of the cluster (default: `scope` of the configuration)"};
inline constexpr cli::Argument kNamedCluster{
    .name = "CLUSTER", .help = "Name of the cluster", .required = true};
inline constexpr cli::Argument kClusters{
    .name = "CLUSTER", .help = "Names of clusters (default: `scope` of the configuration)", .many = true};
inline constexpr cli::Option kGroup{.names = "--group",
                                    .help = "Citus group (not available in this version)",
                                    .value = "N",
                                    .type = cli::Type::integer,
                                    .offered = false};
inline constexpr cli::Option kForce{.names = "--force", .help = "Do not ask"};

}  // namespace tanist::ctl
