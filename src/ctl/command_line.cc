#include "ctl/command_line.h"

#include <ostream>

#include "core/format.h"
#include "core/version.h"
#include "ctl/commands/table.h"

namespace tanist::ctl {

namespace {

std::string program_name(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return "tanistctl";
  const std::string& first = arguments[0];
  return first.substr(first.rfind('/') + 1);
}

/// `command`: nullptr where none is known that it is about.
int usage_error(const Surroundings& around, const std::string& program, const Command* command,
                const std::string& what) {
  const std::string whole = command == nullptr ? program : program + " " + std::string(command->line.name);
  std::string arguments = " [OPTIONS] COMMAND [ARGS]...";
  if (command != nullptr) arguments = " [OPTIONS]" + command->line.usage().substr(command->line.name.size());
  around.terminal.err << "Usage: " << whole << arguments << "\nTry '" << whole
                      << " --help' for help.\n\nError: " << what << '\n';
  return 2;
}

GlobalOptions global_options(const cli::Given& given, const config::Environment& environment) {
  const auto chosen = [&](const cli::Option& option, const char* variable) -> std::optional<std::string> {
    if (auto text = given.text(option)) return text;
    const auto found = environment.find(variable);
    if (found == environment.end() || found->second.empty()) return std::nullopt;
    return found->second;
  };
  return {.config_path = chosen(kConfigFile, "PATRONICTL_CONFIG_FILE"),
          .dcs_url = chosen(kDcsUrl, "DCS_URL"),
          .insecure = given.has(kInsecure)};
}

bool is_strict(const cli::Given& given, const config::Environment& environment) {
  if (given.has(kStrict)) return true;
  const auto found = environment.find("TANISTCTL_STRICT");
  return found != environment.end() && parse_bool(Document(found->second)).value_or(!found->second.empty());
}

int exit_code(Ending ending, bool strict) {
  switch (ending) {
    case Ending::done: return 0;
    case Ending::failed: return strict ? 3 : 0;
    case Ending::unknown: return strict ? 4 : 0;
    case Ending::unwise: return 5;
    case Ending::wrong: break;
  }
  return 6;
}

void refuse_citus(const cli::Given& given, const Settings& settings) {
  const Document* citus = settings.document.find("citus");
  if (given.has(kGroup) || (citus != nullptr && citus->truthy()))
    throw Failure(fmt::format("Citus clusters are not available in Tanist {}", version()));
}

}  // namespace

int run_command_line(const std::vector<std::string>& arguments, const Surroundings& around) {
  const auto line = program(program_name(arguments));
  const std::vector<std::string> rest(arguments.empty() ? arguments.end() : arguments.begin() + 1,
                                      arguments.end());
  const Command* named = find_command(cli::first_word(line, rest));
  const auto parsed = cli::parse(line, rest);
  if (parsed.outcome == cli::Parsed::Outcome::wrong_usage)
    return usage_error(around, line.name, named, parsed.text);
  if (parsed.outcome == cli::Parsed::Outcome::tell) {
    around.terminal.out << parsed.text;
    return 0;
  }
  try {
    const Settings settings =
        load_settings(global_options(parsed.given, around.environment), around.environment);
    refuse_citus(parsed.given, settings);
    const Ending ending = find_command(parsed.command)->run({parsed.given, settings, around, line.name});
    return exit_code(ending, is_strict(parsed.given, around.environment));
  } catch (const WrongUsage& wrong) {
    return usage_error(around, line.name, named, wrong.what());
  } catch (const Aborted& aborted) {
    around.terminal.err << '\n' << aborted.what() << '\n';
    return 1;
  } catch (const Failure& failure) {
    around.terminal.err << "Error: " << failure.what() << '\n';
    return 1;
  }
}

}  // namespace tanist::ctl
