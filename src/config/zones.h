#pragma once

#include <string>
#include <vector>

#include "config/settings.h"

/// `synchronous_zones` of the dynamic configuration: acknowledgements from other zones than the primary's,
/// and which zones a promotion prefers (replication.md §21).
namespace tanist::config {

inline constexpr std::string_view kZonesKey = "synchronous_zones";

/// What may be the name of a zone, in a tag or a list: a text that is not empty, or a number by its text.
bool is_zone(const Document& value);

/// What is wrong with `prefer`; empty: nothing. Null and absent are not wrong.
std::string preference_complaint(const Document& prefer);

/// Any document, as stored: what cannot be used asks for nothing.
Zones zones_of(const Document& dynamic);

/// Why the section cannot be used, each with its key; empty: it can. Unlike elsewhere in this document no
/// default takes the place of a wrong value: it would promise less than was asked for.
std::vector<std::string> zones_complaints(const Document& dynamic);

}  // namespace tanist::config
