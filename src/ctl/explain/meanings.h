#pragma once

#include <string>
#include <string_view>

#include "ha/model/decision.h"

/// What codes and rules mean, in a paragraph each.
namespace tanist::ctl::explain {

std::string_view meaning_of(ha::Code);
std::string_view meaning_of(ha::Rule);

/// What a reason or rule of this name means, with what is logged of it. Throws Failure where there is none.
std::string told_meaning(const std::string& name);

/// All of them, as a page in Markdown: docs/reasons.md.
std::string meanings_page();

}  // namespace tanist::ctl::explain
