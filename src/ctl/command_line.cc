#include "ctl/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <ostream>

#include "core/format.h"
#include "ctl/commands/reload.h"
#include "ctl/commands/show_config.h"
#include "ctl/member_selection.h"

namespace tanist::ctl {

namespace {

/// Commands of patronictl that come later. They are known words, not typing errors.
constexpr std::string_view kLater[] = {"demote-cluster",  "dsn",    "failover", "flush",  "history", "pause",
                                       "promote-cluster", "query",  "reinit",   "remove", "restart", "resume",
                                       "switchover",      "version"};

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
  std::optional<int> group;
  // list, topology
  std::vector<std::string> clusters;
  std::string format = "pretty";
  bool extended = false;
  bool timestamp = false;
  bool watch = false;
  std::optional<double> watch_seconds;
  // The others take one cluster.
  std::string cluster;
  ReloadCommand reload;
  EditConfigCommand edit;
};

void add_group(CLI::App& command, Parsed& parsed) {
  command.add_option("--group", parsed.group, "Citus group (not available in this version)")->type_name("N");
}

void add_watched(CLI::App& command, Parsed& parsed) {
  command.add_option("CLUSTER", parsed.clusters, "Names of clusters (default: `scope` of the configuration)")
      ->type_name("");
  add_group(command, parsed);
  command.add_flag("-W", parsed.watch, "Show again every 2 seconds, until Ctrl-C");
  command.add_option("-w,--watch", parsed.watch_seconds, "Show again every so many seconds")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.01, kLongestWatchSeconds).description(""));
}

void add_cluster(CLI::App& command, Parsed& parsed) {
  command
      .add_option("CLUSTER", parsed.cluster, "Name of the cluster (default: `scope` of the configuration)")
      ->type_name("");
  add_group(command, parsed);
}

class CommandLine {
 public:
  CommandLine(const std::string& program, const config::Environment& environment)
      : app_(
            "Look at PostgreSQL clusters that Tanist (or Patroni) keeps running: who leads, who follows, and "
            "how far\n"
            "behind; and change the configuration that their members share. What is shown is read from the "
            "store that\n"
            "the members agree in.",
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
    add_show_config();
    add_edit_config();
    add_reload();
    app_.footer(
        fmt::format("Examples:\n"
                    "  {0} -c /etc/tanist/shop.yml list\n"
                    "  {0} -d etcd3://10.1.0.11:2379 list shop -W\n"
                    "  {0} -c /etc/tanist/shop.yml list -f json | jq '.[] | select(.Role == \"Leader\")'\n"
                    "  {0} -c /etc/tanist/shop.yml edit-config -s ttl=20 -p work_mem=8MB\n"
                    "  {0} -c /etc/tanist/shop.yml reload shop\n\n"
                    "Exit code: 0 done, 1 an error (`Error: ...`), 2 wrong usage.",
                    program));
  }

  CLI::App& app() { return app_; }
  const Parsed& parsed() const { return parsed_; }
  /// The command, its name; empty: none.
  std::string asked() const {
    const auto commands = app_.get_subcommands();
    return commands.empty() ? std::string() : commands.front()->get_name();
  }

 private:
  void add_list() {
    auto* list =
        app_.add_subcommand("list", "Show the members of clusters: role, state, timeline, position, lag");
    add_watched(*list, parsed_);
    list->add_flag("-e,--extended", parsed_.extended, "Also columns that no member has a value for");
    list->add_flag("-t,--timestamp", parsed_.timestamp, "Print the time first");
    list->add_option("-f,--format", parsed_.format, "pretty (default), tsv, json or yaml")
        ->type_name("FORMAT")
        ->check(CLI::IsMember({"pretty", "tsv", "json", "yaml", "yml"}).description(""));
    list->footer(
        "Receive and Replay: how far a replica has received and replayed the WAL, with the lag behind the\n"
        "leader in MB. Hosts are shown with their port where it is not 5432 or hosts are shared.");
  }

  void add_topology() {
    auto* topology =
        app_.add_subcommand("topology", "Show the members of clusters as a tree: who replicates from whom");
    add_watched(*topology, parsed_);
  }

  void add_show_config() {
    auto* show =
        app_.add_subcommand("show-config", "Print the configuration that all members of a cluster share");
    add_cluster(*show, parsed_);
    show->footer(
        "It is the value of /config in the store: timing, modes, slots, PostgreSQL's parameters. What only\n"
        "one member has stands in its own file.");
  }

  void add_edit_config() {
    auto& edit = parsed_.edit;
    auto* command =
        app_.add_subcommand("edit-config", "Change the configuration that all members of a cluster share");
    add_cluster(*command, parsed_);
    command->add_flag("-q,--quiet", edit.quiet, "Do not show the difference");
    command
        ->add_option("-s,--set", edit.settings,
                     "Set a key; an empty value or null removes it; may be repeated")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
    command
        ->add_option("-p,--pg", edit.parameters,
                     "Set a PostgreSQL parameter: -s postgresql.parameters.NAME=VALUE")
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false);
    command->add_option("--apply", edit.apply, "Merge a YAML file into it; - for standard input")
        ->type_name("FILE");
    command->add_option("--replace", edit.replace, "Put a YAML file in its place; - for standard input")
        ->type_name("FILE");
    command->add_flag("--force", edit.force, "Do not ask");
    command->footer(
        "Without -s, -p, --apply and --replace an editor is started ($EDITOR, editor, vi). What members "
        "would\n"
        "refuse is not written, nor is anything when somebody else changed the configuration meanwhile. "
        "Members\n"
        "take the change over within a second; what needs a restart of PostgreSQL is then shown by "
        "`list`.\n\n"
        "Examples:\n"
        "  edit-config shop -s ttl=20 -s retry_timeout=5\n"
        "  edit-config shop -p work_mem=8MB -p log_min_duration_statement=250ms --force\n"
        "  edit-config shop -s postgresql.parameters.work_mem=          (back to the default)\n"
        "  show-config shop > shop.yml; edit-config shop --replace shop.yml");
  }

  void add_reload() {
    auto& reload = parsed_.reload;
    auto* command = app_.add_subcommand("reload", "Have members read their configuration files again");
    command->add_option("CLUSTER", parsed_.cluster, "Name of the cluster")->type_name("")->required();
    command->add_option("MEMBERS", reload.members, "Names of members (default: all)")->type_name("");
    add_group(*command, parsed_);
    command
        ->add_option("-r,--role", reload.role,
                     "Only members of a role: leader, primary, standby-leader, replica, any")
        ->type_name("ROLE")
        ->check(
            CLI::IsMember(std::vector<std::string>(std::begin(kRoles), std::end(kRoles))).description(""));
    command->add_flag("--force", reload.force, "Do not ask");
    command->footer(
        "It is what SIGHUP does: the member reads its files again, writes PostgreSQL's anew and reloads it.\n"
        "Changes by edit-config need no reload.");
  }

  Parsed parsed_;
  CLI::App app_;
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

void show_members(const Parsed& parsed, bool topology, const Settings& settings, const Surroundings& around) {
  ListCommand command;
  command.clusters = parsed.clusters;
  if (command.clusters.empty() && !settings.scope.empty()) command.clusters.push_back(settings.scope);
  if (command.clusters.empty())
    return warn(around.terminal, "Listing members: No cluster names were provided");
  command.options.format = topology ? Format::topology : format_of(parsed.format);
  command.options.extended = parsed.extended;
  command.timestamp = parsed.timestamp;
  if (parsed.watch) command.every = kWatchEvery;
  if (parsed.watch_seconds) command.every = from_seconds(*parsed.watch_seconds);
  command.clear_screen = command.every && around.terminal.out_is_terminal;
  const auto store = around.open_store(settings);
  run_list(command, *store, around.terminal);
}

/// Wrong usage that only the configuration shows.
struct MissingCluster {};

void run_asked(const CommandLine& line, const Surroundings& around) {
  const Parsed& parsed = line.parsed();
  const std::string command = line.asked();
  const Settings settings = load_settings(parsed.global, around.environment);
  const Document* citus = settings.document.find("citus");
  if (parsed.group || (citus != nullptr && citus->truthy())) {
    throw Failure(fmt::format("Citus clusters are not available in Tanist {}", TANIST_VERSION));
  }
  if (command == "list" || command == "topology")
    return show_members(parsed, command == "topology", settings, around);
  const std::string cluster = parsed.cluster.empty() ? settings.scope : parsed.cluster;
  if (cluster.empty()) throw MissingCluster();
  const auto store = around.open_store(settings);
  if (command == "show-config") return run_show_config(cluster, *store, around.terminal);
  if (command == "edit-config") {
    EditConfigCommand edit = parsed.edit;
    edit.cluster = cluster;
    return run_edit_config(edit, *store, around.terminal, around.programs);
  }
  ReloadCommand reload = parsed.reload;
  reload.cluster = cluster;
  reload.local = settings.document;
  const auto api = around.open_member_api(settings);
  run_reload(reload, *store, *api, around.terminal);
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
    const bool command = line.asked().empty() && !word.empty();
    return usage_error(around, program, command ? fmt::format("No such command '{}'.", word) : e.what());
  } catch (const CLI::ParseError& e) {
    return usage_error(around, program, e.what());
  }
  if (line.asked().empty()) {
    around.terminal.out << line.app().help();
    return 0;
  }
  try {
    run_asked(line, around);
  } catch (const MissingCluster&) {
    return usage_error(around, program, "Missing argument 'CLUSTER': the configuration names no scope.");
  } catch (const Aborted& aborted) {
    around.terminal.err << '\n' << aborted.what() << '\n';
    return 1;
  } catch (const Failure& failure) {
    around.terminal.err << "Error: " << failure.what() << '\n';
    return 1;
  }
  return 0;
}

}  // namespace tanist::ctl
