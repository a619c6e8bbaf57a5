#include "ctl/settings.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "config/addresses.h"
#include "config/errors.h"
#include "config/sections/etcd3.h"
#include "config/yaml/yaml.h"
#include "core/format.h"
#include "core/text.h"
#include "core/version.h"

namespace tanist::ctl {

namespace fs = std::filesystem;

namespace {

constexpr const char* kStores[] = {"consul", "etcd", "etcd3", "exhibitor", "kubernetes", "raft", "zookeeper"};
/// What `-d` replaces: a store that has a URL.
constexpr const char* kStoresWithUrl[] = {"consul", "etcd", "etcd3", "exhibitor", "zookeeper"};

struct Scheme {
  std::string_view name;
  int port;
};
constexpr Scheme kSchemes[] = {
    {"etcd", 2379}, {"etcd3", 2379}, {"consul", 8500}, {"zookeeper", 2181}, {"exhibitor", 8181}};
/// Without a scheme the port tells.
constexpr Scheme kSchemeOfPort[] = {
    {"consul", 8500}, {"zookeeper", 2181}, {"exhibitor", 8181}, {"etcd", 2379}};

std::string variable(const config::Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

std::string config_home(const config::Environment& environment) {
  const std::string xdg = variable(environment, "XDG_CONFIG_HOME");
  if (!xdg.empty()) return xdg;
  const std::string home = variable(environment, "HOME");
  return home.empty() ? std::string() : home + "/.config";
}

std::vector<fs::path> files_of(const fs::path& path) {
  std::error_code ec;
  if (!fs::is_directory(path, ec)) return {path};
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(path, ec)) {
    const auto extension = entry.path().extension();
    if (extension == ".yml" || extension == ".yaml") out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

void read_path(Document& document, const fs::path& path) {
  for (const auto& file : files_of(path)) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    if (in) text << in.rdbuf();
    if (!in) throw Failure(fmt::format("could not read {}: {}", file.string(), std::strerror(errno)));
    patch(document, parse_mapping(text.str(), file.string()));
  }
}

std::string text_at(const Document& document, std::string_view key, std::string fallback) {
  const Document* value = document.find(key);
  return value == nullptr || value->is_null() ? std::move(fallback) : value->text();
}

[[noreturn]] void no_store() {
  std::string names;
  for (const char* name : kStores) names += (names.empty() ? "" : ", ") + std::string(name);
  throw Failure(
      "Can not find suitable configuration of distributed configuration store\nAvailable implementations: " +
      names);
}

}  // namespace

std::string Settings::base_path(const std::string& cluster) const {
  config::Settings out;
  out.scope = cluster;
  out.name_space = name_space;
  return out.base_path();
}

std::vector<std::string> default_config_paths(const config::Environment& environment) {
  std::vector<std::string> out;
  const std::string home = config_home(environment);
  if (!home.empty()) {
    out.push_back(home + "/patroni/patronictl.yaml");
    out.push_back(home + "/tanist/tanistctl.yaml");
  }
  out.emplace_back("/etc/tanist/tanistctl.yaml");
  out.emplace_back("/etc/patroni/patronictl.yaml");
  return out;
}

void apply_dcs_url(Document& document, const std::string& url) {
  std::string_view rest = url;
  std::string scheme;
  if (const auto mark = rest.find("://"); mark != std::string_view::npos) {
    scheme = lower(rest.substr(0, mark));
    rest.remove_prefix(mark + 3);
  }
  const auto slash = rest.find('/');
  const std::string_view where = rest.substr(0, slash);
  std::string_view name_space = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  while (name_space.ends_with('/')) name_space.remove_suffix(1);

  constexpr int kNone = 0;
  config::HostPort address{"localhost", kNone};
  if (where.starts_with(':')) {
    const auto parsed = config::split_host_port("localhost" + std::string(where), std::nullopt);
    if (!parsed) throw Failure(fmt::format("-d {}: {}", url, parsed.error()));
    address.port = parsed->port;
  } else if (!where.empty()) {
    // Port 1 stands for "none given": split_host_port has no other way to say so.
    const bool bracketed = where.ends_with(']');
    const bool has_port = !bracketed && where.find(':') != std::string_view::npos;
    const auto parsed = config::split_host_port(where, has_port ? std::nullopt : std::optional<int>(1));
    if (!parsed) throw Failure(fmt::format("-d {}: {}", url, parsed.error()));
    address.host = parsed->host;
    if (has_port) address.port = parsed->port;
  }
  if (scheme.empty()) {
    const auto known = std::ranges::find(kSchemeOfPort, address.port, &Scheme::port);
    scheme = known == std::end(kSchemeOfPort) ? "etcd" : known->name;
  }
  const auto known = std::ranges::find(kSchemes, scheme, &Scheme::name);
  if (known == std::end(kSchemes)) throw Failure("Unknown dcs scheme: " + scheme);
  if (address.port == kNone) address.port = known->port;

  for (const char* store : kStoresWithUrl) document.erase(store);
  Document& section = document.set(scheme, Document::map());
  if (scheme == "exhibitor") {
    section.set("hosts", Document::list({Document(address.host)}));
    section.set("port", address.port);
  } else if (scheme == "zookeeper") {
    section.set("hosts", Document::list({Document(config::to_string(address))}));
  } else {
    section.set("host", config::to_string(address));
  }
  if (!name_space.empty()) document.set("namespace", name_space);
}

Document parse_mapping(const std::string& text, const std::string& source) {
  config::Problems warnings;
  auto parsed = config::parse_yaml(text, source, warnings);
  if (!parsed) throw Failure(config::to_string(parsed.error()));
  if (parsed->is_null()) return Document::map();
  if (!parsed->is_map()) throw Failure(source + " does not contain a dict");
  return *std::move(parsed);
}

Settings load_settings(const GlobalOptions& options, const config::Environment& environment) {
  Settings out;
  std::optional<std::string> path = options.config_path;
  if (path) {
    if (::access(path->c_str(), R_OK) != 0) {
      throw Failure(fmt::format(
          "Provided config file {} not existing or no read rights. Check the -c/--config-file parameter",
          *path));
    }
  } else {
    for (const auto& candidate : default_config_paths(environment)) {
      if (!path && ::access(candidate.c_str(), R_OK) == 0) path = candidate;
    }
  }
  if (path) read_path(out.document, *path);
  const config::EnvironmentConfig variables = config::read_environment(environment);
  if (!path && variables.whole) {
    out.document = parse_mapping(*variables.whole, "PATRONI_CONFIGURATION");
  } else {
    patch(out.document, variables.overlay);
  }
  if (options.dcs_url) apply_dcs_url(out.document, *options.dcs_url);
  out.scope = text_at(out.document, "scope", "");
  out.name_space = text_at(out.document, "namespace", "service");
  const Document* insecure = out.document.find_path("ctl.insecure");
  out.insecure = options.insecure || (insecure != nullptr && parse_bool(*insecure).value_or(false));
  return out;
}

config::Etcd3 etcd3_of(const Settings& settings) {
  const Document* section = settings.document.find("etcd3");
  if (section == nullptr || !section->truthy()) {
    for (const char* store : kStores) {
      const Document* other = settings.document.find(store);
      if (other == nullptr || !other->truthy()) continue;
      throw Failure(fmt::format(
          "the configured store {} is not available in Tanist {}\nHINT: {}", store, version(),
          std::string_view(store) == "etcd"
              ? "rename the section to etcd3, its keys stay as they are, or give -d etcd3://HOST:PORT"
              : "this version speaks to etcd3"));
    }
    no_store();
  }
  config::Problems problems;
  auto out = config::build_etcd3(*section, "", problems);
  if (config::has_errors(problems)) throw Failure(config::to_string(problems));
  return out;
}

}  // namespace tanist::ctl
