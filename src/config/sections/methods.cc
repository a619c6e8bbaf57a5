#include "config/sections/methods.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "config/sections/controlled.h"

namespace tanist::config {
namespace {

bool truthy(const Document& section, std::string_view key) {
  const Document* value = section.find(key);
  return value && value->truthy();
}

/// The other keys as `--key=value`, with the text that Python would give the value.
std::vector<ToolOption> arguments(const Document& section, const std::vector<std::string_view>& reserved) {
  std::vector<ToolOption> out;
  for (const auto& [key, value, line] : section.entries())
    if (std::ranges::find(reserved, key) == reserved.end()) out.push_back({key, value.text()});
  return out;
}

std::optional<std::map<std::string, std::string>> recovery_conf(const Document& section) {
  const Document* settings = section.find("recovery_conf");
  if (!settings || !settings->is_map()) return std::nullopt;
  std::map<std::string, std::string> out;
  for (const auto& [key, value, line] : settings->entries())
    if (const auto text = guc_text(value)) out[key] = *text;
  return out;
}

}  // namespace

std::optional<CustomBootstrap> custom_bootstrap(const Document* bootstrap) {
  if (!bootstrap || !bootstrap->is_map()) return std::nullopt;
  const Document* method = bootstrap->find("method");
  if (!method || !method->is_scalar() || !method->truthy() || method->text() == "initdb") return std::nullopt;
  const Document* section = bootstrap->find(method->text());
  const Document* command = section && section->is_map() ? section->find("command") : nullptr;
  if (!command || !command->is_scalar() || command->is_null()) return std::nullopt;
  CustomBootstrap out;
  out.name = method->text();
  out.command = command->text();
  out.no_params = truthy(*section, "no_params");
  out.keep_existing_recovery_conf = truthy(*section, "keep_existing_recovery_conf");
  out.recovery_conf = recovery_conf(*section);
  out.arguments = arguments(
      *section, {"command", "no_params", "keep_existing_recovery_conf", "recovery_conf", "scope", "datadir"});
  return out;
}

std::map<std::string, ReplicaMethod> replica_methods(const Document* postgresql,
                                                     const std::vector<std::string>& methods) {
  std::map<std::string, ReplicaMethod> out;
  // A list may be as long as the section has keys: looking each one up would take minutes.
  std::unordered_map<std::string_view, const Document*> sections;
  if (postgresql && postgresql->is_map())
    for (const auto& entry : postgresql->entries()) sections.emplace(entry.key, &entry.value);
  for (const auto& name : methods) {
    if (name == "basebackup") continue;
    ReplicaMethod method;
    method.command = name;
    const auto found = sections.find(name);
    const Document* section = found == sections.end() ? nullptr : found->second;
    if (section && section->is_map()) {
      const Document* command = section->find("command");
      if (command && command->is_scalar() && command->truthy()) method.command = command->text();
      method.no_params = truthy(*section, "no_params");
      method.no_leader = truthy(*section, "no_leader");
      method.keep_data = truthy(*section, "keep_data");
      std::vector<std::string_view> reserved = {"command", "no_params"};
      if (method.no_params) reserved.insert(reserved.end(), {"no_leader", "keep_data"});
      method.arguments = arguments(*section, reserved);
    }
    out[name] = std::move(method);
  }
  return out;
}

}  // namespace tanist::config
