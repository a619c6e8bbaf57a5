#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cli/declaration.h"
#include "cli/parse.h"
#include "config/read/environment.h"
#include "ctl/cluster_store.h"
#include "ctl/member_api.h"
#include "ctl/member_selection.h"
#include "ctl/programs.h"
#include "ctl/show/member_list.h"
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

/// How a command that was carried out ended. Members' refusals are told and are no error, as in patronictl;
/// `--strict` makes exit codes of them.
enum class Ending {
  done,
  /// A member refused, or could not.
  failed,
  /// Whether it was done is not known.
  unknown,
  /// Of `doctor`, with exit codes of their own in any case: something is unwise, or wrong.
  unwise,
  wrong,
};
/// The graver of two.
inline Ending graver(Ending a, Ending b) {
  return a < b ? b : a;
}

/// One call of a command.
struct Call {
  const cli::Given& given;
  const Settings& settings;
  const Surroundings& around;
  /// As the program was called: it names itself so.
  const std::string& program;

  /// The named cluster, or the configured one. Throws WrongUsage where there is neither.
  std::string cluster() const;
  /// Of a command that takes several: the named ones, or the configured one; maybe none.
  std::vector<std::string> clusters() const;
};

struct Command {
  /// What is typed. Parsing, help, completion and docs/tanistctl.md come from it.
  cli::Command line;
  /// Throws Failure, Aborted and WrongUsage.
  Ending (*run)(const Call& call) = nullptr;
};

/// Arguments and options of more than one command.
inline constexpr cli::Argument kCluster{.name = "CLUSTER",
                                        .help = "Name of the cluster (default: `scope` of the configuration)",
                                        .names_of = cli::Names::cluster};
inline constexpr cli::Argument kNamedCluster{
    .name = "CLUSTER", .help = "Name of the cluster", .required = true, .names_of = cli::Names::cluster};
inline constexpr cli::Argument kClusters{.name = "CLUSTER",
                                         .help = "Names of clusters (default: `scope` of the configuration)",
                                         .many = true,
                                         .names_of = cli::Names::cluster};
inline constexpr cli::Option kGroup{.names = "--group",
                                    .help = "Citus group (not available in this version)",
                                    .value = "N",
                                    .type = cli::Type::integer,
                                    .offered = false};
inline constexpr cli::Option kForce{.names = "--force", .help = "Do not ask"};
inline constexpr cli::Argument kMembers{.name = "MEMBERS",
                                        .help = "Names of members (default: all)",
                                        .many = true,
                                        .names_of = cli::Names::member};
inline constexpr cli::Option kRole{
    .names = "-r,--role",
    .help = "Only members of a role: leader, primary, standby-leader, replica, any",
    .value = "ROLE",
    .choices = kRoles};
inline constexpr std::string_view kFormats[] = {"pretty", "tsv", "json", "yaml"};
inline constexpr std::string_view kOtherFormats[] = {"yml"};
inline constexpr cli::Option kFormat{.names = "-f,--format",
                                     .help = "pretty (default), tsv, json or yaml",
                                     .value = "FORMAT",
                                     .choices = kFormats,
                                     .also_taken = kOtherFormats,
                                     .in_short = "Output format"};
/// Of kFormat, or of another option's value.
Format format_named(const std::string& name);
/// For commands that show again and again.
inline constexpr cli::Option kWatchAgain{.names = "-W", .help = "Show again every 2 seconds, until Ctrl-C"};
/// Longer pauses between two rounds than a day are typing errors.
inline constexpr cli::Option kWatch{.names = "-w,--watch",
                                    .help = "Show again every so many seconds",
                                    .value = "SECONDS",
                                    .type = cli::Type::number,
                                    .least = 0.01,
                                    .most = 86400};
/// From the beginning of one round to that of the next; nullopt: once.
std::optional<Duration> watch_interval(const cli::Given& given);

}  // namespace tanist::ctl
