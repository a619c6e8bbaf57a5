#include "ctl/commands/edit_config.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <span>
#include <sstream>

#include "config/addresses.h"
#include "config/read/change.h"
#include "config/yaml/yaml.h"
#include "core/format.h"
#include "ctl/show/diff.h"
#include "ctl/show/yaml_writer.h"

namespace tanist::ctl {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kInput = "-";

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in) throw Failure(fmt::format("could not read {}: {}", path, std::strerror(errno)));
  return text.str();
}

Document read_mapping(const std::string& path, const Terminal& terminal) {
  return path == kInput ? parse_mapping(read_input(terminal), "<stdin>")
                        : parse_mapping(read_file(path), path);
}

void set_path(Document& map, std::span<const std::string> path, Document value) {
  const std::string& key = path[0];
  if (path.size() == 1) {
    if (value.is_null()) {
      map.erase(key);
    } else {
      map.set(key, std::move(value));
    }
    return;
  }
  Document* below = map.find(key);
  if (below == nullptr || !below->is_map()) below = &map.set(key, Document::map());
  set_path(*below, path.subspan(1), std::move(value));
  if (below->size() == 0) map.erase(key);
}

/// A file of the editor, gone in the end unless it is kept.
class EditedFile {
 public:
  EditedFile(std::string cluster, const std::string& text) {
    std::ranges::replace(cluster, '/', '_');
    path_ = (fs::temp_directory_path() / (cluster + "-config-XXXXXX.yaml")).string();
    const int fd = ::mkstemps(path_.data(), 5);
    if (fd < 0) throw Failure(fmt::format("could not create {}: {}", path_, std::strerror(errno)));
    ::close(fd);
    std::ofstream out(path_, std::ios::binary);
    out << text << std::flush;
    if (!out) throw Failure(fmt::format("could not write {}: {}", path_, std::strerror(errno)));
  }
  ~EditedFile() {
    std::error_code ignored;
    if (!kept_) fs::remove(path_, ignored);
  }
  EditedFile(const EditedFile&) = delete;
  EditedFile& operator=(const EditedFile&) = delete;
  const std::string& path() const { return path_; }
  void keep(bool kept) { kept_ = kept; }

 private:
  std::string path_;
  bool kept_ = false;
};

Document edited(const EditConfigCommand& command, const Document& current, const Terminal& terminal,
                const Programs& programs) {
  EditedFile file(command.cluster, to_yaml(current));
  for (;;) {
    const int code = programs.edit(file.path());
    if (code != 0) throw Failure(fmt::format("Editor exited with return code {}", code));
    std::string trouble;
    try {
      return parse_mapping(read_file(file.path()), file.path());
    } catch (const Failure& failure) {
      trouble = failure.what();
    }
    // The work of the editor is not lost to a typing error.
    terminal.err << "Error: " << trouble << '\n';
    file.keep(true);
    if (!confirm(terminal, "Edit again?"))
      throw Failure("nothing was changed; what was written is in " + file.path());
    file.keep(false);
  }
}

void check(const Document& current, const Document& next) {
  const auto refused = config::refused_change(current, next);
  if (refused) throw Failure(*refused + "\nHINT: the members would not take this, nothing was changed");
}

void show_difference(const Document& current, const Document& next, const Terminal& terminal,
                     const Programs& programs) {
  const std::string diff = unified_diff(to_yaml(current), to_yaml(next));
  if (terminal.out_is_terminal) {
    programs.page(terminal.colours ? coloured(diff) : diff);
  } else {
    terminal.out << diff << std::flush;
  }
}

void write(const EditConfigCommand& command, const dcs::Cluster& seen, const Document& next,
           ClusterStore& store) {
  const auto written = store.write_config(command.cluster, next, seen.config.version);
  switch (written.outcome) {
    case dcs::Outcome::done: return;
    case dcs::Outcome::refused:
      if (store.read(command.cluster)->config.version != seen.config.version)
        throw Failure("Config modification aborted due to concurrent changes");
      throw Failure("the store refused to change the configuration: " + written.detail);
    case dcs::Outcome::unknown:
      throw Failure(
          fmt::format("whether the configuration was changed is not known: {}\n"
                      "HINT: show-config tells what is in force",
                      written.detail));
    case dcs::Outcome::unavailable: break;
  }
  throw Failure("could not change the configuration: " + written.detail);
}

}  // namespace

void apply_setting(Document& config, const std::string& pair) {
  const auto equals = pair.find('=');
  if (equals == std::string::npos) throw Failure("Invalid parameter setting " + pair);
  config::Problems warnings;
  auto value = config::parse_yaml(pair.substr(equals + 1), pair, warnings);
  if (!value) throw Failure(config::to_string(value.error()));
  std::vector<std::string> path;
  std::string rest(config::trim(std::string_view(pair).substr(0, equals)));
  for (;;) {
    const auto dot = rest.find('.');
    const bool one_name = path == std::vector<std::string>{"postgresql", "parameters"};
    path.push_back(one_name ? rest : rest.substr(0, dot));
    if (one_name || dot == std::string::npos) break;
    rest.erase(0, dot + 1);
  }
  if (std::ranges::any_of(path, &std::string::empty)) throw Failure("Invalid parameter setting " + pair);
  set_path(config, path, *std::move(value));
}

void run_edit_config(const EditConfigCommand& command, ClusterStore& store, const Terminal& terminal,
                     const Programs& programs) {
  const auto seen = store.read(command.cluster);
  if (!seen->config.valid && !seen->config.version.absent())
    throw Failure(fmt::format(
        "the config key of the cluster {} holds no JSON object\nHINT: PUT /config of a member replaces it",
        command.cluster));
  if (!seen->config.valid)
    throw Failure(fmt::format("The config key does not exist in the cluster {}", command.cluster));
  const Document& current = seen->config.data;
  Document next = current;
  if (command.replace) {
    next = Document::map();
    patch(next, read_mapping(*command.replace, terminal));
  }
  if (command.apply) patch(next, read_mapping(*command.apply, terminal));
  for (const auto& pair : command.settings) apply_setting(next, pair);
  for (const auto& pair : command.parameters) {
    const std::string name(pair.substr(std::min(pair.find_first_not_of(" \t"), pair.size())));
    apply_setting(next, "postgresql.parameters." + name);
  }
  const bool by_options =
      command.replace || command.apply || !command.settings.empty() || !command.parameters.empty();
  if (!by_options) next = edited(command, current, terminal, programs);

  if (next == current) {
    if (!command.quiet) terminal.out << "Not changed\n";
    return;
  }
  check(current, next);
  if (!command.quiet) show_difference(current, next, terminal, programs);
  const bool from_input = command.replace == kInput || command.apply == kInput;
  if (from_input && !command.force) {
    terminal.out << "Use --force option to apply changes\n";
    return;
  }
  if (!command.force && !confirm(terminal, "Apply these changes?")) return;
  write(command, *seen, next, store);
  terminal.out << "Configuration changed\n";
}

namespace {

constexpr cli::Option kQuiet{.names = "-q,--quiet", .help = "Do not show the difference"};
constexpr cli::Option kSet{.names = "-s,--set",
                           .help = "Set a key; an empty value or null removes it; may be repeated",
                           .value = "KEY=VALUE",
                           .repeated = true};
constexpr cli::Option kPg{.names = "-p,--pg",
                          .help = "Set a PostgreSQL parameter: -s postgresql.parameters.NAME=VALUE",
                          .value = "NAME=VALUE",
                          .repeated = true};
constexpr cli::Option kApply{.names = "--apply",
                             .help = "Merge a YAML file into it; - for standard input",
                             .value = "FILE",
                             .type = cli::Type::file};
constexpr cli::Option kReplace{.names = "--replace",
                               .help = "Put a YAML file in its place; - for standard input",
                               .value = "FILE",
                               .type = cli::Type::file};

Ending call_edit_config(const Call& call) {
  const EditConfigCommand command{.cluster = call.cluster(),
                                  .replace = call.given.text(kReplace),
                                  .apply = call.given.text(kApply),
                                  .settings = call.given.texts(kSet),
                                  .parameters = call.given.texts(kPg),
                                  .quiet = call.given.has(kQuiet),
                                  .force = call.given.has(kForce)};
  run_edit_config(command, *call.around.open_store(call.settings), call.around.terminal,
                  call.around.programs);
  return Ending::done;
}

}  // namespace

Command edit_config_command() {
  return {
      .line =
          {.name = "edit-config",
           .help = "Change the configuration that all members of a cluster share",
           .arguments = {kCluster},
           .options = {kGroup, kQuiet, kSet, kPg, kApply, kReplace, kForce},
           .footer =
               "Without -s, -p, --apply and --replace an editor is started ($EDITOR, editor, vi). What "
               "members would\n"
               "refuse is not written, nor is anything when somebody else changed the configuration "
               "meanwhile. Members\n"
               "take the change over within a second; what needs a restart of PostgreSQL is then shown by "
               "`list`.\n\n"
               "Examples:\n"
               "  edit-config shop -s ttl=20 -s retry_timeout=5\n"
               "  edit-config shop -p work_mem=8MB -p log_min_duration_statement=250ms --force\n"
               "  edit-config shop -s postgresql.parameters.work_mem=          (back to the default)\n"
               "  show-config shop > shop.yml; edit-config shop --replace shop.yml"},
      .run = call_edit_config};
}

}  // namespace tanist::ctl
