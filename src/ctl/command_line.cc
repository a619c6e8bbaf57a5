#include "ctl/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <ostream>

#include "core/format.h"

namespace tanist::ctl {

namespace {

/// Commands of patronictl that come later. They are known words, not typing errors.
constexpr std::string_view kLater[] = {
    "demote-cluster",  "dsn",        "edit-config", "failover", "flush",  "history", "pause",
    "promote-cluster", "query",      "reinit",      "reload",   "remove", "restart", "resume",
    "show-config",     "switchover", "version"};

constexpr Duration kWatchEvery = std::chrono::seconds(2);
/// A day: longer pauses between two rounds are typing errors.
constexpr double kLongestWatchSeconds = 86400;

std::string program_name(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return "tanistctl";
  const std::string& first = arguments[0];
  return first.substr(first.rfind('/') + 1);
}

/// The first word that is no global option or its value; empty: none.
std::string command_word(const std::vector<std::string>& arguments) {
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (!word.starts_with('-') || word == "-") return word;
    const bool takes_value =
        word == "-c" || word == "-d" || word == "--config-file" || word == "--dcs-url" || word == "--dcs";
    if (takes_value) ++i;
  }
  return {};
}

struct Parsed {
  GlobalOptions global;
  std::vector<std::string> clusters;
  std::optional<int> group;
  std::string format = "pretty";
  bool extended = false;
  bool timestamp = false;
  bool watch = false;
  std::optional<double> watch_seconds;
};

void add_common(CLI::App& command, Parsed& parsed) {
  command.add_option("CLUSTER", parsed.clusters, "Names of clusters (default: `scope` of the configuration)")
      ->type_name("");
  command.add_option("--group", parsed.group, "Citus group (not available in this version)")->type_name("N");
  command.add_flag("-W", parsed.watch, "Show again every 2 seconds, until Ctrl-C");
  command.add_option("-w,--watch", parsed.watch_seconds, "Show again every so many seconds")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.01, kLongestWatchSeconds).description(""));
}

class CommandLine {
 public:
  CommandLine(const std::string& program, const config::Environment& environment)
      : app_(
            "Look at PostgreSQL clusters that Tanist (or Patroni) keeps running: who leads, who follows, and "
            "how far\n"
            "behind. What is shown is read from the store that the members agree in.",
            program) {
    app_.set_version_flag("--version", std::string("tanistctl ") + TANIST_VERSION,
                          "Print the version and end");
    app_.set_help_flag("-h,--help", "Print this help and end");
    const auto from_environment = [&](const char* name) -> std::optional<std::string> {
      const auto found = environment.find(name);
      return found == environment.end() || found->second.empty() ? std::nullopt
                                                                 : std::optional(found->second);
    };
    parsed_.global.config_path = from_environment("PATRONICTL_CONFIG_FILE");
    parsed_.global.dcs_url = from_environment("DCS_URL");
    app_.add_option("-c,--config-file", parsed_.global.config_path,
                    "YAML file, or a directory of them; the daemon's own does (env PATRONICTL_CONFIG_FILE;\n"
                    "default ~/.config/patroni/patronictl.yaml, ~/.config/tanist/tanistctl.yaml,\n"
                    "/etc/tanist/tanistctl.yaml, /etc/patroni/patronictl.yaml)")
        ->type_name("FILE");
    app_.add_option("-d,--dcs-url,--dcs", parsed_.global.dcs_url,
                    "The store instead of the configured one: etcd3://HOST:PORT[/NAMESPACE] (env DCS_URL)")
        ->type_name("URL");
    app_.add_flag("-k,--insecure", parsed_.global.insecure,
                  "Do not verify certificates of the members' REST API");
    add_list();
    add_topology();
    app_.footer(
        fmt::format("Examples:\n"
                    "  {0} -c /etc/tanist/shop.yml list\n"
                    "  {0} -d etcd3://10.1.0.11:2379 list shop -W\n"
                    "  {0} -c /etc/tanist/shop.yml list -f json | jq '.[] | select(.Role == \"Leader\")'\n\n"
                    "Exit code: 0 done, 1 an error (`Error: ...`), 2 wrong usage.",
                    program));
  }

  CLI::App& app() { return app_; }
  const Parsed& parsed() const { return parsed_; }
  bool asks_list() const { return list_->parsed(); }
  bool asks_topology() const { return topology_->parsed(); }

 private:
  void add_list() {
    list_ = app_.add_subcommand("list", "Show the members of clusters: role, state, timeline, position, lag");
    add_common(*list_, parsed_);
    list_->add_flag("-e,--extended", parsed_.extended, "Also columns that no member has a value for");
    list_->add_flag("-t,--timestamp", parsed_.timestamp, "Print the time first");
    list_->add_option("-f,--format", parsed_.format, "pretty (default), tsv, json or yaml")
        ->type_name("FORMAT")
        ->check(CLI::IsMember({"pretty", "tsv", "json", "yaml", "yml"}).description(""));
    list_->footer(
        "Receive and Replay: how far a replica has received and replayed the WAL, with the lag behind the\n"
        "leader in MB. Hosts are shown with their port where it is not 5432 or hosts are shared.");
  }

  void add_topology() {
    topology_ =
        app_.add_subcommand("topology", "Show the members of clusters as a tree: who replicates from whom");
    add_common(*topology_, parsed_);
  }

  Parsed parsed_;
  CLI::App app_;
  CLI::App* list_ = nullptr;
  CLI::App* topology_ = nullptr;
};

Format format_of(const std::string& name) {
  if (name == "tsv") return Format::tsv;
  if (name == "json") return Format::json;
  if (name == "yaml" || name == "yml") return Format::yaml;
  return Format::pretty;
}

int usage_error(const Surroundings& around, const std::string& program, const std::string& what) {
  around.terminal.err << "Usage: " << program << " [OPTIONS] COMMAND [ARGS]...\nTry '" << program
                      << " --help' for help.\n\nError: " << what << '\n';
  return 2;
}

void show_members(const CommandLine& line, const Surroundings& around) {
  const Parsed& parsed = line.parsed();
  const Settings settings = load_settings(parsed.global, around.environment);
  const Document* citus = settings.document.find("citus");
  if (parsed.group || (citus != nullptr && citus->truthy())) {
    throw Failure(fmt::format("Citus clusters are not available in Tanist {}", TANIST_VERSION));
  }
  ListCommand command;
  command.clusters = parsed.clusters;
  if (command.clusters.empty() && !settings.scope.empty()) command.clusters.push_back(settings.scope);
  if (command.clusters.empty())
    return warn(around.terminal, "Listing members: No cluster names were provided");
  command.options.format = line.asks_topology() ? Format::topology : format_of(parsed.format);
  command.options.extended = parsed.extended;
  command.timestamp = parsed.timestamp;
  if (parsed.watch) command.every = kWatchEvery;
  if (parsed.watch_seconds) command.every = from_seconds(*parsed.watch_seconds);
  command.clear_screen = command.every && around.out_is_terminal;
  const auto reader = around.make_reader(settings);
  run_list(command, *reader, around.terminal);
}

}  // namespace

int run_command_line(const std::vector<std::string>& arguments, const Surroundings& around) {
  const std::string program = program_name(arguments);
  const std::string word = command_word(arguments);
  if (std::ranges::find(kLater, word) != std::end(kLater)) {
    around.terminal.err << "Error: the command " << word << " is not available in this version (Tanist "
                        << TANIST_VERSION << ")\n";
    return 1;
  }
  CommandLine line(program, around.environment);
  try {
    // CLI11 takes them last first, without the program's name.
    std::vector<std::string> rest(arguments.size() > 1 ? arguments.rbegin() : arguments.rend(),
                                  arguments.rend());
    if (!rest.empty()) rest.pop_back();
    line.app().parse(std::move(rest));
  } catch (const CLI::CallForHelp&) {
    const auto asked = line.app().get_subcommands();
    around.terminal.out << (asked.empty() ? line.app().help() : asked.front()->help(program));
    return 0;
  } catch (const CLI::CallForVersion& e) {
    around.terminal.out << e.what() << '\n';
    return 0;
  } catch (const CLI::ExtrasError& e) {
    const bool command = !line.asks_list() && !line.asks_topology() && !word.empty();
    return usage_error(around, program, command ? fmt::format("No such command '{}'.", word) : e.what());
  } catch (const CLI::ParseError& e) {
    return usage_error(around, program, e.what());
  }
  if (!line.asks_list() && !line.asks_topology()) {
    around.terminal.out << line.app().help();
    return 0;
  }
  try {
    show_members(line, around);
  } catch (const Failure& failure) {
    around.terminal.err << "Error: " << failure.what() << '\n';
    return 1;
  }
  return 0;
}

}  // namespace tanist::ctl
