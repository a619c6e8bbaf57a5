#include "ctl/commands/edit_config.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <ostream>
#include <span>

#include "config/addresses.h"
#include "config/read/change.h"
#include "config/yaml/yaml.h"
#include "core/format.h"
#include "ctl/commands/config_change.h"
#include "ctl/files.h"
#include "ctl/show/diff.h"
#include "ctl/show/yaml_writer.h"
#include "dcs/zones.h"

namespace tanist::ctl {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kInput = "-";

Document read_mapping(const std::string& path, const Terminal& terminal) {
  return parse_mapping(read_file_or_input(path, terminal), path == kInput ? "<stdin>" : path);
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

void check(const dcs::Cluster& cluster, const Document& next) {
  const auto refused = config::refused_change(cluster.config.data, next);
  if (refused) throw Failure(*refused + "\nHINT: the members would not take this, nothing was changed");
  if (const auto why = dcs::why_no_zones(cluster, next); !why.empty())
    throw Failure("nothing was changed: " + why);
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

/// How grave what was told is.
Ending tell(const EditConfigCommand& command, const dcs::Cluster& cluster, const Document& next,
            MemberApi* api, const Terminal& terminal) {
  const Document& current = cluster.config.data;
  std::optional<Members> members;
  if (api != nullptr && concerns_servers(current, next)) members.emplace(*api, command.cluster);
  const auto servers = servers_of(cluster, members ? &*members : nullptr);
  auto findings = judge_change(cluster, next, servers);
  auto& to = command.dry_run ? terminal.out : terminal.err;
  const bool coloured =
      terminal.colours && (command.dry_run ? terminal.out_is_terminal : terminal.err_is_terminal);
  const auto is_grave = [](const doctor::Finding& f) { return f.grade != doctor::Grade::note; };
  const bool grave = std::ranges::any_of(findings, is_grave);
  // Who wants it quiet is told what is wrong, and nothing else.
  const bool all = command.dry_run || !command.quiet;
  if (!all) std::erase_if(findings, std::not_fn(is_grave));
  to << told_findings(findings, coloured);
  if (all) to << told_effects(current, next, servers, command.program, command.cluster, coloured);
  to << std::flush;
  return grave ? Ending::unwise : Ending::done;
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

Ending run_edit_config(const EditConfigCommand& command, ClusterStore& store, MemberApi* api,
                       const Terminal& terminal, const Programs& programs) {
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
    return Ending::done;
  }
  check(*seen, next);
  if (!command.quiet) show_difference(current, next, terminal, programs);
  const Ending judged = tell(command, *seen, next, api, terminal);
  if (command.dry_run) {
    terminal.out << "Nothing was stored (--dry-run)\n";
    return judged;
  }
  const bool from_input = command.replace == kInput || command.apply == kInput;
  if (from_input && !command.force) {
    terminal.out << "Use --force option to apply changes\n";
    return Ending::done;
  }
  if (!command.force && !confirm(terminal, "Apply these changes?")) return Ending::done;
  write(command, *seen, next, store);
  terminal.out << "Configuration changed\n";
  return Ending::done;
}

namespace {

constexpr cli::Option kQuiet{.names = "-q,--quiet",
                             .help = "Do not show the difference, nor what the change takes"};
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
constexpr cli::Option kDryRun{.names = "--dry-run",
                              .help =
                                  "Show the difference, what is unwise about it and what it takes on each "
                                  "member; store nothing"};

/// What cannot be used to ask members keeps nobody from changing the configuration in the store.
std::unique_ptr<MemberApi> api_of(const Call& call) {
  try {
    return call.around.open_member_api(call.settings);
  } catch (const Failure& failure) {
    warn(call.around.terminal, failure.what());
    return nullptr;
  }
}

Ending call_edit_config(const Call& call) {
  const EditConfigCommand command{.cluster = call.cluster(),
                                  .replace = call.given.text(kReplace),
                                  .apply = call.given.text(kApply),
                                  .settings = call.given.texts(kSet),
                                  .parameters = call.given.texts(kPg),
                                  .quiet = call.given.has(kQuiet),
                                  .force = call.given.has(kForce),
                                  .dry_run = call.given.has(kDryRun),
                                  .program = call.program};
  const auto store = call.around.open_store(call.settings);
  return run_edit_config(command, *store, api_of(call).get(), call.around.terminal, call.around.programs);
}

}  // namespace

Command edit_config_command() {
  return {
      .line =
          {.name = "edit-config",
           .help = "Change the configuration that all members of a cluster share",
           .arguments = {kCluster},
           .options = {kGroup, kQuiet, kSet, kPg, kApply, kReplace, kForce, kDryRun},
           .footer =
               "Without -s, -p, --apply and --replace an editor is started ($EDITOR, editor, vi). What "
               "members would\n"
               "refuse is not written, nor is anything when somebody else changed the configuration "
               "meanwhile. What is\n"
               "unwise (unknown keys, values that members or their PostgreSQL would not take, times that do "
               "not fit) is\n"
               "told before the question, and what the change takes on each member: a reload, which it does "
               "by itself\n"
               "within a second, or a restart, which it waits for. With --dry-run nothing is written, and "
               "the exit code\n"
               "is 0 for a change without a warning, 5 for one with, 1 for one that is refused.\n\n"
               "Examples:\n"
               "  edit-config shop -s ttl=20 -s retry_timeout=5\n"
               "  edit-config shop -p max_connections=300 --dry-run\n"
               "  edit-config shop -p work_mem=8MB -p log_min_duration_statement=250ms --force\n"
               "  edit-config shop -s postgresql.parameters.work_mem=          (back to the default)\n"
               "  show-config shop > shop.yml; edit-config shop --replace shop.yml"},
      .run = call_edit_config};
}

}  // namespace tanist::ctl
