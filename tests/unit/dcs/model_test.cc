#include "dcs/model.h"

#include <gtest/gtest.h>

namespace tanist::dcs {
namespace {

Member tagged(std::initializer_list<std::pair<std::string, Document>> tags) {
  Member out;
  out.tags = Document::map(tags);
  return out;
}

TEST(Member, the_boolean_decides_before_the_priority) {
  EXPECT_FALSE(tagged({}).nofailover());
  EXPECT_EQ(tagged({}).failover_priority(), 1);
  EXPECT_TRUE(tagged({{"nofailover", true}}).nofailover());
  EXPECT_TRUE(tagged({{"failover_priority", 0}}).nofailover());
  EXPECT_FALSE(tagged({{"nofailover", false}, {"failover_priority", 0}}).nofailover());
  EXPECT_EQ(tagged({{"nofailover", true}, {"failover_priority", 5}}).failover_priority(), 0);
  EXPECT_EQ(tagged({{"failover_priority", "5"}}).failover_priority(), 5);
  EXPECT_TRUE(tagged({{"sync_priority", -1}}).nosync());
  EXPECT_TRUE(tagged({{"nosync", "yes"}}).nosync());
}

TEST(Member, other_tags) {
  EXPECT_TRUE(tagged({{"clonefrom", true}}).clonefrom());
  EXPECT_TRUE(tagged({{"nostream", "on"}}).nostream());
  EXPECT_FALSE(tagged({{"nostream", "off"}}).nostream());
  EXPECT_EQ(tagged({{"replicatefrom", "pg-b"}}).replicatefrom(), "pg-b");
  EXPECT_EQ(tagged({}).replicatefrom(), "");
}

TEST(Member, host_and_port_of_its_connection_url) {
  const auto of = [](std::string url) {
    Member m;
    m.conn_url = std::move(url);
    return m.host_port();
  };
  using HostPort = std::pair<std::string, int>;
  EXPECT_EQ(of("postgres://h:1/db"), HostPort("h", 1));
  EXPECT_EQ(of("postgres://u:p%40@h/db"), HostPort("h", 5432));
  EXPECT_EQ(of("postgres://[fe80::1]:6/db"), HostPort("fe80::1", 6));
  EXPECT_EQ(of("postgres://h:99999/db"), std::nullopt);
  EXPECT_EQ(of("postgres:///db"), std::nullopt);
  EXPECT_EQ(of(""), std::nullopt);
}

TEST(SlotName, follows_the_rule_of_replication) {
  EXPECT_EQ(slot_name("pg-a.1"), "pg_a_1");
  EXPECT_EQ(slot_name("PG_A"), "pg_a");
  EXPECT_EQ(slot_name("a b"), "au0032b");
  EXPECT_EQ(slot_name("n\xc3\x9c"), "nu0252");
  EXPECT_EQ(slot_name("\xf0\x9f\x90\x98"), "u128024");
  EXPECT_EQ(slot_name(std::string(100, 'x')).size(), 63u);
}

TEST(Cluster, a_member_is_found_by_its_address) {
  Cluster cluster;
  for (const char* name : {"a", "b"}) {
    auto& member = cluster.members[name];
    member.name = name;
    member.conn_url = std::string("postgres://") + name + ".example:5432/postgres";
  }
  cluster.members["c"].name = "c";
  const auto at = [&](const std::string& hosts, std::int64_t port) {
    const Member* found = cluster.member_at(hosts, port);
    return found ? found->name : "nobody";
  };
  EXPECT_EQ(at("b.example", 5432), "b");
  EXPECT_EQ(at("x,b.example,a.example", 5432), "a");
  EXPECT_EQ(at("b.example", 5433), "nobody");
  EXPECT_EQ(at("b", 5432), "nobody");
  EXPECT_EQ(at("", 5432), "nobody");
}

TEST(Model, the_zone_of_a_member_is_a_text) {
  Member m;
  EXPECT_EQ(m.zone(), "");
  m.tags = Document::map({{"zone", "east"}});
  EXPECT_EQ(m.zone(), "east");
  m.tags.set("zone", 7);
  EXPECT_EQ(m.zone(), "7");
  m.tags.set("zone", Document::list());
  EXPECT_EQ(m.zone(), "");
}

}  // namespace
}  // namespace tanist::dcs
