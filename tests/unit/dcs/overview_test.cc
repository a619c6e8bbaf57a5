#include "dcs/overview.h"

#include <gtest/gtest.h>

namespace tanist::dcs {
namespace {

Member& add(Cluster& cluster, const std::string& name, const std::string& host) {
  Member& m = cluster.members[name];
  m.name = name;
  m.conn_url = "postgres://" + host + ":5432/postgres";
  m.api_url = "http://" + host + ":8008/patroni";
  m.state = "running";
  m.raw = Document::map({{"conn_url", m.conn_url}, {"state", "running"}});
  return m;
}

TEST(Overview, the_cluster_document) {
  ::setenv("TZ", "Europe/Berlin", 1);
  ::tzset();
  Cluster cluster;
  cluster.leader = Leader{"pga", "s", Version("1")};
  cluster.status.optime = Lsn{0x7000098};
  add(cluster, "pga", "10.1.0.11").raw.set("timeline", 4);
  auto& pgb = add(cluster, "pgb", "10.1.0.12");
  pgb.raw.set("timeline", 4);
  pgb.raw.set("tags", Document::map({{"nofailover", true}}));
  pgb.replication_state = "streaming";
  pgb.receive_lsn = pgb.xlog_location = Lsn{0x7000098};
  pgb.replay_lsn = Lsn{0x7000000};
  add(cluster, "pgc", "10.1.0.13").state = "stopped";
  cluster.failover.leader = "pga";
  cluster.failover.candidate = "pgb";
  cluster.failover.scheduled_at = WallTime(std::chrono::sys_days(std::chrono::year(2031) / 5 / 6) +
                                           std::chrono::hours(5) + std::chrono::minutes(8));
  EXPECT_EQ(
      to_spaced_json(cluster_document(cluster, Document::map(), "shop")),
      R"({"members": [)"
      R"({"name": "pga", "role": "leader", "state": "running", "api_url": "http://10.1.0.11:8008/patroni", )"
      R"("host": "10.1.0.11", "port": 5432, "timeline": 4}, )"
      R"({"name": "pgb", "role": "replica", "state": "streaming", "api_url": "http://10.1.0.12:8008/patroni", )"
      R"("host": "10.1.0.12", "port": 5432, "timeline": 4, "tags": {"nofailover": true}, )"
      R"("receive_lag": 0, "receive_lsn": "0/7000098", "replay_lag": 152, "replay_lsn": "0/7000000", )"
      R"("lag": 0, "lsn": "0/7000098"}, )"
      R"({"name": "pgc", "role": "replica", "state": "stopped", "api_url": "http://10.1.0.13:8008/patroni", )"
      R"("host": "10.1.0.13", "port": 5432, "receive_lag": "unknown", "receive_lsn": "unknown", )"
      R"("replay_lag": "unknown", "replay_lsn": "unknown", "lag": "unknown", "lsn": "unknown"}], )"
      R"("scheduled_switchover": {"at": "2031-05-06T07:08:00+02:00", "from": "pga", "to": "pgb"}, "scope": "shop"})");
  ::unsetenv("TZ");
  ::tzset();
}

TEST(Overview, a_member_with_an_empty_key_is_still_listed) {
  Cluster cluster;
  cluster.members["x"].name = "x";
  EXPECT_EQ(
      to_spaced_json(cluster_document(cluster, Document::map({{"pause", "on"}}), "shop")),
      R"({"members": [{"name": "x", "role": "replica", "state": "", "api_url": null, )"
      R"("receive_lag": "unknown", "receive_lsn": "unknown", "replay_lag": "unknown", "replay_lsn": "unknown", )"
      R"("lag": "unknown", "lsn": "unknown"}], "pause": true, "scope": "shop"})");
}

TEST(Overview, a_member_ahead_of_the_last_known_position_does_not_lag) {
  Cluster cluster;
  cluster.status.optime = Lsn{100};
  add(cluster, "pgb", "h").receive_lsn = Lsn{200};
  EXPECT_EQ(member_overviews(cluster, {}).at(0).receive.lag, 0);
}

TEST(Overview, roles_follow_the_configuration) {
  Cluster cluster;
  cluster.leader = Leader{"pga", "s", Version("1")};
  cluster.sync.leader = "pga";
  cluster.sync.voters = {"PGB"};
  add(cluster, "pga", "a").replication_state = "streaming";
  add(cluster, "pgb", "b");
  const auto roles = [&](const Document& config) {
    std::string out;
    for (const auto& m : member_overviews(cluster, config::modes_of(config)))
      out += m.role + ":" + m.state + " ";
    return out;
  };
  EXPECT_EQ(roles(Document::map()), "leader:running replica:running ");
  EXPECT_EQ(roles(Document::map({{"synchronous_mode", "on"}})), "leader:running sync_standby:running ");
  EXPECT_EQ(roles(Document::map({{"synchronous_mode", "Quorum"}})), "leader:running quorum_standby:running ");
  EXPECT_EQ(roles(Document::map({{"standby_cluster", Document::map({{"port", 5432}})}})),
            "standby_leader:streaming replica:running ");
  EXPECT_EQ(roles(Document::map({{"standby_cluster", Document::map()}})), "leader:running replica:running ");
  cluster.leader.reset();
  EXPECT_EQ(roles(Document::map()), "replica:streaming replica:running ");
}

TEST(Overview, history_rows_keep_what_is_known) {
  History history;
  history.lines.push_back({Timeline{1}, Lsn{25165984}, "reason", "", ""});
  history.lines.push_back({Timeline{2}, Lsn{35165984}, "reason", "2031-05-01T10:00:00+00:00", ""});
  history.lines.push_back({Timeline{3}, Lsn{45165984}, "reason", "2031-05-01T10:00:00+00:00", "pgb"});
  EXPECT_EQ(to_json(history_document(history)),
            R"([[1,25165984,"reason"],[2,35165984,"reason","2031-05-01T10:00:00+00:00"],)"
            R"([3,45165984,"reason","2031-05-01T10:00:00+00:00","pgb"]])");
}

}  // namespace
}  // namespace tanist::dcs
