#pragma once

/// The fields of a struct, listed beside them: `TANIST_FIELDS(a, b);` as the last line of the struct makes
/// `T::fields(visit, value)`, which calls `visit("a", value.a)` and so on. A list that lacks a field, or has
/// one too many, does not compile. It stays an aggregate.
#define TANIST_FIELDS(...)                                     \
  template <class Visit_, class Self_>                         \
  static constexpr void fields(Visit_& visit_, Self_& self_) { \
    static_cast<void>(visit_), static_cast<void>(self_);       \
    __VA_OPT__({                                               \
      [[maybe_unused]] auto& [__VA_ARGS__] = self_;            \
    } TANIST_FIELDS_MANY_(TANIST_FIELDS_EACH_(__VA_ARGS__)))   \
  }                                                            \
  static_assert(true)

// Each rescan of the preprocessor visits one more field; so many rescans are enough for a struct that fits a
// screen.
#define TANIST_FIELDS_EACH_(field, ...) \
  visit_(#field, self_.field);          \
  __VA_OPT__(TANIST_FIELDS_AGAIN_ TANIST_FIELDS_PARENS_(__VA_ARGS__))
#define TANIST_FIELDS_AGAIN_() TANIST_FIELDS_EACH_
#define TANIST_FIELDS_PARENS_ ()
#define TANIST_FIELDS_MANY_(...) \
  TANIST_FIELDS_SOME_(TANIST_FIELDS_SOME_(TANIST_FIELDS_SOME_(TANIST_FIELDS_SOME_(__VA_ARGS__))))
#define TANIST_FIELDS_SOME_(...) \
  TANIST_FIELDS_FEW_(TANIST_FIELDS_FEW_(TANIST_FIELDS_FEW_(TANIST_FIELDS_FEW_(__VA_ARGS__))))
#define TANIST_FIELDS_FEW_(...) __VA_ARGS__
