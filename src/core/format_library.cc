#include <fmt/format-inl.h>

/// The compiled part of {fmt}: Debian has it as a shared library only, and the daemon links what is C++ into
/// itself.
FMT_BEGIN_NAMESPACE
namespace detail {
template FMT_API auto thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl(locale_ref) -> char;
}  // namespace detail
FMT_END_NAMESPACE
