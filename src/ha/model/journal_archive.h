#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "core/document.h"
#include "core/enum_names.h"
#include "core/lsn.h"
#include "core/names.h"
#include "core/time.h"
#include "dcs/values.h"

/// One list of fields for each struct, used for writing and for reading alike: the struct's own
/// (core/fields.h), or for what is declared elsewhere a function `fields(archive, value)`, which calls
/// `archive(name, member)`. What is empty is not written.
namespace tanist::ha::journal {

struct Unreadable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// An optional that holds an empty map differs from one that holds nothing.
template <class T>
constexpr bool kKeepsEmpty = false;
template <class T>
constexpr bool kKeepsEmpty<std::optional<T>> = true;

class Writer {
 public:
  static constexpr bool kReads = false;
  Document document = Document::map();

  template <class T>
  void operator()(std::string_view name, const T& value) {
    // Only where the empty value is what a missing field is read as.
    if constexpr (std::is_same_v<T, Lsn> || std::is_same_v<T, Timeline> || std::is_same_v<T, Instant> ||
                  std::is_same_v<T, dcs::Version>) {
      if (value == T{}) return;
    } else if constexpr (requires { value.empty(); }) {
      if (value.empty()) return;
    }
    Document written = write(value);
    if (!written.is_null() && !(written.is_map() && written.size() == 0 && !kKeepsEmpty<T>))
      document.set(name, std::move(written));
  }

  static Document write(bool v) { return v; }
  static Document write(int v) { return v; }
  static Document write(std::int64_t v) { return v; }
  static Document write(std::uint64_t v) { return v; }
  static Document write(const std::string& v) { return v; }
  static Document write(const Document& v) { return v; }
  static Document write(Lsn v) { return v.value; }
  static Document write(const dcs::Version& v) { return v.text(); }
  static Document write(Timeline v) { return static_cast<std::int64_t>(v.value); }
  static Document write(Duration v) { return static_cast<std::int64_t>(v.count()); }
  static Document write(Instant v) { return static_cast<std::int64_t>(v.time_since_epoch().count()); }
  static Document write(WallTime v) { return static_cast<std::int64_t>(v.time_since_epoch().count()); }
  template <class E>
    requires std::is_enum_v<E>
  static Document write(E v) {
    return std::string(enum_name(v));
  }
  template <class T>
  static Document write(const std::optional<T>& v) {
    return v ? write(*v) : Document();
  }
  template <class T>
  static Document write(const std::vector<T>& v) {
    Document list = Document::list();
    for (const auto& item : v) list.push_back(write(item));
    return list;
  }
  static Document write(const std::set<std::string>& v) {
    Document list = Document::list();
    for (const auto& item : v) list.push_back(item);
    return list;
  }
  static Document write(const NameSet& v) {
    Document list = Document::list();
    for (const auto& item : v) list.push_back(item);
    return list;
  }
  template <class T>
  static Document write(const std::map<std::string, T>& v) {
    Document map = Document::map();
    for (const auto& [key, value] : v) map.set(key, write(value));
    return map;
  }
  template <class T>
  static Document write(const std::shared_ptr<const T>& v) {
    return v ? write(*v) : Document();
  }
  static Document write(const dcs::Condition& v) {
    if (std::holds_alternative<dcs::IfAbsent>(v)) return "absent";
    if (const auto* version = std::get_if<dcs::IfVersion>(&v)) return write(version->version);
    return "always";
  }
  /// One of several: the name of its kind, where it has one, beside its fields.
  template <class... Kinds>
  static Document write(const std::variant<Kinds...>& v) {
    return std::visit(
        [](const auto& one) {
          Writer nested;
          if constexpr (requires { one.kName; }) nested.document.set("kind", one.kName);
          one.fields(nested, one);
          return std::move(nested.document);
        },
        v);
  }
  template <class T>
    requires std::is_class_v<T>
  static Document write(const T& v) {
    Writer nested;
    if constexpr (requires { T::fields(nested, v); }) {
      T::fields(nested, v);
    } else {
      fields(nested, const_cast<T&>(v));
    }
    return std::move(nested.document);
  }
};

class Reader {
 public:
  static constexpr bool kReads = true;
  explicit Reader(const Document& from) : from_(from) {
    if (!from.is_map()) throw Unreadable("a map is expected, not " + from.text());
  }

  template <class T>
  void operator()(std::string_view name, T& value) {
    const Document* found = from_.find(name);
    if (!found) {
      // What is empty is not written, also where a text is something else by default.
      if constexpr (std::is_same_v<T, std::string>) value.clear();
      return;
    }
    try {
      read(*found, value);
    } catch (const Unreadable& e) {
      throw Unreadable(std::string(name) + ": " + e.what());
    }
  }

  static void read(const Document& d, bool& v) {
    if (!d.is_bool()) throw Unreadable("a truth value is expected, not " + d.text());
    v = d.as_bool();
  }
  static std::int64_t number(const Document& d) {
    if (!d.is_int()) throw Unreadable("a number is expected, not " + d.text());
    return d.as_int();
  }
  static void read(const Document& d, int& v) { v = static_cast<int>(number(d)); }
  static void read(const Document& d, std::int64_t& v) { v = number(d); }
  static void read(const Document& d, std::uint64_t& v) { v = static_cast<std::uint64_t>(number(d)); }
  static void read(const Document& d, std::string& v) {
    if (!d.is_string()) throw Unreadable("a text is expected, not " + d.text());
    v = d.as_string();
  }
  static void read(const Document& d, Document& v) { v = d; }
  static void read(const Document& d, dcs::Version& v) {
    std::string text;
    read(d, text);
    v = dcs::Version(std::move(text));
  }
  static void read(const Document& d, Lsn& v) { v.value = static_cast<std::uint64_t>(number(d)); }
  static void read(const Document& d, Timeline& v) { v.value = static_cast<std::uint32_t>(number(d)); }
  static void read(const Document& d, Duration& v) { v = Duration(number(d)); }
  static void read(const Document& d, Instant& v) { v = Instant(Duration(number(d))); }
  static void read(const Document& d, WallTime& v) { v = WallTime(WallTime::duration(number(d))); }
  template <class E>
    requires std::is_enum_v<E>
  static void read(const Document& d, E& v) {
    std::string name;
    read(d, name);
    const auto known = enum_value<E>(name);
    if (!known) throw Unreadable("an unknown word: " + name);
    v = *known;
  }
  template <class T>
  static void read(const Document& d, std::optional<T>& v) {
    T value{};
    read(d, value);
    v = std::move(value);
  }
  template <class T>
  static void read(const Document& d, std::vector<T>& v) {
    if (!d.is_list()) throw Unreadable("a list is expected, not " + d.text());
    v.clear();
    for (const auto& item : d.as_list()) {
      T value{};
      read(item, value);
      v.push_back(std::move(value));
    }
  }
  static void read(const Document& d, std::set<std::string>& v) {
    std::vector<std::string> items;
    read(d, items);
    v = {items.begin(), items.end()};
  }
  static void read(const Document& d, NameSet& v) {
    std::vector<std::string> items;
    read(d, items);
    v = {items.begin(), items.end()};
  }
  template <class T>
  static void read(const Document& d, std::map<std::string, T>& v) {
    if (!d.is_map()) throw Unreadable("a map is expected, not " + d.text());
    v.clear();
    for (const auto& entry : d.entries()) {
      T value{};
      read(entry.value, value);
      v[entry.key] = std::move(value);
    }
  }
  template <class... Kinds>
  static void read(const Document& d, std::variant<Kinds...>& v) {
    std::string kind;
    Reader from(d);
    from("kind", kind);
    const bool known = ((kind == Kinds::kName && (read(d, v.template emplace<Kinds>()), true)) || ...);
    if (!known) throw Unreadable("an unknown kind: " + kind);
  }
  template <class T>
  static void read(const Document& d, std::shared_ptr<const T>& v) {
    auto value = std::make_shared<T>();
    read(d, *value);
    v = std::move(value);
  }
  template <class T>
    requires std::is_class_v<T>
  static void read(const Document& d, T& v) {
    Reader nested(d);
    if constexpr (requires { T::fields(nested, v); }) {
      T::fields(nested, v);
    } else {
      fields(nested, v);
    }
  }

 private:
  const Document& from_;
};

}  // namespace tanist::ha::journal
