#include "dcs/place.h"

#include <gtest/gtest.h>

namespace tanist::dcs {
namespace {

TEST(Place, is_a_path_of_namespace_scope_and_group) {
  EXPECT_EQ((Place{"service", "shop"}.path()), "/service/shop");
  EXPECT_EQ((Place{"/a/b/", "shop"}.path()), "/a/b/shop");
  EXPECT_EQ((Place{"service", "shop", 0}.path()), "/service/shop/0");
  EXPECT_EQ((Place{"service", "shop", 12}.base_path()), "/service/shop");
}

}  // namespace
}  // namespace tanist::dcs
