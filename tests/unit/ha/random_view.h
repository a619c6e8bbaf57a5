#pragma once

#include <random>

#include "ha/view.h"

namespace tanist::ha::testing {

/// Any view at all, also ones that no cycle would gather.
View random_view(std::mt19937_64& random);

}  // namespace tanist::ha::testing
