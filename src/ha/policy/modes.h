#pragma once

#include <string>

#include "ha/policy/draft.h"

/// Modes that this version does not serve are obeyed conservatively: said aloud, a running primary kept,
/// nothing promoted, demoted by choice or cloned.
namespace tanist::ha::policy {

/// The name of a mode in force that is not served; empty: none.
std::string mode_not_served(const PolicySettings& settings);

/// Tells the operator, once a minute each.
void tell_modes_not_served(Draft& d);

}  // namespace tanist::ha::policy
