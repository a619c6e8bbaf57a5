#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

TEST(Operations, a_result_is_looked_at_once) {
  ViewBuilder b = ViewBuilder().as_replica().ended(OperationKind::demote, true);
  const Decision d = b.decide();
  EXPECT_EQ(d.memory.results_seen, 1U);
  EXPECT_EQ(d.memory.rejoin.rewind, RewindState::check);
  b.view.memory = d.memory;
  b.view.memory.rejoin.rewind = RewindState::not_need;
  EXPECT_EQ(b.decide().memory.rejoin.rewind, RewindState::not_need);
}

}  // namespace
}  // namespace tanist::ha
