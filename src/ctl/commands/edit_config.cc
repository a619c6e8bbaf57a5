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
#include "config/change.h"
#include "config/yaml.h"
#include "core/format.h"
#include "ctl/show/diff.h"
#include "ctl/show/yaml_writer.h"
#include "process/command_line.h"
#include "process/foreground.h"

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

bool in_path(const std::string& program, const config::Environment& environment) {
  if (program.find('/') != std::string::npos) return ::access(program.c_str(), X_OK) == 0;
  const auto found = environment.find("PATH");
  std::istringstream folders(found == environment.end() ? "/usr/bin:/bin" : found->second);
  for (std::string folder; std::getline(folders, folder, ':');)
    if (::access((folder + "/" + program).c_str(), X_OK) == 0) return true;
  return false;
}

/// The command in the variable, else the first of `others` that is there; empty: none.
std::vector<std::string> program_of(const config::Environment& environment, const char* variable,
                                    const std::vector<std::string>& others) {
  const auto set = environment.find(variable);
  if (set != environment.end()) {
    const auto words = process::split_command(set->second);
    if (words && !words->empty() && in_path(words->front(), environment)) return *words;
  }
  for (const auto& name : others)
    if (in_path(name, environment)) return {name};
  return {};
}

int exit_code(const std::expected<process::Exit, std::string>& ended) {
  if (!ended) throw Failure(ended.error());
  return ended->signal != 0 ? -ended->signal : ended->code;
}

void check(const Document& current, const Document& next) {
  const auto refused = config::refused_change(current, next);
  if (refused)
    throw Failure(*refused + "\nHINT: the members would refuse this configuration, nothing was changed");
}

void show_difference(const Document& current, const Document& next, const Terminal& terminal,
                     const Programs& programs) {
  const std::string diff = unified_diff(to_yaml(current), to_yaml(next));
  if (terminal.out_is_terminal) {
    programs.page(coloured(diff));
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

Programs usual_programs(const config::Environment& environment) {
  Programs out;
  out.edit = [environment](const std::string& path) {
    auto editor = program_of(environment, "EDITOR", {"editor", "vi"});
    if (editor.empty())
      throw Failure("EDITOR environment variable is not set. editor or vi are not available");
    editor.push_back(path);
    return exit_code(process::run_in_foreground(editor));
  };
  out.page = [environment](const std::string& text) {
    auto pager = program_of(environment, "PAGER", {"less", "more"});
    if (pager.empty())
      throw Failure(
          "No pager could be found. Either set PAGER environment variable with your pager or install either "
          "\"less\" or \"more\" in the host.");
    // Colours are shown, and what fits the screen is left on it.
    if (pager.size() == 1 && pager[0].ends_with("less")) pager.emplace_back("-FRX");
    (void)exit_code(process::run_in_foreground(pager, text));
  };
  return out;
}

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

}  // namespace tanist::ctl
