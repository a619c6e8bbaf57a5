#include "config/sections/slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/read/change.h"
#include "config/sections/dynamic.h"
#include "unit/config/sample.h"

namespace tanist::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> complaints(std::string_view text) {
  std::vector<std::string> out;
  for (const auto& complaint : slot_complaints(json(text)))
    out.push_back(complaint.key + ": " + complaint.text);
  return out;
}

std::vector<PermanentSlot> slots(std::string_view text, bool standby_cluster = false) {
  return permanent_slots(json(text), standby_cluster);
}

TEST(PermanentSlots, an_empty_value_is_a_physical_slot) {
  EXPECT_THAT(slots(R"({"slots":{"a":null,"b":0,"c":false,"d":"","e":{},"f":{"type":"physical"}}})"),
              ElementsAre(PermanentSlot{"a"}, PermanentSlot{"b"}, PermanentSlot{"c"}, PermanentSlot{"d"},
                          PermanentSlot{"e"}, PermanentSlot{"f"}));
}

TEST(PermanentSlots, database_and_plugin_make_a_logical_one) {
  const PermanentSlot feed{"feed", "app", "pgoutput"};
  EXPECT_THAT(slots(R"({"slots":{"feed":{"database":"app","plugin":"pgoutput"}}})"), ElementsAre(feed));
  EXPECT_THAT(slots(R"({"slots":{"feed":{"type":"logical","database":"app","plugin":"pgoutput","lsn":7}}})"),
              ElementsAre(feed));
}

TEST(PermanentSlots, the_first_name_that_has_any_counts) {
  EXPECT_THAT(slots(R"({"slots":{"a":null},"permanent_slots":{"b":null}})"), ElementsAre(PermanentSlot{"b"}));
  EXPECT_THAT(slots(R"({"slots":{"a":null},"permanent_slots":{}})"), ElementsAre(PermanentSlot{"a"}));
  EXPECT_THAT(slots(R"({"permanent_replication_slots":{"c":null},"permanent_slots":{"b":null}})"),
              ElementsAre(PermanentSlot{"c"}));
  EXPECT_THAT(complaints(R"({"slots":{"a":null},"permanent_slots":{"b":null}})"),
              ElementsAre("slots: has no effect beside permanent_slots: only one of them counts"));
}

TEST(PermanentSlots, some_are_for_one_kind_of_cluster) {
  const auto text = R"({"slots":{"p":{"cluster_type":"primary"},"s":{"cluster_type":"standby"},"x":null,)"
                    R"("l":{"database":"app","plugin":"pgoutput"}}})";
  EXPECT_THAT(slots(text, false),
              ElementsAre(PermanentSlot{"l", "app", "pgoutput"}, PermanentSlot{"p"}, PermanentSlot{"x"}));
  EXPECT_THAT(slots(text, true), ElementsAre(PermanentSlot{"s"}, PermanentSlot{"x"}));
}

TEST(PermanentSlots, wrong_names_and_values_are_told_and_left_out) {
  const auto text = R"({"slots":{"Bad-Name":null,"a":{"type":"physica"},"b":7,"c":{"type":"logical"}}})";
  EXPECT_THAT(slots(text), IsEmpty());
  EXPECT_THAT(
      complaints(text),
      ElementsAre(
          "slots.Bad-Name: Invalid permanent replication slot name 'Bad-Name'",
          "slots.Bad-Name: Slot name may only contain lower case letters, numbers, and the underscore "
          "chars",
          "slots.a: Bad value for slot 'a' in permanent_slots: {'type': 'physica'}",
          "slots.b: Bad value for slot 'b' in permanent_slots: 7",
          "slots.c: Bad value for slot 'c' in permanent_slots: {'type': 'logical'}"));
  const std::string longest(63, 'a');
  EXPECT_THAT(complaints(R"({"slots":{")" + longest + R"(":null}})"), IsEmpty());
  EXPECT_EQ(complaints(R"({"slots":{")" + longest + R"(a":null}})").size(), 2u);
  EXPECT_THAT(
      complaints(R"({"slots":{"a":{"cluster_type":"main"}}})"),
      ElementsAre("slots.a.cluster_type: given \"main\" (a string), allowed: primary, standby; it does "
                  "not count"));
}

TEST(PermanentSlots, one_with_a_wrong_value_is_not_dropped) {
  EXPECT_THAT(ignored_slots(json(R"({"slots":{"a":7,"b":null}})")), ElementsAre(SlotMatcher{.name = "a"}));
}

TEST(IgnoredSlots, each_entry_is_what_a_slot_has) {
  EXPECT_THAT(
      ignored_slots(json(R"({"ignore_slots":[{"name":"a"},{"type":"logical","plugin":"wal2json"},{}]})")),
      ElementsAre(SlotMatcher{.name = "a"}, SlotMatcher{.plugin = "wal2json", .type = "logical"},
                  SlotMatcher{}));
}

TEST(IgnoredSlots, a_name_alone_counts_and_what_fits_nothing_is_told) {
  const auto text = R"({"ignore_slots":["a",7,{"typ":"x"},{"type":"x"}]})";
  EXPECT_THAT(ignored_slots(json(text)),
              ElementsAre(SlotMatcher{.name = "a"}, SlotMatcher{}, SlotMatcher{.type = "x"}));
  EXPECT_THAT(
      complaints(text),
      ElementsAre(
          "ignore_slots: item 1 is \"a\" (a string), allowed: a mapping; it is taken for the name of a slot",
          "ignore_slots: item 2 is 7 (an integer), allowed: a mapping of name, type, database and plugin; it "
          "fits no slot",
          "ignore_slots: item 3 has \"typ\", which does not count; allowed: name, type, database, plugin",
          "ignore_slots: item 4 has the type \"x\", allowed: physical, logical; it fits no slot"));
}

TEST(PermanentSlots, a_value_of_another_shape_is_refused_as_a_whole) {
  EXPECT_EQ(accept_dynamic(json(R"({"slots":["a"]})")).error(), "slots is a list, allowed: a mapping");
  EXPECT_EQ(accept_dynamic(json(R"({"ignore_slots":{"name":"a"}})")).error(),
            "ignore_slots is a mapping, allowed: a list");
  EXPECT_TRUE(accept_dynamic(json(R"({"slots":null,"permanent_slots":[],"ignore_slots":{}})")));
}

TEST(PermanentSlots, a_configuration_with_a_wrong_one_is_adopted_with_an_error) {
  Problems notes;
  ASSERT_TRUE(accept_dynamic(json(R"({"slots":{"Bad":null}})"), notes));
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_EQ(notes[0].severity, Severity::error);
  EXPECT_EQ(to_string(notes[0]),
            "dynamic configuration: slots.Bad: Invalid permanent replication slot name 'Bad'");
}

TEST(PermanentSlots, a_change_that_brings_a_wrong_one_is_refused) {
  EXPECT_EQ(refused_change(json("{}"), json(R"({"slots":{"Bad":null}})")),
            "slots.Bad: Invalid permanent replication slot name 'Bad'");
  EXPECT_EQ(refused_change(json(R"({"slots":{"Bad":null}})"), json(R"({"slots":{"Bad":null,"good":null}})")),
            std::nullopt)
      << "it was there before";
}

}  // namespace
}  // namespace tanist::config
