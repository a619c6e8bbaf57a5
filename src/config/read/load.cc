#include "config/read/load.h"

#include <algorithm>
#include <array>

#include "config/addresses.h"
#include "config/keys/keys.h"
#include "config/read/sources.h"
#include "config/sections/dynamic.h"
#include "config/sections/methods.h"
#include "config/sections/slots.h"
#include "config/sections/tags.h"
#include "config/stores/configured.h"
#include "config/validate.h"
#include "core/format.h"

namespace tanist::config {
namespace {

constexpr std::string_view kReservedName = "__patroni_strict_sync_replica_placeholder__";

Problem error(std::string text, std::string hint = {}) {
  return Problem{.severity = Severity::error, .text = std::move(text), .hint = std::move(hint)};
}

/// Moves keys of old releases to where they are today.
void modernise(Document& document) {
  if (const Document* zookeeper = document.find("zookeeper"); zookeeper && zookeeper->find("exhibitor")) {
    Document exhibitor = *zookeeper->find("exhibitor");
    document.erase("zookeeper");
    document.set("exhibitor", std::move(exhibitor));
  }
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
  Loader(const EnvironmentConfig& variables, const Environment& environment, Merged merged)
      : merged_(std::move(merged)), problems_(variables.problems) {
    if (const auto home = environment.find("HOME"); home != environment.end()) out_.home = home->second;
    out_.consumed = variables.consumed;
    out_.source = merged_.name;
    append(merged_.problems);
  }

  /// Sources are checked together: what a later one overrides is not in force, and a section may belong to a
  /// key in another file.
  std::expected<LocalConfig, Problems> finish() {
    if (!has_errors(problems_)) {
      out_.document = merged_.document;
      const auto before = problems_.size();
      validate(out_.document, Scope::local, out_.source, problems_);
      if (!has_errors(problems_)) check_whole();
      for (auto i = before; i < problems_.size(); ++i) locate(problems_[i]);
    }
    if (has_errors(problems_)) return std::unexpected(std::move(problems_));
    out_.warnings = std::move(problems_);
    return std::move(out_);
  }

 private:
  void add(Problem problem) { problems_.push_back(std::move(problem)); }
  void append(const Problems& more) { problems_.insert(problems_.end(), more.begin(), more.end()); }

  void complain(std::string_view key, std::string text, std::string hint = {}) {
    Problem problem = error(std::move(text), std::move(hint));
    problem.file = out_.source;
    problem.key = key;
    problems_.push_back(std::move(problem));
  }

  /// Names the source that gave the value, in place of all of them.
  void locate(Problem& problem) const {
    if (problem.key.empty()) return;
    const auto at = merged_.place(problem.key);
    problem.line = at ? at->line : 0;
    if (at) problem.file = at->source;
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
    check_names();
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
    check_auth("restapi");
    check_connect_address();
    if (const Document* tags = out_.document.find("tags")) build_tags(*tags, problems_);
  }

  /// They are parts of the paths of keys, and stand in lines of logs and commands: what would make another
  /// path of it, or another line, is refused. Everything else may be in a name.
  void check_names() {
    for (const char* key : {"name", "scope", "namespace"}) {
      const Document* value = out_.document.find(key);
      if (!value || !value->truthy()) continue;
      const bool path = key == std::string_view("namespace");
      const std::string text = value->text();
      const auto odd = std::ranges::find_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
      if (odd != text.end()) {
        complain(key, fmt::format("given {}: has a control character (0x{:02x}) in it", describe(*value),
                                  static_cast<unsigned char>(*odd)));
      } else if (!path && text.find('/') != std::string::npos) {
        complain(key, fmt::format("given {}: may not have a \"/\" in it, it is one part of a path of keys",
                                  describe(*value)));
      } else if (has_dots_for_a_part(text)) {
        complain(key, fmt::format("given {}: \".\" and \"..\" are no names of keys", describe(*value)));
      }
    }
  }

  static bool has_dots_for_a_part(std::string_view path) {
    for (;;) {
      const auto slash = path.find('/');
      const auto part = path.substr(0, slash);
      if (part == "." || part == "..") return true;
      if (slash == std::string_view::npos) return false;
      path.remove_prefix(slash + 1);
    }
  }

  void check_store() {
    if (chosen_store(out_.document)) {
      build_store(out_.document, out_.source, problems_);
      return;
    }
    const std::string available = available_stores();
    std::string hint = fmt::format("add an {} section", store_of_key(kSampleStoreKey)->section);
    if (const KnownStore* other = configured_in_vain(out_.document)) {
      hint = fmt::format("section {} is given, this version knows {} only", other->section, available);
      if (!other->instead.empty()) hint += fmt::format(": {}", other->instead);
    }
    add(error(no_store_text(available), hint));
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
      for (auto& complaint : slot_complaints(*dcs))
        warn("bootstrap.dcs." + complaint.key, std::move(complaint.text));
    }
    const Document* method = bootstrap->find("method");
    if (!method || !method->truthy() || method->text() == "initdb" || custom_bootstrap(bootstrap)) return;
    warn("bootstrap.method", fmt::format("bootstrap.{} has no command, initdb is used", method->text()));
  }

  /// Half a user would leave the API open though somebody meant to close it.
  void check_auth(const std::string& section) {
    const std::string pair = section + ".auth";
    if (const Document* value = out_.document.find_path(pair); value && value->truthy()) {
      const auto colon = value->text().find(':');
      if (!value->is_string() || colon == 0 || colon == std::string::npos)
        complain(pair, fmt::format("given {}, allowed: user:password", describe(*value, find_key(pair))));
    }
    const Document* users = out_.document.find_path(section + ".authentication");
    if (!users || users->is_null()) return;
    if (!users->is_map())
      return complain(
          section + ".authentication",
          fmt::format("given {}, allowed: a mapping with username and password", describe(*users)));
    for (const char* name : {"username", "password"})
      if (const Document* value = users->find(name); !value || value->is_null() || value->text().empty())
        complain(fmt::format("{}.authentication.{}", section, name), "is not defined",
                 "a user needs both, username and password");
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

  Merged merged_;
  LocalConfig out_;
  Problems problems_;
};

}  // namespace

std::expected<LocalConfig, Problems> load_from(const std::vector<SourceFile>& files,
                                               const std::string& source, const Environment& environment) {
  const EnvironmentConfig variables = read_environment(environment);
  const Sources sources{.files = files, .name = source};
  return Loader(variables, environment, merge(sources, variables)).finish();
}

std::expected<LocalConfig, Problems> load(const std::optional<std::string>& path,
                                          const Environment& environment) {
  const EnvironmentConfig variables = read_environment(environment);
  const Sources sources = read_sources(path, variables, environment);
  if (has_errors(sources.problems)) return std::unexpected(sources.problems);
  return Loader(variables, environment, merge(sources, variables)).finish();
}

}  // namespace tanist::config
