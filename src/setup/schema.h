#pragma once

#include "setup/checks.h"

namespace tanist::setup {

/// All that `--validate-config` checks value by value, in the order of config.md §8.3. Types are strict: no
/// numeric strings where a number is meant.
Findings check_schema(const Document& config, Inspection& in);

}  // namespace tanist::setup
