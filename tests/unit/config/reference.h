#pragma once

#include <string>

namespace tanist::config {

/// The reference page of all keys in Markdown, as docs/configuration.md holds it.
std::string reference_page();

}  // namespace tanist::config
