#include "setup/template.h"

#include <algorithm>
#include <array>

#include "config/keys/keys.h"
#include "config/sections/controlled.h"
#include "config/stores.h"
#include "core/format.h"
#include "setup/yaml_text.h"

namespace tanist::setup {
namespace {

/// The stores follow, then what has no place of its own, then `bootstrap`.
constexpr std::array<std::string_view, 10> kBefore = {
    "scope",   "namespace", "name", "thread_pool_size", "thread_stack_size", "tanist", "log",
    "restapi", "ctl",       "citus"};
constexpr std::array<std::string_view, 3> kAfter = {"postgresql", "watchdog", "tags"};

constexpr std::string_view kBootstrapComment =
    "# How a new cluster is made. Ignored once the cluster is initialised.\n";
constexpr std::string_view kDcsComment =
    "  # Goes into the store as /<namespace>/<scope>/config when the cluster is initialised, and holds for "
    "all\n"
    "  # of its members. Later changes are made there, by edit-config or by PATCH /config, not here.\n";

Document default_of(const char* path) {
  const config::Key* key = config::find_key(path, config::Scope::local);
  if (const auto number = parse_int(Document(key->fallback)); number && key->type == config::Type::integer)
    return *number;
  return Document(key->fallback);
}

/// The controlled parameters that every version knows, with their defaults.
Document default_parameters() {
  Document out = Document::map();
  for (const auto& parameter : config::controlled_parameters()) {
    if (parameter.fallback.empty() || !parameter.on_command_line) continue;
    const auto number = parse_int(Document(parameter.fallback));
    out.set(parameter.name, number ? Document(*number) : Document(parameter.fallback));
  }
  return out;
}

Document default_dcs() {
  return Document::map(
      {{"ttl", 30},
       {"loop_wait", 10},
       {"retry_timeout", 10},
       {"postgresql", Document::map({{"use_slots", true}, {"parameters", default_parameters()}})}});
}

void append(std::string& out, std::string_view key, const Document& value) {
  if (value.is_map() && !out.empty()) out += '\n';
  out += yaml_entry(key, value);
}

std::string bootstrap_text(const Document& bootstrap) {
  std::string out = "\n" + std::string(kBootstrapComment) + "bootstrap:\n";
  if (const Document* dcs = bootstrap.find("dcs"); dcs && dcs->is_map()) {
    out += std::string(kDcsComment) + "  dcs:\n";
    for (const char* name : {"loop_wait", "retry_timeout", "ttl"})
      if (const Document* value = dcs->find(name)) out += yaml_entry(name, *value, 4);
    Document rest = *dcs;
    for (const char* name : {"loop_wait", "retry_timeout", "ttl"}) rest.erase(name);
    const std::string block = rest.size() > 0 ? yaml_block(rest) : std::string();
    for (std::string_view left = block; !left.empty();) {
      const auto end = left.find('\n');
      out += fmt::format("    {}\n", left.substr(0, end));
      left.remove_prefix(end + 1);
    }
  }
  return out;
}

}  // namespace

Document config_template(World& world) {
  const auto address = world.own_address();
  const std::string host = address.value_or(std::string(kFixMe));
  std::string name = world.host_name();
  if (name.empty()) name = kFixMe;
  Document out = Document::map({{"scope", kFixMe}, {"name", name}});
  for (const char* key : {"log.type", "log.level", "log.traceback_level", "log.format", "log.max_queue_size"})
    set_path(out, key, default_of(key));
  for (const char* key : {"restapi.listen", "restapi.connect_address"})
    set_path(out, key, host_port(host, 8008));
  set_path(out, "bootstrap.dcs", default_dcs());
  set_path(out, "postgresql.data_dir", kFixMe);
  for (const char* key : {"postgresql.listen", "postgresql.connect_address"})
    set_path(out, key, host_port(host, 5432));
  set_path(out, "postgresql.bin_dir", "");
  set_path(out, "postgresql.authentication.superuser",
           Document::map({{"username", "postgres"}, {"password", kFixMe}}));
  set_path(out, "postgresql.authentication.replication",
           Document::map({{"username", "replicator"}, {"password", kFixMe}}));
  // Not both nosync and sync_priority, which contradict each other for the validator.
  out.set("tags", Document::map({{"failover_priority", 1},
                                 {"sync_priority", 1},
                                 {"noloadbalance", false},
                                 {"clonefrom", true},
                                 {"nostream", false}}));
  return out;
}

std::string config_text(const Document& config) {
  std::string out;
  const auto take = [&](std::string_view key) {
    if (const Document* value = config.find(key)) append(out, key, *value);
  };
  for (const auto key : kBefore) take(key);
  for (const auto& store : config::kStores) take(store.section);
  for (const auto& entry : config.entries()) {
    const bool placed = std::ranges::find(kBefore, entry.key) != kBefore.end() ||
                        std::ranges::find(kAfter, entry.key) != kAfter.end() ||
                        config::find_store(entry.key) || entry.key == "bootstrap";
    if (!placed) take(entry.key);
  }
  if (const Document* bootstrap = config.find("bootstrap"); bootstrap && bootstrap->is_map())
    out += bootstrap_text(*bootstrap);
  for (const auto key : kAfter) take(key);
  while (out.ends_with('\n')) out.pop_back();
  return out;
}

void set_path(Document& document, std::string_view path, Document value) {
  Document* at = &document;
  for (auto dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.')) {
    Document* next = at->find(path.substr(0, dot));
    if (!next || !next->is_map()) next = &at->set(path.substr(0, dot), Document::map());
    at = next;
    path.remove_prefix(dot + 1);
  }
  at->set(path, std::move(value));
}

std::string host_port(std::string_view host, int port) {
  const bool ipv6 = host.find(':') != std::string_view::npos && !host.starts_with('[');
  return ipv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

}  // namespace tanist::setup
