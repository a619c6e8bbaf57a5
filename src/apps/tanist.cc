#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>

#include "apps/tanist_line.h"
#include "cli/parse.h"
#include "config/read/environment.h"
#include "member/member.h"
#include "process/init.h"
#include "setup/abbreviations.h"
#include "setup/generate.h"
#include "setup/validate_config.h"

namespace {

using namespace tanist;
using namespace tanist::apps;

constexpr int kUsageError = 2;

int usage_error(const std::string& name, const std::string& what) {
  std::cerr << daemon_usage(name) << name << ": error: " << what << '\n';
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
  const std::string called = argc > 0 ? argv[0] : "";
  const auto line = daemon_line(called.substr(called.rfind('/') + 1));
  auto arguments = setup::expand_abbreviations({argv + 1, argv + argc}, cli::long_options(line));
  if (!arguments) return usage_error(line.name, arguments.error());
  const auto parsed = cli::parse(line, *std::move(arguments));
  if (parsed.outcome == cli::Parsed::Outcome::wrong_usage) return usage_error(line.name, parsed.text);
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
