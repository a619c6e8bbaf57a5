#pragma once

#include "config/zones.h"
#include "ctl/doctor/findings.h"
#include "dcs/model.h"

/// Zones as `synchronous_zones` asks for them (replication.md §21).
namespace tanist::ctl::doctor {

/// What a configuration, stored or about to be, meets in the members that there are.
Findings judge_zones(const dcs::Cluster& cluster, const Document& config);

}  // namespace tanist::ctl::doctor
