#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>

#include "cli/declaration.h"
#include "cli/parse.h"
#include "config/read/environment.h"
#include "core/version.h"
#include "member/member.h"
#include "process/init.h"
#include "setup/abbreviations.h"
#include "setup/generate.h"
#include "setup/validate_config.h"

namespace {

using namespace tanist;

constexpr int kUsageError = 2;

constexpr const char* kAbout =
    "Tanist keeps a PostgreSQL cluster writable: one daemon beside every PostgreSQL server.\n\n"
    "  tanist /etc/tanist/config.yml     run this member (a Patroni 4 configuration works as it is)\n"
    "  tanist                            the same, configured by PATRONI_* and TANIST_* variables alone\n\n"
    "SIGTERM hands over to the best replica and stops PostgreSQL; SIGHUP reads the configuration again;\n"
    "SIGKILL leaves PostgreSQL running, and the next start takes it over.";

constexpr const char* kUsage =
    "usage: tanist [-h] [--version] [--validate-config | --generate-sample-config | --generate-config]\n"
    "              [--dsn DSN] [--ignore-listen-port] [--print] [--show-secrets] [--json] [--offline]\n"
    "              [configfile]\n";

constexpr cli::Argument kConfigFile{
    .name = "configfile",
    .help = "YAML file, or a directory of *.yml files read in order; the file to write for --generate-…",
    .type = cli::Type::file};
constexpr std::string_view kOtherModes[] = {"--generate-sample-config", "--generate-config"};
constexpr std::string_view kOtherGenerator[] = {"--generate-config"};
constexpr cli::Option kValidate{.names = "--validate-config",
                                .help = "Check the configuration and this host, then end",
                                .excludes = kOtherModes};
constexpr cli::Option kSample{.names = "--generate-sample-config",
                              .help = "Write a configuration to begin with",
                              .excludes = kOtherGenerator};
constexpr cli::Option kGenerate{.names = "--generate-config",
                                .help = "Write the configuration of a PostgreSQL that runs"};
constexpr cli::Option kDsn{
    .names = "--dsn", .help = "The running PostgreSQL, for --generate-config", .value = "DSN"};
constexpr cli::Option kIgnoreListenPort{.names = "-i,--ignore-listen-port",
                                        .help = "With --validate-config: ports to listen on may be in use"};
constexpr cli::Option kPrint{
    .names = "-p,--print",
    .help = "With --validate-config: print the configuration, the environment on top, passwords masked"};
constexpr cli::Option kShowSecrets{.names = "--show-secrets", .help = "With --print: show passwords"};
constexpr cli::Option kJson{.names = "--json",
                            .help = "With --validate-config: one JSON object on standard output"};
constexpr cli::Option kOffline{.names = "--offline",
                               .help = "With --validate-config: ask nothing of the network"};

cli::Program program() {
  return {.name = "tanist",
          .about = kAbout,
          .version = std::string("tanist ") + version(),
          .options = {kValidate, kSample, kGenerate, kDsn, kIgnoreListenPort, kPrint, kShowSecrets, kJson,
                      kOffline},
          .arguments = {kConfigFile}};
}

int usage_error(const std::string& what) {
  std::cerr << kUsage << "tanist: error: " << what << '\n';
  return kUsageError;
}

int run(const cli::Given& given, char** argv) {
  const std::string path = given.text(kConfigFile);
  const bool validate = given.has(kValidate);
  if (!validate && !given.has(kSample) && !given.has(kGenerate)) {
    if (::getpid() == 1) return process::run_as_init(argv);
    return member::run({.config_path = path});
  }
  const auto environment = config::process_environment();
  const auto file = path.empty() ? std::nullopt : std::optional(path);
  setup::Host host;
  if (validate) {
    setup::ValidateOptions options;
    options.path = file;
    options.ignore_listen_port = given.has(kIgnoreListenPort);
    options.print = given.has(kPrint);
    options.print_secrets = given.has(kShowSecrets);
    options.json = given.has(kJson);
    options.offline = given.has(kOffline);
    return setup::validate_config(options, environment, host, std::cout, std::cerr);
  }
  const auto dsn = given.text(kDsn, "");
  const setup::GenerateOptions options{file, dsn.empty() ? std::nullopt : std::optional(dsn)};
  return given.has(kSample) ? setup::generate_sample_config(options, environment, host, std::cout, std::cerr)
                            : setup::generate_config(options, environment, host, std::cout, std::cerr);
}

}  // namespace

int main(int argc, char** argv) {
  const auto line = program();
  auto arguments = setup::expand_abbreviations({argv + 1, argv + argc}, cli::long_options(line));
  if (!arguments) return usage_error(arguments.error());
  const auto parsed = cli::parse(line, *std::move(arguments));
  if (parsed.outcome == cli::Parsed::Outcome::wrong_usage) return usage_error(parsed.text);
  if (parsed.outcome == cli::Parsed::Outcome::tell) {
    std::cout << parsed.text;
    return EXIT_SUCCESS;
  }
  try {
    return run(parsed.given, argv);
  } catch (const std::exception& e) {
    std::cerr << "tanist: error: " << e.what() << '\n';
    return EXIT_FAILURE;
  }
}
