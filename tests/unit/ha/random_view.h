#pragma once

#include <random>

#include "ha/model/view.h"

namespace tanist::ha::testing {

/// Any view at all, also ones that no cycle would gather.
View random_view(std::mt19937_64& random);

/// One of which any field may have any value, whoever reads it: also those that the above leaves alone, and
/// those that are added one day.
View varied_view(std::mt19937_64& random);

}  // namespace tanist::ha::testing
