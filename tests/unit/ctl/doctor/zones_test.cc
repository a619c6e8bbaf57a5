#include "ctl/doctor/zones.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/parse.h"
#include "unit/ctl/clusters.h"

namespace tanist::ctl::doctor {
namespace {

using namespace testing;

/// pga leads in zone east, pgb is synchronous in west.
class DoctorZonesTest : public Test {
 protected:
  DoctorZonesTest() {
    for (auto& [name, member] : cluster.members) member.tanist_version = "0.1.0";
    cluster.members["pga"].tags.set("zone", "east");
    cluster.members["pgb"].tags.set("zone", "west");
    cluster.sync = {.version = dcs::Version("8"), .leader = "pga", .voters = {"pgb"}, .quorum = 0};
    configure(R"({"min_other_zones":1})");
  }
  void configure(const std::string& zones, const char* more = R"("synchronous_mode":true)") {
    cluster.config = {dcs::Version("7"),
                      parse_json("{" + std::string(more) + R"(,"synchronous_zones":)" + zones + "}").value(),
                      true};
  }
  std::string found() {
    Seen seen{
        .cluster = "shop", .store = std::make_shared<dcs::Cluster>(cluster), .modes = {}, .members = {}};
    Findings all;
    check_zones(seen, all);
    std::string out;
    for (const auto& one : all) {
      EXPECT_FALSE(one.advice.empty()) << one.what;
      out += std::string(name_of(one.grade)) + " " + one.about + (one.about.empty() ? "" : " ") + one.what +
             "\n";
    }
    return out;
  }

  dcs::Cluster cluster = test::shop();
};

TEST_F(DoctorZonesTest, what_is_kept_has_nothing) {
  EXPECT_EQ(found(), "");
  configure(R"({"prefer":"same"})", R"("ttl":30)");
  EXPECT_EQ(found(), "");
}

TEST_F(DoctorZonesTest, nobody_of_another_zone_is_synchronous) {
  cluster.sync.voters.clear();
  EXPECT_EQ(
      found(),
      "warning by /sync 0 of the 1 members of other zones than east have each commit: what is lost with that "
      "zone may have been acknowledged\n");
  configure(R"({"min_other_zones":1})", R"("synchronous_mode":true,"synchronous_mode_strict":true)");
  EXPECT_EQ(found(),
            "error by /sync 0 of the 1 members of other zones than east have each commit: commits wait\n");
}

TEST_F(DoctorZonesTest, there_are_too_few) {
  configure(R"({"min_other_zones":2})");
  EXPECT_EQ(found(),
            "warning synchronous_zones.min_other_zones is 2, and only pgb is in other zones than east, the "
            "leader's: "
            "commits are acknowledged without them\n");
}

TEST_F(DoctorZonesTest, members_that_tell_no_zone) {
  cluster.members["pgb"].tags.erase("zone");
  EXPECT_THAT(found(), HasSubstr("warning pgb has no tag zone: it counts as in the leader's\n"));
  cluster.members["pga"].tags.erase("zone");
  EXPECT_THAT(found(), StartsWith("warning pga leads and has no tag zone, and min_other_zones is 1"));
}

TEST_F(DoctorZonesTest, a_preferred_zone_that_is_nobodys) {
  configure(R"({"min_other_zones":1,"prefer":["west","north"]})");
  EXPECT_EQ(found(), "warning synchronous_zones.prefer names north, a zone in which no member is\n");
}

TEST_F(DoctorZonesTest, members_of_other_make) {
  cluster.members["pgb"].tanist_version.clear();
  EXPECT_THAT(found(), StartsWith("error pgb is of other make, and synchronous_zones is set"));
  cluster.config.data.erase("synchronous_zones");
  EXPECT_EQ(found(), "");
}

}  // namespace
}  // namespace tanist::ctl::doctor
