#include "config/zones.h"

#include <gtest/gtest.h>

#include "config/read/change.h"
#include "config/sections/dynamic.h"
#include "json/parse.h"

namespace tanist::config {
namespace {

Document zoned(const std::string& section) {
  return parse_json(R"({"ttl":30,"synchronous_zones":)" + section + "}").value();
}

TEST(Zones, are_read_as_they_stand) {
  const Zones same = zones_of(zoned(R"({"min_other_zones":"2","prefer":"same"})"));
  EXPECT_EQ(same, (Zones{.min_other_zones = 2, .prefer_same = true, .prefer = {}}));
  const Zones list = build_dynamic(*accept_dynamic(zoned(R"({"prefer":["b","a",7]})"))).zones;
  EXPECT_EQ(list, (Zones{.min_other_zones = 0, .prefer_same = false, .prefer = {"b", "a", "7"}}));
  for (const char* nothing : {"null", "{}", R"({"min_other_zones":null,"prefer":null})"})
    EXPECT_EQ(build_dynamic(*accept_dynamic(zoned(nothing))).zones, Zones{}) << nothing;
}

TEST(Zones, a_wrong_value_is_no_default_but_refused_with_all_beside_it) {
  const std::pair<const char*, const char*> wrong[] = {
      {R"({"min_other_zone":1})",
       "synchronous_zones.min_other_zone: unknown key\nHINT: did you mean "
       "synchronous_zones.min_other_zones?"},
      {R"({"min_other_zones":-1})",
       "synchronous_zones.min_other_zones: given -1 (an integer), allowed: an integer from 0 to 1000"},
      {R"({"min_other_zones":"one"})", nullptr},
      {R"({"min_other_zones":{}})", nullptr},
      {R"({"prefer":"b"})",
       "synchronous_zones.prefer: given \"b\" (a string), allowed: same, or a list of zones"},
      {R"({"prefer":[]})",
       "synchronous_zones.prefer: given an empty list, allowed: same, or a list of zones"},
      {R"({"prefer":["a",["b"]]})",
       "synchronous_zones.prefer: a zone in the list is a list, allowed: a string"},
      {R"({"prefer":["a",""]})", nullptr},
      {R"({"prefer":["a","a"]})", "synchronous_zones.prefer: the zone a is named twice"},
      {R"({"prefer":true})", nullptr},
      {"[1]", nullptr},
      {"2", nullptr},
  };
  for (const auto& [section, text] : wrong) {
    const auto accepted = accept_dynamic(zoned(section));
    ASSERT_FALSE(accepted) << section;
    if (text) EXPECT_EQ(accepted.error(), text);
    EXPECT_TRUE(refused_change(parse_json(R"({"ttl":30})").value(), zoned(section))) << section;
    EXPECT_EQ(zones_of(zoned(section)), Zones{}) << section << ": nor is a part of it taken";
  }
  EXPECT_FALSE(refused_change(zoned(R"({"prefer":[]})"),
                              parse_json(R"({"ttl":20,"synchronous_zones":{"prefer":[]}})").value()))
      << "what stands there already does not keep the rest from being changed";
}

}  // namespace
}  // namespace tanist::config
