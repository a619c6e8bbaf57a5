#pragma once

#include <string>
#include <string_view>

#include "core/document.h"
#include "setup/world.h"

/// What the generators of configurations have in common (config.md §9).
namespace tanist::setup {

/// Stands where only the user knows the value.
inline constexpr std::string_view kFixMe =
    "#FIX"
    "ME";

/// The configuration to begin with: names and addresses of this host, defaults everywhere.
Document config_template(World& world);

/// The file's text: sections in the customary order with a blank line before each, without a newline at the
/// end.
std::string config_text(const Document& config);

/// Sets the value at a dotted path, making mappings on the way. Keys must not hold dots.
void set_path(Document& document, std::string_view path, Document value);

/// An address for `host:port`, with brackets where it needs them.
std::string host_port(std::string_view host, int port);

}  // namespace tanist::setup
