#pragma once

#include <string>
#include <vector>

#include "config/slots.h"
#include "postgres/types.h"

/// Which logical slots go with the lead (replication.md §9): what one member wants of another before it
/// leaves the lead to it. Pure.
namespace tanist::postgres {

/// Of a primary: those whose consumers go on at whoever leads next. Permanent ones, and from 17 on those that
/// the servers copy by themselves; in the order of their names.
std::vector<std::string> slots_to_hand_over(const Probe& probe,
                                            const std::vector<config::PermanentSlot>& permanent);

/// Of a standby: those that can be relied on once it leads, in the order of their names.
std::vector<std::string> slots_fit_to_lead(const Facts& facts);

/// Those of `wanted` that are not among `has`; both in order.
std::vector<std::string> lacking(const std::vector<std::string>& wanted, const std::vector<std::string>& has);

/// `'feed', 'other'`
std::string quoted_names(const std::vector<std::string>& names);

}  // namespace tanist::postgres
