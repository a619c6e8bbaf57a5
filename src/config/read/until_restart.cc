#include "config/read/until_restart.h"

#include <utility>

#include "config/keys/keys.h"

namespace tanist::config {
namespace {

bool waits_for_restart(const Key& key) {
  return key.reload == Reload::restart_daemon && key.type != Type::section && key.scope != Scope::dynamic;
}

std::pair<std::string_view, std::string_view> parent_and_leaf(std::string_view path) {
  const auto dot = path.rfind('.');
  if (dot == std::string_view::npos) return {{}, path};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

Document& map_at(Document& root, std::string_view path) {
  if (path.empty()) return root;
  const auto [above, leaf] = parent_and_leaf(path);
  Document& parent = map_at(root, above);
  Document* found = parent.find(leaf);
  return found && found->is_map() ? *found : parent.set(leaf, Document::map());
}

/// Sections that only the dropped key made are dropped with it.
void drop(const Document& running, Document& next, std::string_view path) {
  const auto [above, leaf] = parent_and_leaf(path);
  Document& parent = map_at(next, above);
  parent.erase(leaf);
  if (parent.size() == 0 && !above.empty() && !running.find_path(above)) drop(running, next, above);
}

}  // namespace

std::vector<std::string> keep_until_restart(const LocalConfig& running, LocalConfig& next) {
  std::vector<std::string> changed;
  for (const auto& key : keys()) {
    if (!waits_for_restart(key)) continue;
    const Document* was = running.document.find_path(key.path);
    const Document* is = next.document.find_path(key.path);
    if (equal_by_text(was ? *was : Document(), is ? *is : Document())) continue;
    changed.push_back(key.path);
    const auto [above, leaf] = parent_and_leaf(key.path);
    if (was) {
      map_at(next.document, above).set(leaf, *was);
    } else {
      drop(running.document, next.document, key.path);
    }
  }
  return changed;
}

StartValues start_values(const Settings& settings) {
  const auto& pg = settings.postgresql;
  return {pg.config_base_name, pg.tools.bin_dir, pg.database};
}

std::vector<std::string> keep_until_restart(const StartValues& running, Settings& next) {
  std::vector<std::string> changed;
  const auto keep = [&](const char* path, const std::string& was, std::string& is) {
    if (is == was) return;
    is = was;
    changed.emplace_back(path);
  };
  keep("postgresql.config_base_name", running.config_base_name, next.postgresql.config_base_name);
  keep("postgresql.bin_dir", running.bin_dir, next.postgresql.tools.bin_dir);
  keep("postgresql.database", running.database, next.postgresql.database);
  return changed;
}

}  // namespace tanist::config
