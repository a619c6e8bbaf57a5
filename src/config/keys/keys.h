#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/document.h"

/// The table of configuration keys. One declaration a key: parsing, validation, defaults, environment names
/// and the reference page all come from it.
namespace tanist::config {

enum class Type {
  section,     // mapping with declared keys
  map,         // mapping with any keys
  scalar_map,  // mapping of scalars
  text,        // string; numbers are taken by their text
  path,        // string: a file or directory
  command,     // string: a command line
  address,     // host:port
  texts,       // list of strings
  options,     // options of a tool: list of `name` and `{name: value}`, or a mapping
  list,        // list of anything
  integer,     // integer, or text that is one
  number,      // integer or decimal, or text that is one
  duration,    // integer with an optional time unit
  boolean,     // on/off, true/false, yes/no, 1/0
  truth,       // boolean by Python's truth: any text but the empty one is true
  choice,      // one of `allowed`
  any,         // anything
  dynamic,     // a whole dynamic configuration (`bootstrap.dcs`)
};

/// Where a key may stand: in the local configuration (files, environment), in the dynamic one (`/config`), or
/// both.
enum class Scope { local, dynamic, both };

/// What it takes for a change to have effect.
enum class Reload { reload, restart_postgresql, restart_daemon, bootstrap };

/// How an environment variable is read.
enum class EnvForm { none, text, list, map, boolean, integer, real, log_format };

/// What setting a key does in this version.
enum class Effect {
  full,
  /// Recognised and without effect: a warning says so.
  none,
  /// Ignoring it would be unsafe: the configuration is refused.
  refused,
};

struct Key {
  /// Dotted path.
  std::string path;
  Type type = Type::text;
  /// The default as text; empty: none.
  std::string_view fallback = {};
  std::optional<std::int64_t> min = {};
  std::optional<std::int64_t> max = {};
  /// For choices (and booleans that allow more): the words, separated by blanks.
  std::string_view allowed = {};
  /// The words are compared in any case.
  bool any_case = false;
  /// A value below `min` is raised to it with a warning instead of being refused.
  bool clamped = false;
  /// An unusable value is a warning and the default counts, instead of being refused.
  bool lenient = false;
  std::string_view unit = {};
  Scope scope = Scope::local;
  Reload reload = Reload::reload;
  /// Name of the variable without `PATRONI_` or `TANIST_`; empty: none.
  std::string environment = {};
  /// How the variable is read, where the type does not say it.
  EnvForm env_form = EnvForm::none;
  /// Keys that are not declared may stand in this section and have a meaning of their own.
  bool open = false;
  bool required = false;
  bool secret = false;
  /// What this value does in this version; unset: `effect` for any value but null and the default.
  Effect effect = Effect::full;
  Effect (*judge)(const Document& value) = nullptr;
  /// One sentence for the reference page.
  std::string_view about = {};
  /// What to do instead, where the key is refused.
  std::string_view hint = {};
};

/// All keys in the order of the reference page; a section precedes its keys.
const std::vector<Key>& keys();

/// The declaration of `path` for a scope (local or dynamic); nullptr when there is none.
const Key* find_key(std::string_view path, Scope scope);
/// The declaration of `path` in any scope.
const Key* find_key(std::string_view path);

/// How the environment variable of a key is read.
EnvForm environment_form(const Key&);

/// `an integer of at least 20 (s)`: what a key allows, for messages and the reference page.
std::string allowed_values(const Key&);

/// The known key nearest to `path`, if one is near enough to be meant: a neighbour by spelling, or the same
/// name elsewhere.
std::optional<std::string> nearest_key(std::string_view path, Scope scope);

/// Number of insertions, deletions, replacements and swaps of neighbours between two words.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The word of `candidates` nearest to `word`, if near enough to be a typing error.
std::optional<std::string> nearest_word(std::string_view word, const std::vector<std::string>& candidates);

namespace detail {
void declare_general_keys(std::vector<Key>& out);
void declare_store_keys(std::vector<Key>& out);
void declare_postgresql_keys(std::vector<Key>& out);
void declare_dynamic_keys(std::vector<Key>& out);
}  // namespace detail

}  // namespace tanist::config
