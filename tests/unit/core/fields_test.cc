#include "core/fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tanist {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Thing {
  int number = 1;
  std::string text;

  TANIST_FIELDS(number, text);
};

struct Nothing {
  TANIST_FIELDS();
};

struct NamesSeen {
  std::vector<std::string> names;
  void operator()(const char* name, const auto&) { names.emplace_back(name); }
};

struct Cleared {
  template <class T>
  void operator()(const char*, T& field) {
    field = T{};
  }
};

TEST(Fields, are_visited_by_name_in_their_order) {
  NamesSeen seen;
  const Thing thing;
  Thing::fields(seen, thing);
  EXPECT_THAT(seen.names, ElementsAre("number", "text"));
}

TEST(Fields, can_be_changed_by_who_visits_them) {
  Cleared clear;
  Thing thing{.number = 7, .text = "x"};
  Thing::fields(clear, thing);
  EXPECT_EQ(thing.number, 0);
  EXPECT_EQ(thing.text, "");
}

TEST(Fields, there_may_be_none) {
  NamesSeen seen;
  Nothing nothing;
  Nothing::fields(seen, nothing);
  EXPECT_THAT(seen.names, IsEmpty());
}

}  // namespace
}  // namespace tanist
