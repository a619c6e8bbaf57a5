#include "core/document.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <unordered_map>

#include "core/format.h"
#include "core/text.h"

namespace tanist {

Document::Entries* Document::MapValue::get() const {
  return entries_;
}
Document::MapValue::MapValue() : entries_(new Entries) {}
Document::MapValue::MapValue(const MapValue& other) : entries_(new Entries(*other.entries_)) {}
Document::MapValue::MapValue(MapValue&& other) noexcept : entries_(std::exchange(other.entries_, nullptr)) {}
Document::MapValue& Document::MapValue::operator=(const MapValue& other) {
  if (this != &other) {
    MapValue copy(other);
    std::swap(entries_, copy.entries_);
  }
  return *this;
}
Document::MapValue& Document::MapValue::operator=(MapValue&& other) noexcept {
  std::swap(entries_, other.entries_);
  return *this;
}
Document::MapValue::~MapValue() {
  delete entries_;
}

Document Document::list(List items) {
  Document d;
  d.value_ = std::move(items);
  return d;
}

Document Document::map() {
  Document d;
  d.value_ = MapValue();
  return d;
}

Document Document::map(std::initializer_list<std::pair<std::string, Document>> entries) {
  Document d = map();
  for (const auto& [key, value] : entries) d.set(key, value);
  return d;
}

const Document::Entries& Document::entries() const {
  return *std::get<MapValue>(value_).get();
}
Document::Entries& Document::entries() {
  return *std::get<MapValue>(value_).get();
}

const Document* Document::find(std::string_view key) const {
  if (!is_map()) return nullptr;
  for (const auto& entry : entries())
    if (entry.key == key) return &entry.value;
  return nullptr;
}

Document* Document::find(std::string_view key) {
  return const_cast<Document*>(std::as_const(*this).find(key));
}

const Document* Document::find_path(std::string_view dotted) const {
  const Document* at = this;
  while (at) {
    const auto dot = dotted.find('.');
    at = at->find(dotted.substr(0, dot));
    if (dot == std::string_view::npos) return at;
    dotted.remove_prefix(dot + 1);
  }
  return nullptr;
}

Document& Document::set(std::string_view key, Document value) {
  if (is_null()) value_ = MapValue();
  if (Document* old = find(key)) {
    *old = std::move(value);
    return *old;
  }
  entries().push_back(Entry{std::string(key), std::move(value), 0});
  return entries().back().value;
}

bool Document::erase(std::string_view key) {
  if (!is_map()) return false;
  return std::erase_if(entries(), [key](const Entry& e) { return e.key == key; }) > 0;
}

void Document::push_back(Document value) {
  if (is_null()) value_ = List();
  as_list().push_back(std::move(value));
}

std::size_t Document::size() const {
  if (is_list()) return as_list().size();
  if (is_map()) return entries().size();
  return 0;
}

bool Document::truthy() const {
  if (is_bool()) return as_bool();
  if (is_int()) return as_int() != 0;
  if (is_double()) return as_double() != 0;
  if (is_string()) return !as_string().empty();
  return size() > 0;
}

namespace {
std::string double_text(double v) {
  if (std::isnan(v)) return "nan";
  if (std::isinf(v)) return v < 0 ? "-inf" : "inf";
  std::string s = fmt::format("{}", v);
  if (s.find_first_of(".e") == std::string::npos) s += ".0";
  return s;
}

std::string quoted(const std::string& s) {
  const char quote = s.find('\'') != std::string::npos && s.find('"') == std::string::npos ? '"' : '\'';
  std::string out(1, quote);
  for (char c : s) {
    if (c == quote || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + quote;
}

std::string nested_text(const Document& d) {
  return d.is_string() ? quoted(d.as_string()) : d.text();
}
}  // namespace

std::string Document::text() const {
  if (is_null()) return "None";
  if (is_bool()) return as_bool() ? "True" : "False";
  if (is_int()) return fmt::format("{}", as_int());
  if (is_double()) return double_text(as_double());
  if (is_string()) return as_string();
  std::string out;
  if (is_list()) {
    for (const auto& item : as_list()) out += (out.empty() ? "" : ", ") + nested_text(item);
    return "[" + out + "]";
  }
  for (const auto& [key, value, line] : entries())
    out += (out.empty() ? "" : ", ") + quoted(key) + ": " + nested_text(value);
  return "{" + out + "}";
}

namespace {

/// Where the keys of a map are: searched from front to back a map with n keys would cost n² for n questions,
/// and who is let in may store ten thousand.
class Places {
 public:
  explicit Places(const Document::Entries& entries) {
    if (entries.size() <= kFewKeys) return;
    indexed_ = true;
    for (std::size_t i = 0; i < entries.size(); ++i) places_.emplace(entries[i].key, i);
  }
  /// `entries` as it was given, or longer.
  std::optional<std::size_t> of(const Document::Entries& entries, const std::string& key) const {
    if (indexed_) {
      const auto found = places_.find(key);
      return found == places_.end() ? std::nullopt : std::optional(found->second);
    }
    const auto found = std::ranges::find(entries, key, &Document::Entry::key);
    if (found == entries.end()) return std::nullopt;
    return static_cast<std::size_t>(found - entries.begin());
  }
  void put(const std::string& key, std::size_t place) {
    if (indexed_) places_.insert_or_assign(key, place);
  }

 private:
  static constexpr std::size_t kFewKeys = 32;
  bool indexed_ = false;
  std::unordered_map<std::string, std::size_t> places_;
};

}  // namespace

bool Document::operator==(const Document& other) const {
  if (value_.index() != other.value_.index()) return false;
  if (is_bool()) return as_bool() == other.as_bool();
  if (is_int()) return as_int() == other.as_int();
  if (is_double()) return as_double() == other.as_double();
  if (is_string()) return as_string() == other.as_string();
  if (is_list()) return as_list() == other.as_list();
  if (!is_map()) return true;
  if (size() != other.size()) return false;
  const Places theirs(other.entries());
  return std::ranges::all_of(entries(), [&](const Entry& e) {
    const auto at = theirs.of(other.entries(), e.key);
    return at && other.entries()[*at].value == e.value;
  });
}

bool equal_by_text(const Document& a, const Document& b) {
  if (!a.is_map() || !b.is_map()) return a.is_map() == b.is_map() && a.text() == b.text();
  if (a.size() != b.size()) return false;
  const Places theirs(b.entries());
  return std::ranges::all_of(a.entries(), [&](const Document::Entry& e) {
    const auto at = theirs.of(b.entries(), e.key);
    return at && equal_by_text(e.value, b.entries()[*at].value);
  });
}

bool patch(Document& target, const Document& data) {
  if (!data.is_map()) return false;
  const bool adds = std::ranges::any_of(data.entries(), [](const auto& e) { return !e.value.is_null(); });
  if (target.is_null() && adds) target = Document::map();
  if (!target.is_map() && !adds) return false;
  bool changed = false;
  auto& entries = target.entries();
  Places places(entries);
  // What is deleted leaves at the end: until then every place stays what it is.
  std::vector<bool> deleted(entries.size());
  for (const auto& [key, value, line] : data.entries()) {
    const auto at = places.of(entries, key);
    Document* old = at && !deleted[*at] ? &entries[*at].value : nullptr;
    if (value.is_null()) {
      if (old) {
        changed |= !old->is_null();
        deleted[*at] = true;
      }
    } else if (!old) {
      places.put(key, entries.size());
      entries.push_back({key, value, line});
      deleted.push_back(false);
      changed = true;
    } else if (value.is_map() && old->is_map()) {
      changed |= patch(*old, value);
    } else if (value.is_map() || old->text() != value.text()) {
      *old = value;
      changed = true;
    }
  }
  std::size_t place = 0;
  std::erase_if(entries, [&](const auto&) { return deleted[place++]; });
  return changed;
}

std::optional<bool> parse_bool(const Document& d) {
  const std::string text = lower(d.text());
  if (text == "on" || text == "true" || text == "yes" || text == "1") return true;
  if (text == "off" || text == "false" || text == "no" || text == "0") return false;
  return std::nullopt;
}

namespace {

struct Unit {
  std::string_view name;
  double factor;
};
constexpr Unit kMemory[] = {
    {"B", 1}, {"kB", 1024.0}, {"MB", 1048576.0}, {"GB", 1073741824.0}, {"TB", 1099511627776.0}};
constexpr Unit kTime[] = {{"us", 0.001},  {"ms", 1},      {"s", 1000},
                          {"min", 60000}, {"h", 3600000}, {"d", 86400000}};

struct Scaled {
  const Unit* family;
  int count;
  int index;
  double factor;
};

std::optional<Scaled> find_unit(std::string_view text) {
  double multiplier = 1;
  std::size_t digits = 0;
  while (digits < text.size() && std::isdigit(static_cast<unsigned char>(text[digits]))) ++digits;
  if (digits > 0) multiplier = std::atof(std::string(text.substr(0, digits)).c_str());
  text.remove_prefix(digits);
  const auto in = [&](const Unit* family, int count) -> std::optional<Scaled> {
    for (int i = 0; i < count; ++i)
      if (family[i].name == text) return Scaled{family, count, i, family[i].factor * multiplier};
    return std::nullopt;
  };
  if (auto found = in(kMemory, std::size(kMemory))) return found;
  return in(kTime, std::size(kTime));
}

double round_half_even(double v) {
  return std::nearbyint(v);
}

std::optional<std::int64_t> to_int64(double v) {
  if (!(v >= -9.2e18 && v <= 9.2e18)) return std::nullopt;
  return static_cast<std::int64_t>(v);
}

std::optional<std::int64_t> parse_number(const Document& d, std::optional<std::string_view> base) {
  if (d.is_int()) return d.as_int();
  if (d.is_double()) return to_int64(round_half_even(d.as_double()));
  if (!d.is_string()) return std::nullopt;
  std::string text = d.as_string();
  const auto first = text.find_first_not_of(" \t\n\r");
  if (first == std::string::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(" \t\n\r") - first + 1);

  const char* start = text.c_str();
  char* end = nullptr;
  double value = 0;
  if (*start != '.') {
    errno = 0;
    const long long whole = std::strtoll(start, &end, 0);
    if (errno != 0) return std::nullopt;
    value = static_cast<double>(whole);
    if (end != start && *end == '\0') return whole;
  } else {
    end = const_cast<char*>(start);
  }
  const bool decimal = *end == '.' || *end == 'e' || *end == 'E';
  if (decimal) {
    const auto dot = text.find('.');
    if (dot != std::string::npos &&
        (dot + 1 >= text.size() || !std::isdigit(static_cast<unsigned char>(text[dot + 1]))))
      return std::nullopt;
    char* decimal_end = nullptr;
    value = std::strtod(start, &decimal_end);
    end = decimal_end;
  }
  if (end == start) return std::nullopt;
  std::string_view unit(end);
  unit.remove_prefix(std::min(unit.find_first_not_of(" \t"), unit.size()));
  if (unit.empty()) return to_int64(round_half_even(value));
  if (!base) return std::nullopt;
  const auto from = find_unit(unit);
  const auto to = find_unit(*base);
  if (!from || !to || from->family != to->family || std::isdigit(static_cast<unsigned char>(unit[0])))
    return std::nullopt;
  double smallest = value * from->factor;
  if (from->index > 0) {
    const double next = from->family[from->index - 1].factor;
    smallest = round_half_even(smallest / next) * next;
  }
  return to_int64(round_half_even(smallest / to->factor));
}

}  // namespace

std::optional<std::int64_t> parse_int(const Document& d) {
  return parse_number(d, std::nullopt);
}
std::optional<std::int64_t> parse_int(const Document& d, std::string_view base_unit) {
  return parse_number(d, base_unit);
}

}  // namespace tanist
