#pragma once

#include <string>
#include <string_view>

#include "cli/declaration.h"
#include "core/format.h"
#include "core/version.h"
#include "dcs/compatible_version.h"

/// The command line of the daemon, declared: parsed in tanist.cc; the page for man and completion are made
/// from it, too.
namespace tanist::apps {

inline constexpr const char* kAbout =
    "Tanist keeps a PostgreSQL cluster writable: one daemon beside every PostgreSQL server.\n\n"
    "  tanist /etc/tanist/config.yml     run this member (a Patroni 4 configuration works as it is)\n"
    "  tanist                            the same, configured by PATRONI_* and TANIST_* variables alone\n\n"
    "SIGTERM hands over to the best replica and stops PostgreSQL; SIGHUP reads the configuration again;\n"
    "SIGKILL leaves PostgreSQL running, and the next start takes it over.";

inline constexpr const char* kUsage =
    "usage: {0} [-h] [--version] [--validate-config | --generate-sample-config | --generate-config]\n"
    "       {1} [--dsn DSN] [--ignore-listen-port] [--print] [--show-secrets] [--json] [--offline]\n"
    "       {1} [configfile]\n";

inline constexpr cli::Argument kConfigFile{
    .name = "configfile",
    .help = "YAML file, or a directory of *.yml files read in order; the file that a generator writes",
    .type = cli::Type::file};
inline constexpr std::string_view kOtherModes[] = {"--generate-sample-config", "--generate-config"};
inline constexpr std::string_view kOtherGenerator[] = {"--generate-config"};
inline constexpr cli::Option kValidate{.names = "--validate-config",
                                       .help = "Check the configuration and this host, then end",
                                       .excludes = kOtherModes};
inline constexpr cli::Option kSample{.names = "--generate-sample-config",
                                     .help = "Write a configuration to begin with",
                                     .excludes = kOtherGenerator};
inline constexpr cli::Option kGenerate{.names = "--generate-config",
                                       .help = "Write the configuration of a PostgreSQL that runs"};
inline constexpr cli::Option kDsn{
    .names = "--dsn", .help = "The running PostgreSQL, for --generate-config", .value = "DSN"};
inline constexpr cli::Option kIgnoreListenPort{
    .names = "-i,--ignore-listen-port",
    .help = "With --validate-config: ports to listen on may be in use",
    .in_short = "Ports to listen on may be in use"};
inline constexpr cli::Option kPrint{
    .names = "-p,--print",
    .help = "With --validate-config: print the configuration, the environment on top, passwords masked",
    .in_short = "Print the configuration that was checked"};
inline constexpr cli::Option kShowSecrets{
    .names = "--show-secrets", .help = "With --print: show passwords", .in_short = "Show passwords"};
inline constexpr cli::Option kJson{.names = "--json",
                                   .help = "With --validate-config: one JSON object on standard output",
                                   .in_short = "What was found as JSON"};
inline constexpr cli::Option kOffline{.names = "--offline",
                                      .help = "With --validate-config: ask nothing of the network",
                                      .in_short = "Ask nothing of the network"};

/// What the daemon takes. Called `patroni`, it says the version that scripts compare with what that knows.
inline cli::Program daemon_line(const std::string& called) {
  const bool as_patroni = called == "patroni";
  const std::string name = as_patroni ? called : "tanist";
  return {.name = name,
          .also_called = {"patroni"},
          .in_short = "keep a PostgreSQL cluster writable",
          .about = kAbout,
          .version = name + " " + (as_patroni ? dcs::kCompatibleVersion : version()),
          .options = {kValidate, kSample, kGenerate, kDsn, kIgnoreListenPort, kPrint, kShowSecrets, kJson,
                      kOffline},
          .arguments = {kConfigFile},
          .footer =
              "Exit code: 0 an orderly stop, and a configuration that is valid; 1 an error, told on standard "
              "error or "
              "in the log;\n"
              "2 wrong usage; 5 what was left of the log could not be written.\n\n"
              "Examples:\n"
              "  tanist --validate-config /etc/tanist/config.yml\n"
              "  tanist --generate-sample-config config.yml\n"
              "  tanist --generate-config --dsn 'host=/run/postgresql user=postgres' config.yml"};
}

/// `usage: …`, as it stands before an error.
inline std::string daemon_usage(const std::string& name) {
  return fmt::format(kUsage, name, std::string(name.size(), ' '));
}

}  // namespace tanist::apps
