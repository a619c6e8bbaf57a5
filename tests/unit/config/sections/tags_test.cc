#include "config/sections/tags.h"

#include <gtest/gtest.h>

#include "config/yaml/yaml.h"

namespace tanist::config {
namespace {

Tags tags(std::string_view text, Problems* problems = nullptr) {
  Problems warnings, own;
  return build_tags(parse_yaml(text, "f.yml", warnings).value(), problems ? *problems : own);
}

TEST(Tags, defaults) {
  const auto t = tags("{}");
  EXPECT_FALSE(t.nofailover);
  EXPECT_EQ(t.failover_priority, 1);
  EXPECT_EQ(to_json(t.published), "{}");
  EXPECT_EQ(tags("").failover_priority, 1);
}

TEST(Tags, priority_zero_means_never) {
  EXPECT_TRUE(tags("{failover_priority: 0}").nofailover);
  EXPECT_EQ(tags("{failover_priority: 0}").failover_priority, 0);
  EXPECT_TRUE(tags("{failover_priority: '-3'}").nofailover);
  EXPECT_EQ(tags("{failover_priority: 7}").failover_priority, 7);
  EXPECT_EQ(tags("{failover_priority: x}").failover_priority, 1);
  EXPECT_TRUE(tags("{sync_priority: 0}").nosync);
}

TEST(Tags, the_boolean_wins_over_the_priority) {
  Problems problems;
  const auto t = tags("{nofailover: true, failover_priority: 5}", &problems);
  EXPECT_TRUE(t.nofailover);
  EXPECT_EQ(t.failover_priority, 0);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].text,
            "Conflicting configuration between nofailover: True and failover_priority: 5. Defaulting to "
            "nofailover: True");
  problems.clear();
  EXPECT_FALSE(tags("{nosync: false, sync_priority: 0}", &problems).nosync);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(
      problems[0].text,
      "Conflicting configuration between nosync: False and sync_priority: 0. Defaulting to nosync: False");
  problems.clear();
  EXPECT_FALSE(tags("{nofailover: false, failover_priority: 5}", &problems).nofailover);
  EXPECT_TRUE(tags("{nofailover: true, failover_priority: 0}", &problems).nofailover);
  EXPECT_TRUE(problems.empty());
}

TEST(Tags, truth_is_raw_except_for_nostream) {
  EXPECT_TRUE(tags("{nofailover: 'false'}").nofailover);
  EXPECT_TRUE(tags("{clonefrom: 1}").clonefrom);
  EXPECT_FALSE(tags("{clonefrom: ''}").clonefrom);
  EXPECT_FALSE(tags("{nostream: 'false'}").nostream);
  EXPECT_TRUE(tags("{nostream: 'on'}").nostream);
  EXPECT_EQ(tags("{replicatefrom: n3}").replicatefrom, "n3");
}

TEST(Tags, false_ones_are_not_published_unless_a_priority_stands_beside_them) {
  EXPECT_EQ(
      to_json(
          tags("{nofailover: false, clonefrom: false, noloadbalance: true, nostream: false, nosync: false}")
              .published),
      R"({"noloadbalance":true})");
  EXPECT_EQ(
      to_json(tags("{nofailover: false, failover_priority: 2, nosync: false, sync_priority: 3}").published),
      R"({"nofailover":false,"failover_priority":2,"nosync":false,"sync_priority":3})");
  EXPECT_EQ(to_json(tags("{dc: '', rack: 4, replicatefrom: n2}").published),
            R"({"dc":"","rack":4,"replicatefrom":"n2"})");
  EXPECT_EQ(to_json(tags("{dc: a, clonefrom: false}").configured), R"({"dc":"a","clonefrom":false})");
}

TEST(Tags, a_zone_is_a_text) {
  EXPECT_EQ(tags("{zone: east}").zone, "east");
  EXPECT_EQ(tags("{zone: 7}").zone, "7");
  for (const char* none : {"{}", "{zone: }", "{zone: ''}", "{zone: [a]}", "{zone: yes}"})
    EXPECT_EQ(tags(none).zone, "") << none;
  EXPECT_EQ(to_json(tags("{zone: east}").published), R"({"zone":"east"})");
}

}  // namespace
}  // namespace tanist::config
