#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

/// The names of an enumeration's values as they stand in its declaration, without a second list of them. For
/// enumerations that count from 0 without gaps.
namespace tanist {
namespace enum_names {

/// As the compiler spells it: `…value = tanist::ha::Phase::preparing]`; what is no value of the enumeration
/// is spelled as a cast.
template <auto value>
constexpr const char* spelled() {
  return __PRETTY_FUNCTION__;
}

/// Empty: it is none of its values.
template <auto value>
constexpr std::string_view name() {
  std::string_view text = spelled<value>();
  text.remove_suffix(text.size() - text.rfind(']'));
  text.remove_prefix(text.find_last_of("=)") + 1);
  const auto colon = text.rfind(':');
  return colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
}

template <class E, int n = 0>
constexpr std::size_t count() {
  if constexpr (name<static_cast<E>(n)>().empty()) {
    return n;
  } else {
    return count<E, n + 1>();
  }
}

template <class E>
constexpr auto all() {
  return []<int... n>(std::integer_sequence<int, n...>) {
    return std::array<std::string_view, sizeof...(n)>{name<static_cast<E>(n)>()...};
  }(std::make_integer_sequence<int, static_cast<int>(count<E>())>());
}

}  // namespace enum_names

template <class E>
inline constexpr auto kEnumNames = enum_names::all<E>();

template <class E>
constexpr std::string_view enum_name(E value) {
  return kEnumNames<E>[static_cast<std::size_t>(value)];
}

/// nullopt: no value is called so.
template <class E>
constexpr std::optional<E> enum_value(std::string_view name) {
  for (std::size_t i = 0; i < kEnumNames<E>.size(); ++i)
    if (kEnumNames<E>[i] == name) return static_cast<E>(i);
  return std::nullopt;
}

template <class E>
constexpr E last_value(E = {}) {
  return static_cast<E>(kEnumNames<E>.size() - 1);
}

}  // namespace tanist
