#pragma once

#include <optional>
#include <string>

#include "core/document.h"

namespace tanist::config {

/// Why members would refuse the dynamic configuration `next` in place of `current`: names the key; nullopt:
/// they take it. A value that they would replace by their default counts as refused where it is one of a
/// controlled parameter, or says how commits are kept safe. Where they refuse `current` already only what is
/// changed is looked at, so that the rest can still be changed.
std::optional<std::string> refused_change(const Document& current, const Document& next);

}  // namespace tanist::config
