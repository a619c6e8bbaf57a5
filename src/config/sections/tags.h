#pragma once

#include "config/errors.h"
#include "config/settings.h"

namespace tanist::config {

/// Effective and published tags of a `tags` section (null: none). Contradictions become warnings.
Tags build_tags(const Document& section, Problems& problems);

}  // namespace tanist::config
