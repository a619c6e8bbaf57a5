#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iostream>

#include "config/environment.h"
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

struct Choices {
  std::string file;
  std::string dsn;
  bool validate = false;
  bool sample = false;
  bool generate = false;
  setup::ValidateOptions validation;
};

void declare(CLI::App& app, Choices& to) {
  app.add_option("configfile", to.file,
                 "YAML file, or a directory of *.yml files read in order; the file to write for --generate-…")
      ->type_name("PATH");
  auto* validate =
      app.add_flag("--validate-config", to.validate, "Check the configuration and this host, then end");
  auto* sample = app.add_flag("--generate-sample-config", to.sample, "Write a configuration to begin with");
  auto* generate =
      app.add_flag("--generate-config", to.generate, "Write the configuration of a PostgreSQL that runs");
  validate->excludes(sample)->excludes(generate);
  sample->excludes(generate);
  app.add_option("--dsn", to.dsn, "The running PostgreSQL, for --generate-config")->type_name("DSN");
  app.add_flag("-i,--ignore-listen-port", to.validation.ignore_listen_port,
               "With --validate-config: ports to listen on may be in use");
  app.add_flag("-p,--print", to.validation.print,
               "With --validate-config: print the configuration, the environment on top, passwords masked");
  app.add_flag("--show-secrets", to.validation.print_secrets, "With --print: show passwords");
  app.add_flag("--json", to.validation.json, "With --validate-config: one JSON object on standard output");
  app.add_flag("--offline", to.validation.offline, "With --validate-config: ask nothing of the network");
  app.set_version_flag("--version", "tanist " TANIST_VERSION);
}

std::vector<std::string> long_options(const CLI::App& app) {
  std::vector<std::string> out;
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) out.push_back("--" + name);
  return out;
}

int usage_error(const std::string& what) {
  std::cerr << kUsage << "tanist: error: " << what << '\n';
  return kUsageError;
}

int run(const Choices& chosen, char** argv) {
  if (!chosen.validate && !chosen.sample && !chosen.generate) {
    if (::getpid() == 1) return process::run_as_init(argv);
    return member::run({.config_path = chosen.file});
  }
  const auto environment = config::process_environment();
  const auto file = chosen.file.empty() ? std::nullopt : std::optional(chosen.file);
  setup::Host host;
  if (chosen.validate) {
    setup::ValidateOptions options = chosen.validation;
    options.path = file;
    return setup::validate_config(options, environment, host, std::cout, std::cerr);
  }
  const setup::GenerateOptions options{file, chosen.dsn.empty() ? std::nullopt : std::optional(chosen.dsn)};
  return chosen.sample ? setup::generate_sample_config(options, environment, host, std::cout, std::cerr)
                       : setup::generate_config(options, environment, host, std::cout, std::cerr);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(kAbout, "tanist");
  Choices chosen;
  declare(app, chosen);
  auto arguments = setup::expand_abbreviations({argv + 1, argv + argc}, long_options(app));
  if (!arguments) return usage_error(arguments.error());
  std::ranges::reverse(*arguments);  // as CLI11 wants them
  try {
    app.parse(*std::move(arguments));
  } catch (const CLI::Success& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    return usage_error(e.what());
  }
  try {
    return run(chosen, argv);
  } catch (const std::exception& e) {
    std::cerr << "tanist: error: " << e.what() << '\n';
    return EXIT_FAILURE;
  }
}
