#include "config/load.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "config/addresses.h"
#include "config/dynamic.h"
#include "config/etcd3.h"
#include "config/keys.h"
#include "config/tags.h"
#include "config/validate.h"
#include "config/yaml.h"
#include "core/format.h"

namespace tanist::config {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kReservedName = "__patroni_strict_sync_replica_placeholder__";

Problem error(std::string text, std::string hint = {}) {
  return Problem{.severity = Severity::error, .text = std::move(text), .hint = std::move(hint)};
}

std::expected<std::string, Problem> read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return std::unexpected(error(fmt::format("cannot open {}: {}", path.string(), std::strerror(errno))));
  std::string text(kMaxYamlBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad())
    return std::unexpected(error(fmt::format("cannot read {}: {}", path.string(), std::strerror(errno))));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

std::expected<std::vector<fs::path>, Problem> files_of(const fs::path& path) {
  std::error_code ec;
  if (fs::is_regular_file(path, ec)) return std::vector<fs::path>{path};
  if (!fs::is_directory(path, ec))
    return std::unexpected(
        error("invalid config path " + path.string(), "give a YAML file or a directory of them"));
  std::vector<fs::path> out;
  fs::directory_iterator entries(path, ec);
  if (ec) return std::unexpected(error(fmt::format("cannot list {}: {}", path.string(), ec.message())));
  for (const auto& entry : entries) {
    const auto extension = entry.path().extension();
    std::error_code ignored;
    if ((extension == ".yml" || extension == ".yaml") && entry.is_regular_file(ignored))
      out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

std::expected<std::vector<SourceFile>, Problem> read_files(const std::string& path) {
  const auto paths = files_of(path);
  if (!paths) return std::unexpected(paths.error());
  std::vector<SourceFile> out;
  for (const auto& file : *paths) {
    auto text = read_file(file);
    if (!text) return std::unexpected(text.error());
    out.push_back({file.string(), *std::move(text)});
  }
  return out;
}

/// Moves keys of old releases to where they are today.
void modernise(Document& document) {
  Document* postgresql = document.find("postgresql");
  if (!postgresql || !postgresql->is_map()) return;
  const auto truthy_child = [&](std::string_view name) {
    const Document* value = postgresql->find(name);
    return value && value->truthy() ? value : nullptr;
  };
  if (const Document* name = document.find("name"); !name || !name->truthy())
    if (const Document* old = postgresql->find("name")) {
      document.set("name", Document(*old));
      postgresql = document.find("postgresql");
    }
  const Document* old_rewind = postgresql->find("pg_rewind");
  if (!truthy_child("authentication")) {
    Document users = Document::map();
    for (const char* who : {"replication", "superuser"})
      if (const Document* old = postgresql->find(who)) users.set(who, Document(*old));
    if (users.size() == 0 && !old_rewind) return;
    postgresql->set("use_pg_rewind", old_rewind != nullptr);
    old_rewind = postgresql->find("pg_rewind");
    postgresql->set("authentication", std::move(users));
    old_rewind = postgresql->find("pg_rewind");
  }
  Document* users = postgresql->find("authentication");
  if (users->is_map() && !users->find("superuser") && old_rewind)
    users->set("superuser", Document(*old_rewind));
}

class Loader {
 public:
  explicit Loader(const Environment& environment) : environment_(read_environment(environment)) {
    append(environment_.problems);
    if (const auto home = environment.find("HOME"); home != environment.end()) out_.home = home->second;
  }

  EnvironmentConfig& environment() { return environment_; }

  void add(Problem problem) { problems_.push_back(std::move(problem)); }

  /// Parses one source and patches it on what is there.
  void take(const std::string& text, const std::string& name) {
    single_file_ = ++taken_ == 1;
    const auto parsed = parse_yaml(text, name, problems_);
    if (!parsed) {
      problems_.push_back(parsed.error());
    } else if (!parsed->is_map()) {
      problems_.push_back(error(name + " does not contain a dict"));
      problems_.push_back(error("invalid config file " + name));
    } else {
      validate(*parsed, Scope::local, name, problems_);
      patch(out_.document, *parsed);
    }
  }

  void take_environment() {
    Problems found;
    validate(environment_.overlay, Scope::local, "environment", found);
    for (auto& problem : found) {
      const auto variable = environment_.variables.find(problem.key);
      if (variable != environment_.variables.end()) problem.file = variable->second;
    }
    append(found);
    patch(out_.document, environment_.overlay);
  }

  std::expected<LocalConfig, Problems> finish(std::string source) {
    out_.source = std::move(source);
    if (!has_errors(problems_)) check_whole();
    if (has_errors(problems_)) return std::unexpected(std::move(problems_));
    out_.warnings = std::move(problems_);
    out_.consumed = environment_.consumed;
    return std::move(out_);
  }

 private:
  void append(const Problems& more) { problems_.insert(problems_.end(), more.begin(), more.end()); }

  void complain(std::string_view key, std::string text, std::string hint = {}) {
    Problem problem = error(std::move(text), std::move(hint));
    problem.file = out_.source;
    const Document* value = out_.document.find_path(key);
    problem.line = value && single_file_ ? value->line : 0;
    problem.key = key;
    problems_.push_back(std::move(problem));
  }

  bool has(std::string_view path) const {
    const Document* value = out_.document.find_path(path);
    return value && value->truthy();
  }

  /// What can be said only about all sources together.
  void check_whole() {
    if (out_.document.size() == 0) return add(error("Config is empty."));
    modernise(out_.document);
    if (const Document* name = out_.document.find("name"); name && name->text() == kReservedName)
      add(error(fmt::format("Node 'name' can't be set to '{}'", kReservedName)));
    for (const auto& key : keys()) {
      if (!key.required || has(key.path)) continue;
      if (key.path == "restapi.listen") {
        add(error("Can not find \"restapi.listen\" config",
                  "set restapi.listen, for example to 0.0.0.0:8008"));
      } else {
        complain(key.path, "is not defined",
                 key.environment.empty()
                     ? ""
                     : fmt::format("set it in the file or as PATRONI_{}", key.environment));
      }
    }
    check_store();
    check_users();
    check_listen();
    check_bootstrap();
    check_auth("ctl");
    check_connect_address();
    check_log();
    if (const Document* tags = out_.document.find("tags")) build_tags(*tags, problems_);
  }

  void check_store() {
    if (const Document* section = out_.document.find("etcd3"); section && section->truthy()) {
      const auto before = problems_.size();
      build_etcd3(*section, out_.source, problems_);
      if (!single_file_)
        for (auto i = before; i < problems_.size(); ++i) problems_[i].line = 0;
      return;
    }
    std::string hint = "add an etcd3 section";
    for (const char* other : {"consul", "etcd", "exhibitor", "kubernetes", "raft", "zookeeper"})
      if (out_.document.find(other))
        hint = fmt::format("section {} is given, this version knows etcd3 only", other);
    add(
        error("Can not find suitable configuration of distributed configuration store\nAvailable "
              "implementations: etcd3",
              hint));
  }

  void check_users() {
    if (!has("postgresql.authentication.replication.username"))
      complain("postgresql.authentication.replication.username", "is not defined",
               "replicas need a user to stream with");
  }

  void check_listen() {
    const Document* listen = out_.document.find_path("postgresql.listen");
    if (!listen || !listen->truthy()) return;
    if (const auto parsed = split_host_port(listen->text(), 5432); !parsed)
      complain("postgresql.listen", fmt::format("given {}: {}", describe(*listen), parsed.error()));
  }

  void check_bootstrap() {
    const Document* bootstrap = out_.document.find("bootstrap");
    if (!bootstrap || !bootstrap->is_map()) return;
    if (const Document* dcs = bootstrap->find("dcs"); !dcs || dcs->is_null()) {
      warn("bootstrap.dcs", "is not defined: a new cluster gets the defaults");
    } else if (dcs->truthy()) {
      if (const auto accepted = accept_dynamic(*dcs); !accepted) complain("bootstrap.dcs", accepted.error());
    }
    const Document* method = bootstrap->find("method");
    if (!method || !method->truthy() || method->text() == "initdb") return;
    const Document* section = bootstrap->find(method->text());
    if (section && section->is_map() && section->find("command")) {
      complain("bootstrap.method",
               fmt::format("given {}: not supported in this version, and ignoring it would be unsafe",
                           describe(*method)),
               "make the cluster with initdb, or remove the bootstrap section to let this member only join");
    } else {
      warn("bootstrap.method", fmt::format("bootstrap.{} has no command, initdb is used", method->text()));
    }
  }

  void check_auth(const std::string& section) {
    const Document* users = out_.document.find_path(section + ".authentication");
    if (!users || !users->truthy()) return;
    for (const char* name : {"username", "password"})
      if (!users->find(name)) complain(fmt::format("{}.authentication.{}", section, name), "is not defined");
  }

  void warn(std::string_view key, std::string text, std::string hint = {}) {
    complain(key, std::move(text), std::move(hint));
    problems_.back().severity = Severity::warning;
  }

  void check_connect_address() {
    const Document* listen = out_.document.find_path("restapi.listen");
    if (!listen || has("restapi.connect_address")) return;
    const auto parsed = split_host_port(listen->text(), std::nullopt);
    constexpr std::array<std::string_view, 4> kAll = {"", "*", "0.0.0.0", "::"};
    if (parsed && std::ranges::find(kAll, parsed->host) != kAll.end())
      warn("restapi.connect_address",
           fmt::format("is not defined, and others cannot reach {}", listen->text()),
           "set it to the address of this host");
  }

  void check_log() {
    for (const auto& [key, effect] :
         {std::pair("log.format", "the default is used"), std::pair("log.dateformat", "ignored")})
      if (const Document* value = out_.document.find_path(key);
          value && !value->is_null() && !value->is_string())
        warn(key, fmt::format("given {}, allowed: a string; {}", describe(*value), effect));
  }

  EnvironmentConfig environment_;
  LocalConfig out_;
  Problems problems_;
  /// Lines of the merged document mean something.
  bool single_file_ = true;
  int taken_ = 0;
};

}  // namespace

std::expected<LocalConfig, Problems> load_from(const std::vector<SourceFile>& files,
                                               const std::string& source, const Environment& environment) {
  Loader loader(environment);
  for (const auto& file : files) loader.take(file.text, file.name);
  loader.take_environment();
  return loader.finish(source);
}

std::expected<LocalConfig, Problems> load(const std::optional<std::string>& path,
                                          const Environment& environment) {
  std::error_code ec;
  const bool given = path && !path->empty();
  if (given && fs::exists(*path, ec)) {
    const auto files = read_files(*path);
    if (!files) return std::unexpected(Problems{files.error()});
    return load_from(*files, *path, environment);
  }
  Loader loader(environment);
  const auto& config = loader.environment();
  const bool empty = !config.whole && config.overlay.size() == 0;
  if (given) {
    Problem missing = error(fmt::format("invalid config path {}: no such file or directory", *path));
    if (empty) return std::unexpected(Problems{missing});
    missing.severity = Severity::warning;
    missing.text += "; the environment alone is used";
    loader.add(std::move(missing));
  }
  if (config.whole) {
    const std::string name = config.variables.at("");
    loader.take(*config.whole, name);
    return loader.finish(name);
  }
  loader.take_environment();
  return loader.finish("environment");
}

std::vector<std::string> changes_needing_restart(const LocalConfig& before, const LocalConfig& after) {
  std::vector<std::string> out;
  for (const auto& key : keys()) {
    if (key.reload != Reload::restart_daemon || key.type == Type::section || key.scope == Scope::dynamic)
      continue;
    const Document* was = before.document.find_path(key.path);
    const Document* is = after.document.find_path(key.path);
    if (!equal_by_text(was ? *was : Document(), is ? *is : Document())) out.push_back(key.path);
  }
  return out;
}

}  // namespace tanist::config
