#pragma once

#include <optional>

#include "config/settings.h"
#include "core/document.h"
#include "ha/model/view.h"
#include "postgres/types.h"

namespace tanist::ha {

/// The value of /members/{me} (dcs.md §1.4, ha.md §3.2). `progress`: of a clone or rewind that runs.
Document member_record(const View& view, const config::Settings& settings,
                       const std::optional<postgres::Progress>& progress);

}  // namespace tanist::ha
