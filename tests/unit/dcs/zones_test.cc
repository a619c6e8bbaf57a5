#include "dcs/zones.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/parse.h"

namespace tanist::dcs {
namespace {

using namespace testing;

/// m1 leads in zone a, with m2; m3 and m4 are in b.
class ZonesTest : public Test {
 protected:
  ZonesTest() {
    for (const auto& [name, zone] :
         {std::pair("m1", "a"), std::pair("m2", "a"), std::pair("m3", "b"), std::pair("m4", "b")}) {
      auto& member = cluster.members[name];
      member.name = name;
      member.tanist_version = "0.1.0";
      member.tags.set("zone", zone);
    }
    cluster.leader = Leader{"m1", "s", Version("1")};
    cluster.sync = {.version = Version("2"), .leader = "m1", .voters = {}, .quorum = 0};
  }
  Document config(const std::string& zones, const char* more = R"("synchronous_mode":"quorum")") {
    return parse_json("{" + std::string(more) + R"(,"synchronous_zones":)" + zones + "}").value();
  }
  int sure(std::vector<std::string> voters, int quorum = 0) {
    cluster.sync.voters = std::move(voters);
    cluster.sync.quorum = quorum;
    return zones_seen(cluster, config(R"({"min_other_zones":1})")).sure;
  }

  Cluster cluster;
};

TEST_F(ZonesTest, what_sync_says_is_sure) {
  EXPECT_EQ(sure({}), 0);
  EXPECT_EQ(sure({"m2"}), 0);
  EXPECT_EQ(sure({"M3"}), 1) << "names in any case";
  EXPECT_EQ(sure({"m2", "m3"}), 1);
  EXPECT_EQ(sure({"m2", "m3", "m4"}, 1), 1) << "two of three";
  EXPECT_EQ(sure({"m2", "m3", "m4"}, 2), 0) << "m2 alone may have it";
  EXPECT_EQ(sure({"m3", "m4"}), 2);
  EXPECT_EQ(sure({"m3", "gone"}), 1) << "whose zone is not known counts as in the leader's";
  cluster.members["m1"].tags.erase("zone");
  EXPECT_EQ(sure({"m3"}), 0) << "nor is anybody in another where the leader tells none";
}

TEST_F(ZonesTest, what_is_asked_for_and_who_there_is) {
  cluster.members["m4"].tags.erase("zone");
  auto seen = zones_seen(cluster, config(R"({"min_other_zones":2,"prefer":["z","b"]})"));
  EXPECT_EQ(seen.wanted, 2);
  EXPECT_EQ(seen.zone, "a");
  EXPECT_THAT(seen.others, ElementsAre("m3"));
  EXPECT_THAT(seen.without_zone, ElementsAre("m4"));
  EXPECT_THAT(seen.unknown, ElementsAre("z"));
  EXPECT_FALSE(seen.met());
  seen = zones_seen(cluster, config(R"({"min_other_zones":2})", R"("synchronous_mode":false)"));
  EXPECT_TRUE(seen.met()) << "commits wait for nobody";
}

TEST_F(ZonesTest, members_of_other_make_refuse_a_change) {
  cluster.members["m4"].tanist_version.clear();
  cluster.config = {Version("3"), config(R"({"min_other_zones":1})"), true};
  EXPECT_EQ(
      why_no_zones(cluster, config(R"({"min_other_zones":1})", R"("ttl":20,"synchronous_mode":"quorum")")),
      "")
      << "nothing of it is new";
  EXPECT_EQ(why_no_zones(cluster, parse_json("{}").value()), "") << "to take them out is what is advised";
  for (const char* zones : {R"({"min_other_zones":2})", R"({"prefer":"same"})"})
    EXPECT_THAT(why_no_zones(cluster, config(zones)),
                StartsWith("synchronous_zones cannot be set while members of other make are in the cluster, "
                           "which know nothing of zones: m4"));
  cluster.members["m4"].tanist_version = "0.1.0";
  EXPECT_EQ(why_no_zones(cluster, config(R"({"prefer":"same"})")), "");
}

TEST_F(ZonesTest, in_strict_mode_what_would_stop_all_commits_is_refused) {
  const char* strict = R"("synchronous_mode":true,"synchronous_mode_strict":true)";
  EXPECT_EQ(why_no_zones(cluster, config(R"({"min_other_zones":2})", strict)), "");
  EXPECT_THAT(why_no_zones(cluster, config(R"({"min_other_zones":3})", strict)),
              HasSubstr("since only m3, m4 is in other zones than a, that of the leader m1"));
  EXPECT_EQ(why_no_zones(cluster, config(R"({"min_other_zones":3})")), "") << "members may come";
  cluster.members["m1"].tags.erase("zone");
  EXPECT_THAT(why_no_zones(cluster, config(R"({"min_other_zones":1})", strict)),
              HasSubstr("since the leader m1 has no tag zone"));
  cluster.leader.reset();
  EXPECT_EQ(why_no_zones(cluster, config(R"({"min_other_zones":1})", strict)), "")
      << "nobody knows who leads next";
}

}  // namespace
}  // namespace tanist::dcs
