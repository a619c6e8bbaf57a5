#include "config/keys/keys.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "core/format.h"

namespace tanist::config {
namespace {

std::vector<Key> declare() {
  std::vector<Key> out;
  detail::declare_general_keys(out);
  detail::declare_store_keys(out);
  detail::declare_postgresql_keys(out);
  detail::declare_dynamic_keys(out);
  return out;
}

using Index = std::unordered_map<std::string_view, std::vector<const Key*>>;

const Index& index() {
  static const Index built = [] {
    Index out;
    for (const auto& key : keys()) out[key.path].push_back(&key);
    return out;
  }();
  return built;
}

std::string_view parent(std::string_view path) {
  const auto dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

std::string_view leaf(std::string_view path) {
  return path.substr(parent(path).size() + (path.rfind('.') != path.npos));
}

bool in_scope(const Key& key, Scope scope) {
  return key.scope == scope || key.scope == Scope::both;
}

std::string_view type_name(const Key& key) {
  switch (key.type) {
    case Type::section:
    case Type::map: return "a mapping";
    case Type::dynamic: return "a mapping of dynamic keys";
    case Type::scalar_map: return "a mapping of names to single values";
    case Type::text: return "a string";
    case Type::path: return "a path";
    case Type::command: return "a command line";
    case Type::address: return "host:port";
    case Type::texts: return "a list of strings";
    case Type::options: return "a list of options or a mapping";
    case Type::list: return "a list";
    case Type::integer: return "an integer";
    case Type::number: return "a number";
    case Type::duration: return "an integer or a text like 30min";
    case Type::boolean:
    case Type::truth: return "a boolean";
    case Type::choice: return "one of";
    case Type::any: return "anything";
  }
  return "";
}

}  // namespace

const std::vector<Key>& keys() {
  static const std::vector<Key> table = declare();
  return table;
}

const Key* find_key(std::string_view path, Scope scope) {
  const auto found = index().find(path);
  if (found == index().end()) return nullptr;
  for (const Key* key : found->second)
    if (in_scope(*key, scope)) return key;
  return nullptr;
}

const Key* find_key(std::string_view path) {
  const auto found = index().find(path);
  return found == index().end() ? nullptr : found->second.front();
}

EnvForm environment_form(const Key& key) {
  if (key.environment.empty()) return EnvForm::none;
  if (key.env_form != EnvForm::none) return key.env_form;
  switch (key.type) {
    case Type::section:
    case Type::map:
    case Type::scalar_map:
    case Type::dynamic: return EnvForm::map;
    case Type::texts:
    case Type::options:
    case Type::list: return EnvForm::list;
    case Type::integer: return EnvForm::integer;
    case Type::number: return EnvForm::real;
    case Type::boolean:
    case Type::truth: return EnvForm::boolean;
    default: return EnvForm::text;
  }
}

std::string allowed_values(const Key& key) {
  std::string out(type_name(key));
  if (!key.allowed.empty()) {
    std::string words;
    for (char c : key.allowed) words += c == ' ' ? std::string(", ") : std::string(1, c);
    out += key.type == Type::boolean ? " or " + words : " " + words;
  }
  if (key.min && key.max) {
    out += fmt::format(" from {} to {}", *key.min, *key.max);
  } else if (key.min) {
    out += fmt::format(" of at least {}", *key.min);
  } else if (key.max) {
    out += fmt::format(" of at most {}", *key.max);
  }
  if (!key.unit.empty()) out += fmt::format(" ({})", key.unit);
  return out;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[b.size()];
}

std::optional<std::string> nearest_word(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr std::size_t kLongestWord = 64;
  if (word.size() > kLongestWord) return std::nullopt;
  std::size_t best = word.size() < 4 ? 2 : word.size() / 3 + 1;
  std::optional<std::string> found;
  for (const auto& candidate : candidates) {
    const std::size_t lengths[] = {word.size(), candidate.size()};
    if (std::max(lengths[0], lengths[1]) - std::min(lengths[0], lengths[1]) >= best) continue;
    const std::size_t distance = edit_distance(word, candidate);
    if (distance >= best) continue;
    best = distance;
    found = candidate;
  }
  return found;
}

std::optional<std::string> nearest_key(std::string_view path, Scope scope) {
  const std::string_view section = parent(path);
  const std::string_view name = leaf(path);
  std::vector<std::string> neighbours;
  std::optional<std::string> elsewhere;
  for (const auto& key : keys()) {
    if (!in_scope(key, scope)) continue;
    if (parent(key.path) == section) neighbours.emplace_back(leaf(key.path));
    if (!elsewhere && leaf(key.path) == name) elsewhere = key.path;
  }
  if (auto word = nearest_word(name, neighbours))
    return section.empty() ? *word : std::string(section) + "." + *word;
  // The beginning of a longer name: maximum_lag for maximum_lag_on_failover.
  constexpr std::size_t kLongEnough = 5;
  if (name.size() >= kLongEnough && !elsewhere)
    for (const auto& neighbour : neighbours)
      if (neighbour.starts_with(name))
        return section.empty() ? neighbour : std::string(section) + "." + neighbour;
  return elsewhere;
}

}  // namespace tanist::config
