#include "core/enum_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tanist {
namespace {

enum class Fruit { apple, pear_tree, plum };
struct Basket {
  enum class State { empty, full };
};

TEST(EnumNames, are_those_of_the_declaration) {
  EXPECT_THAT(kEnumNames<Fruit>, ::testing::ElementsAre("apple", "pear_tree", "plum"));
  EXPECT_EQ(enum_name(Basket::State::full), "full");
}

TEST(EnumNames, lead_back_to_their_values) {
  EXPECT_EQ(enum_value<Fruit>("pear_tree"), Fruit::pear_tree);
  EXPECT_EQ(enum_value<Fruit>("pear"), std::nullopt);
  EXPECT_EQ(enum_value<Fruit>(""), std::nullopt);
}

TEST(EnumNames, tell_the_last_value) {
  EXPECT_EQ(last_value<Fruit>(), Fruit::plum);
  EXPECT_EQ(last_value<Basket::State>(), Basket::State::full);
}

}  // namespace
}  // namespace tanist
