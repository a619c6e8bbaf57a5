#pragma once

#include <random>

#include "ha/model/view.h"

namespace tanist::ha::testing {

/// So many views, or a share of them in a build that nobody optimised: there a run has to end in the seconds
/// in which somebody waits for it.
#ifdef __OPTIMIZE__
inline constexpr bool kAllViews = true;
#else
inline constexpr bool kAllViews = false;
#endif
constexpr int views(int many) {
  return kAllViews ? many : many / 5;
}

/// Any view at all, also ones that no cycle would gather.
View random_view(std::mt19937_64& random);

/// One of which any field may have any value, whoever reads it: also those that the above leaves alone, and
/// those that are added one day.
View varied_view(std::mt19937_64& random);

}  // namespace tanist::ha::testing
