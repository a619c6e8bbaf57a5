#include "ctl/settings.h"

#include <unistd.h>

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "config/addresses.h"
#include "config/errors.h"
#include "config/read/sources.h"
#include "config/stores/configured.h"
#include "config/yaml/yaml.h"
#include "core/format.h"
#include "core/text.h"
#include "core/version.h"

namespace tanist::ctl {

namespace {

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

std::string text_at(const Document& document, std::string_view key, std::string fallback) {
  const Document* value = document.find(key);
  return value == nullptr || value->is_null() ? std::move(fallback) : value->text();
}

}  // namespace

dcs::Place Settings::place(const std::string& cluster) const {
  return {.name_space = name_space, .scope = cluster};
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
  const config::KnownStore* store = config::store_of_url(scheme, address.port);
  if (!store) throw Failure("Unknown dcs scheme: " + scheme);
  if (address.port == kNone) address.port = store->port;

  using Url = config::KnownStore::Url;
  for (const auto& other : config::kStores)
    if (other.url != Url::none) document.erase(other.section);
  Document& section = document.set(store->section, Document::map());
  switch (store->url) {
    case Url::none: break;  // no URL names it
    case Url::host: section.set("host", config::to_string(address)); break;
    case Url::hosts: section.set("hosts", Document::list({Document(config::to_string(address))})); break;
    case Url::hosts_and_port:
      section.set("hosts", Document::list({Document(address.host)}));
      section.set("port", address.port);
      break;
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
      throw Failure(
          fmt::format(
              "Provided config file {} not existing or no read rights. Check the -c/--config-file parameter",
              *path) +
          (variable(environment, "PATRONICTL_CONFIG_FILE") == *path
               ? "\nHINT: the file is named by PATRONICTL_CONFIG_FILE"
               : ""));
    }
  } else {
    for (const auto& candidate : default_config_paths(environment)) {
      if (path) break;
      if (::access(candidate.c_str(), R_OK) == 0) {
        path = candidate;
      } else {
        out.looked_in.push_back(candidate);
      }
    }
  }
  const config::EnvironmentConfig variables = config::read_environment(environment);
  const auto sources = config::read_sources(path, variables, environment, config::Reads::tool);
  config::Merged merged = config::merge(sources, variables);
  std::erase_if(merged.problems,
                [](const auto& problem) { return problem.severity != config::Severity::error; });
  if (!merged.problems.empty()) throw Failure(config::to_string(merged.problems));
  if (path || merged.document.size() != 0) out.source = merged.name;
  out.document = std::move(merged.document);
  if (options.dcs_url) {
    apply_dcs_url(out.document, *options.dcs_url);
    out.source = "-d " + *options.dcs_url;
  }
  out.scope = text_at(out.document, "scope", "");
  out.name_space = text_at(out.document, "namespace", "service");
  const Document* insecure = out.document.find_path("ctl.insecure");
  out.insecure = options.insecure || (insecure != nullptr && parse_bool(*insecure).value_or(false));
  return out;
}

std::string told_source(const Settings& settings) {
  if (!settings.source.empty()) return "; what was read is " + settings.source;
  std::string places;
  for (const auto& place : settings.looked_in) places += (places.empty() ? "" : ", ") + place;
  return places.empty() ? places : "; there is none of " + places;
}

config::StoreOptions store_options(const Settings& settings) {
  if (!config::chosen_store(settings.document)) {
    const config::KnownStore* other = config::configured_in_vain(settings.document);
    if (!other)
      throw Failure(config::no_store_text(config::known_stores()) +
                    "\nHINT: -c FILE names a configuration (a daemon's own does), -d etcd3://HOST:PORT "
                    "the store" +
                    told_source(settings));
    const std::string hint = other->instead_for_tool.empty()
                                 ? fmt::format("this version speaks to {}", config::available_stores())
                                 : std::string(other->instead_for_tool);
    throw Failure(fmt::format("the configured store {} is not available in Tanist {}\nHINT: {}",
                              other->section, version(), hint));
  }
  config::Problems problems;
  auto out = config::build_store(settings.document, settings.source, problems);
  if (config::has_errors(problems)) throw Failure(config::to_string(problems));
  return out;
}

}  // namespace tanist::ctl
