#pragma once

#include <string>
#include <string_view>

namespace tanist::ctl {

/// What to change in `before` to get `after`, as a unified diff with three lines of context under the header
/// lines
/// `--- ` and `+++ `; empty when they are equal.
std::string unified_diff(std::string_view before, std::string_view after);

/// The same with the colours of a terminal.
std::string coloured(std::string_view diff);

}  // namespace tanist::ctl
