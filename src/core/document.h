#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tanist {

/// A tree of values: what a YAML file, a JSON value or an environment variable says. Maps keep their order.
/// `line` (1-based, 0 = unknown) is where a value stood in its file; it takes no part in comparisons.
class Document {
 public:
  using List = std::vector<Document>;
  struct Entry;
  using Entries = std::vector<Entry>;

  Document() = default;
  Document(std::nullptr_t) {}
  Document(bool v) : value_(v) {}
  Document(int v) : value_(static_cast<std::int64_t>(v)) {}
  Document(std::int64_t v) : value_(v) {}
  Document(std::uint64_t v) : value_(static_cast<std::int64_t>(v)) {}
  Document(double v) : value_(v) {}
  Document(std::string v) : value_(std::move(v)) {}
  Document(std::string_view v) : value_(std::string(v)) {}
  Document(const char* v) : value_(std::string(v)) {}
  static Document list(List items = {});
  static Document map();
  static Document map(std::initializer_list<std::pair<std::string, Document>> entries);

  bool is_null() const { return value_.index() == 0; }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_int() const { return std::holds_alternative<std::int64_t>(value_); }
  bool is_double() const { return std::holds_alternative<double>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_list() const { return std::holds_alternative<List>(value_); }
  bool is_map() const { return std::holds_alternative<MapValue>(value_); }
  bool is_scalar() const { return !is_list() && !is_map(); }

  bool as_bool() const { return std::get<bool>(value_); }
  std::int64_t as_int() const { return std::get<std::int64_t>(value_); }
  double as_double() const { return std::get<double>(value_); }
  const std::string& as_string() const { return std::get<std::string>(value_); }
  const List& as_list() const { return std::get<List>(value_); }
  List& as_list() { return std::get<List>(value_); }
  const Entries& entries() const;
  Entries& entries();

  /// The value under `key` of a map; nullptr when absent or when this is no map.
  const Document* find(std::string_view key) const;
  Document* find(std::string_view key);
  /// The same along a dotted path (`postgresql.parameters`).
  const Document* find_path(std::string_view dotted) const;
  /// Sets `key` of a map (a null document becomes a map first); returns the stored value.
  Document& set(std::string_view key, Document value);
  bool erase(std::string_view key);
  void push_back(Document value);
  /// Entries of a map or items of a list; 0 for scalars.
  std::size_t size() const;

  /// Python's truth: false for null, false, 0, "", [] and {}.
  bool truthy() const;
  /// Python's str(): True, None, 1.5, ['a', 1]. Equality for change detection compares this form (config.md
  /// §0.3).
  std::string text() const;

  int line = 0;

  /// Strict structural equality; map order does not count.
  bool operator==(const Document& other) const;

 private:
  struct MapValue;
  struct MapValue {
    Entries* get() const;
    MapValue();
    MapValue(const MapValue&);
    MapValue(MapValue&&) noexcept;
    MapValue& operator=(const MapValue&);
    MapValue& operator=(MapValue&&) noexcept;
    ~MapValue();
    Entries* entries_;
  };
  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, MapValue> value_;
};

struct Document::Entry {
  std::string key;
  Document value;
  /// Where the key stood.
  int line = 0;
};

/// Change detection of config.md §0.3: maps by keys and values, everything else by text form.
bool equal_by_text(const Document& a, const Document& b);

/// The Patch rule of config.md §0.3 (file merging, environment, PATCH /config): null deletes, maps merge,
/// the rest is replaced. Returns whether anything changed.
bool patch(Document& target, const Document& data);

/// `on true yes 1` / `off false no 0` in any case and spelling of the text form; nullopt for anything else.
std::optional<bool> parse_bool(const Document&);

/// Integer of config.md §0.2 without units: C strtol base-0 style, decimals rounded half to even.
std::optional<std::int64_t> parse_int(const Document&);
/// The same with a unit converted to `base_unit` (`s`, `ms`, `min`, `B`, `kB`, `MB`, `8kB` …).
std::optional<std::int64_t> parse_int(const Document&, std::string_view base_unit);

/// Compact JSON (`,` and `:`), ASCII only (`\uXXXX`), as all members of a cluster write it.
std::string to_json(const Document&);
/// JSON with `, ` and `: ` as the REST API and `-f json` print it.
std::string to_spaced_json(const Document&);

}  // namespace tanist
