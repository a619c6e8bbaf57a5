#include "ctl/show/member_list.h"

#include <gtest/gtest.h>

#include "unit/ctl/clusters.h"

namespace tanist::ctl {
namespace {

using test::add_member;
using test::set_tags;
using test::shop;

std::string show(const dcs::Cluster& cluster, Format format, bool extended = false) {
  std::vector<std::string> warnings;
  auto out = format_members(cluster, "shop", {format, extended}, warnings);
  EXPECT_TRUE(warnings.empty());
  return out;
}

TEST(MemberList, the_pretty_table) {
  EXPECT_EQ(show(shop(), Format::pretty),
            R"(+ Cluster: shop (7411111111111111111) -----+----+-------------+-----+------------+-----+
| Member | Host      | Role    | State     | TL | Receive LSN | Lag | Replay LSN | Lag |
+--------+-----------+---------+-----------+----+-------------+-----+------------+-----+
| pga    | 10.1.0.11 | Leader  | running   |  4 |             |     |            |     |
| pgb    | 10.1.0.12 | Replica | streaming |  4 |   0/7000098 |   0 |  0/5000000 |  32 |
+--------+-----------+---------+-----------+----+-------------+-----+------------+-----+
)");
}

TEST(MemberList, a_clone_shows_how_far_it_is_and_machines_see_the_state_they_know) {
  auto cluster = shop();
  auto& member = cluster.members["pgb"];
  member.state = "creating replica";
  member.replication_state.clear();
  member.raw.set("tanist_progress", Document::map({{"done_bytes", 430 << 20}, {"total_bytes", 1000 << 20}}));
  EXPECT_NE(show(cluster, Format::pretty).find("| creating replica 43% |"), std::string::npos);
  member.raw.set("tanist_progress", Document::map({{"done_bytes", 430 << 20},
                                                   {"total_bytes", 1000 << 20},
                                                   {"bytes_per_second", 120 << 20},
                                                   {"seconds_left", 5}}));
  const std::string pretty = show(cluster, Format::pretty);
  EXPECT_NE(pretty.find("| creating replica 43% (120 MB/s, 5 s left) |"), std::string::npos) << pretty;
  EXPECT_NE(show(cluster, Format::json).find(R"("State": "creating replica", )"), std::string::npos);
  // Junk of a stranger does no harm.
  member.raw.set("tanist_progress", "soon");
  EXPECT_NE(show(cluster, Format::pretty).find("| creating replica |"), std::string::npos);
}

TEST(MemberList, the_machine_formats) {
  auto cluster = shop();
  set_tags(cluster.members["pgb"], Document::map({{"nofailover", true}}));
  EXPECT_EQ(
      show(cluster, Format::json),
      R"([{"Cluster": "shop", "Member": "pga", "Host": "10.1.0.11", "Role": "Leader", "State": "running", )"
      R"("TL": 4}, {"Cluster": "shop", "Member": "pgb", "Host": "10.1.0.12", "Role": "Replica", )"
      R"("State": "streaming", "TL": 4, "Receive LSN": "0/7000098", "Receive Lag": 0, )"
      R"("Replay LSN": "0/5000000", "Replay Lag": 32, "Tags": {"nofailover": true}}])"
      "\n");
  EXPECT_EQ(show(cluster, Format::tsv),
            "Cluster\tMember\tHost\tRole\tState\tTL\tReceive LSN\tReceive Lag\tReplay LSN\tReplay Lag\tTags\n"
            "shop\tpga\t10.1.0.11\tLeader\trunning\t4\t\t\t\t\t\n"
            "shop\tpgb\t10.1.0.12\tReplica\tstreaming\t4\t0/7000098\t0\t0/5000000\t32\t{nofailover: true}\n");
  EXPECT_EQ(show(cluster, Format::yaml), R"(- Cluster: shop
  Host: 10.1.0.11
  Member: pga
  Role: Leader
  State: running
  TL: 4
- Cluster: shop
  Host: 10.1.0.12
  Member: pgb
  Receive LSN: 0/7000098
  Receive Lag: 0
  Replay LSN: 0/5000000
  Replay Lag: 32
  Role: Replica
  State: streaming
  TL: 4
  Tags:
    nofailover: true

)");
}

TEST(MemberList, an_empty_cluster) {
  const dcs::Cluster nothing;
  EXPECT_EQ(show(nothing, Format::json), "[]\n");
  EXPECT_EQ(show(nothing, Format::yaml), "[]\n\n");
  EXPECT_EQ(show(nothing, Format::pretty),
            R"(+ Cluster: shop (uninitialized) ----+-------------+-----+------------+-----+
| Member | Host | Role | State | TL | Receive LSN | Lag | Replay LSN | Lag |
+--------+------+------+-------+----+-------------+-----+------------+-----+
+--------+------+------+-------+----+-------------+-----+------------+-----+
)");
}

TEST(MemberList, the_title_tells_how_far_the_bootstrap_is) {
  auto cluster = shop();
  cluster.initialize.value.clear();
  EXPECT_TRUE(show(cluster, Format::pretty).starts_with("+ Cluster: shop (initializing) "));
  cluster.initialize.present = false;
  EXPECT_TRUE(show(cluster, Format::pretty).starts_with("+ Cluster: shop (uninitialized) "));
}

TEST(MemberList, a_title_that_is_too_long_is_cut_and_the_line_keeps_its_length) {
  std::vector<std::string> warnings;
  const std::string text =
      format_members(dcs::Cluster{}, std::string(200, 'x'), {Format::pretty, false}, warnings);
  const auto first = text.find('\n');
  const auto second = text.find('\n', first + 1);
  EXPECT_EQ(first, second - first - 1);
  EXPECT_TRUE(text.starts_with("+ Cluster: xxxx"));
  EXPECT_EQ(text[first - 1], '+');
}

TEST(MemberList, every_host_carries_its_port_where_one_needs_it) {
  auto cluster = shop();
  add_member(cluster, "pgc", "10.1.0.13", 5433);
  EXPECT_NE(show(cluster, Format::tsv).find("\tpga\t10.1.0.11:5432\t"), std::string::npos);
  EXPECT_NE(show(cluster, Format::tsv).find("\tpgc\t10.1.0.13:5433\t"), std::string::npos);
  auto shared = shop();
  add_member(shared, "pgc", "10.1.0.11");
  EXPECT_NE(show(shared, Format::tsv).find("\tpgb\t10.1.0.12:5432\t"), std::string::npos);
  auto six = shop();
  add_member(six, "pgc", "[fd00::13]", 5433);
  EXPECT_NE(show(six, Format::tsv).find("\tpgc\t[fd00::13]:5433\t"), std::string::npos);
}

TEST(MemberList, a_member_without_an_address_has_no_host) {
  auto cluster = shop();
  auto& m = cluster.members["pgc"];
  m.name = "pgc";
  m.raw = Document::map({{"tags", Document::map({{"x", 1}})}});
  const std::string tsv = show(cluster, Format::tsv);
  EXPECT_NE(tsv.find("shop\tpgc\t\tReplica\t\t\tunknown\t\tunknown\t\n"), std::string::npos) << tsv;
}

TEST(MemberList, roles) {
  auto cluster = shop();
  cluster.sync.leader = "pga";
  cluster.sync.voters = {"pgb"};
  cluster.config = {dcs::Version("1"), Document::map({{"synchronous_mode", true}}), true};
  EXPECT_NE(show(cluster, Format::tsv).find("\tSync Standby\t"), std::string::npos);
  cluster.config.data = Document::map({{"synchronous_mode", "quorum"}});
  EXPECT_NE(show(cluster, Format::tsv).find("\tQuorum Standby\t"), std::string::npos);
  cluster.config.data = Document::map({{"synchronous_mode", "off"}});
  EXPECT_NE(show(cluster, Format::tsv).find("\tReplica\t"), std::string::npos);
  cluster.config.data = Document::map({{"standby_cluster", Document::map({{"host", "10.9.0.1"}})}});
  EXPECT_NE(show(cluster, Format::tsv).find("\tStandby Leader\t"), std::string::npos);
}

TEST(MemberList, a_member_of_an_old_release_shows_its_one_position) {
  auto cluster = shop();
  auto& pgb = cluster.members["pgb"];
  pgb.receive_lsn = pgb.replay_lsn = {};
  EXPECT_NE(show(cluster, Format::tsv).find("\tstreaming\t4\t0/7000098\t0\tunknown\t\n"), std::string::npos);
  pgb.replication_state = "in archive recovery";
  EXPECT_NE(show(cluster, Format::tsv).find("\tin archive recovery\t4\tunknown\t\t0/7000098\t0\n"),
            std::string::npos);
}

TEST(MemberList, extended_shows_all_columns) {
  const std::string tsv = show(shop(), Format::tsv, true);
  EXPECT_TRUE(tsv.starts_with(
      "Cluster\tMember\tHost\tRole\tState\tTL\tReceive LSN\tReceive Lag\tReplay LSN\tReplay Lag\t"
      "Pending restart\tPending restart reason\tScheduled restart\tTags\n"))
      << tsv;
}

TEST(MemberList, restarts_and_tags_on_a_screen) {
  auto cluster = shop();
  auto& pgb = cluster.members["pgb"];
  const std::string long_value(50, '9');
  pgb.raw.set("pending_restart", true);
  pgb.raw.set("pending_restart_reason",
              Document::map({{"max_connections", Document::map({{"old_value", "100"}, {"new_value", "200"}})},
                             {"long", Document::map({{"old_value", ""}, {"new_value", long_value}})}}));
  pgb.raw.set("scheduled_restart",
              Document::map({{"schedule", "2031-05-06T07:08:09+02:00"}, {"postgres_version", "17.3"}}));
  set_tags(pgb, Document::map({{"nofailover", true}, {"zone", "b"}}));
  cluster.members.erase("pga");
  EXPECT_EQ(
      show(cluster, Format::pretty),
      R"(+ Cluster: shop (7411111111111111111) -----+----+-------------+-----+------------+-----+-----------------+---------------------------+---------------------------------------------+------------------+
| Member | Host      | Role    | State     | TL | Receive LSN | Lag | Replay LSN | Lag | Pending restart | Pending restart reason    | Scheduled restart                           | Tags             |
+--------+-----------+---------+-----------+----+-------------+-----+------------+-----+-----------------+---------------------------+---------------------------------------------+------------------+
| pgb    | 10.1.0.12 | Replica | streaming |  4 |   0/7000098 |   0 |  0/5000000 |  32 | *               | max_connections: 100->200 | 2031-05-06T07:08:09+02:00 if version < 17.3 | nofailover: true |
|        |           |         |           |    |             |     |            |     |                 | long: [hidden - too long] |                                             | zone: b          |
+--------+-----------+---------+-----------+----+-------------+-----+------------+-----+-----------------+---------------------------+---------------------------------------------+------------------+
)");
}

TEST(MemberList, tall_rows_are_ruled_off) {
  auto cluster = shop();
  set_tags(cluster.members["pga"], Document::map({{"a", 1}, {"b", 2}}));
  EXPECT_EQ(show(cluster, Format::pretty),
            R"(+ Cluster: shop (7411111111111111111) -----+----+-------------+-----+------------+-----+------+
| Member | Host      | Role    | State     | TL | Receive LSN | Lag | Replay LSN | Lag | Tags |
+--------+-----------+---------+-----------+----+-------------+-----+------------+-----+------+
| pga    | 10.1.0.11 | Leader  | running   |  4 |             |     |            |     | a: 1 |
|        |           |         |           |    |             |     |            |     | b: 2 |
+--------+-----------+---------+-----------+----+-------------+-----+------------+-----+------+
| pgb    | 10.1.0.12 | Replica | streaming |  4 |   0/7000098 |   0 |  0/5000000 |  32 |      |
+--------+-----------+---------+-----------+----+-------------+-----+------------+-----+------+
)");
}

TEST(MemberList, what_is_planned_stands_below_the_table) {
  ::setenv("TZ", "Europe/Berlin", 1);
  ::tzset();
  auto cluster = shop();
  cluster.config = {dcs::Version("1"), Document::map({{"pause", true}}), true};
  cluster.failover.leader = "pga";
  cluster.failover.candidate = "pgb";
  // 2031-05-06 05:08:09 UTC
  cluster.failover.scheduled_at =
      WallTime(std::chrono::sys_days(std::chrono::year(2031) / 5 / 6) + std::chrono::hours(5) +
               std::chrono::minutes(8) + std::chrono::seconds(9));
  const std::string below =
      " Maintenance mode: on\n"
      " Switchover scheduled at: 2031-05-06T07:08:09+02:00\n"
      "                    from: pga\n"
      "                      to: pgb\n";
  EXPECT_TRUE(show(cluster, Format::pretty).ends_with("+\n" + below)) << show(cluster, Format::pretty);
  EXPECT_TRUE(show(cluster, Format::topology).ends_with("+\n" + below));
  EXPECT_EQ(show(cluster, Format::tsv).find("Maintenance"), std::string::npos);
  ::unsetenv("TZ");
  ::tzset();
}

TEST(MemberList, lag_is_rounded_to_whole_mb_with_ties_to_even) {
  constexpr std::int64_t kMb = 1048576;
  EXPECT_EQ(lag_in_mb(0), 0);
  EXPECT_EQ(lag_in_mb(kMb / 2), 0);
  EXPECT_EQ(lag_in_mb(kMb / 2 + 1), 1);
  EXPECT_EQ(lag_in_mb(kMb + kMb / 2 - 1), 1);
  EXPECT_EQ(lag_in_mb(kMb + kMb / 2), 2);
  EXPECT_EQ(lag_in_mb(2 * kMb + kMb / 2), 2);
  EXPECT_EQ(lag_in_mb(2 * kMb + kMb / 2 + 1), 3);
}

TEST(Topology, replicas_stand_below_whom_they_stream_from) {
  auto cluster = shop();
  auto& pgc = add_member(cluster, "pgc", "10.1.0.13");
  set_tags(pgc, Document::map({{"replicatefrom", "pgb"}}));
  add_member(cluster, "pgd", "10.1.0.14");
  EXPECT_EQ(
      show(cluster, Format::topology),
      R"(+ Cluster: shop (7411111111111111111) ------+----+-------------+-----+------------+-----+----------------------+
| Member  | Host      | Role    | State     | TL | Receive LSN | Lag | Replay LSN | Lag | Tags                 |
+---------+-----------+---------+-----------+----+-------------+-----+------------+-----+----------------------+
| pga     | 10.1.0.11 | Leader  | running   |  4 |             |     |            |     |                      |
| + pgb   | 10.1.0.12 | Replica | streaming |  4 |   0/7000098 |   0 |  0/5000000 |  32 |                      |
|   + pgc | 10.1.0.13 | Replica | running   |  4 |     unknown |     |    unknown |     | {replicatefrom: pgb} |
| + pgd   | 10.1.0.14 | Replica | running   |  4 |     unknown |     |    unknown |     |                      |
+---------+-----------+---------+-----------+----+-------------+-----+------------+-----+----------------------+
)");
}

std::vector<std::string> tree(const dcs::Cluster& cluster, std::vector<std::string>& warnings) {
  std::vector<std::string> out;
  const std::string text = format_members(cluster, "shop", {Format::topology, false}, warnings);
  for (std::size_t at = 0; (at = text.find("\n| ", at)) != std::string::npos; ++at) {
    const std::string member = text.substr(at + 3, text.find(" |", at + 3) - at - 3);
    out.push_back(member.substr(0, member.find_last_not_of(' ') + 1));
  }
  out.erase(out.begin());
  return out;
}

TEST(Topology, replicatefrom_that_names_no_other_replica_means_the_leader) {
  for (const char* from : {"pga", "pgb", "nobody"}) {
    auto cluster = shop();
    set_tags(cluster.members["pgb"], Document::map({{"replicatefrom", from}}));
    std::vector<std::string> warnings;
    EXPECT_EQ(tree(cluster, warnings), (std::vector<std::string>{"pga", "+ pgb"})) << from;
    EXPECT_TRUE(warnings.empty());
  }
}

TEST(Topology, without_a_leader_replicas_stand_at_depth_one) {
  auto cluster = shop();
  cluster.leader.reset();
  set_tags(add_member(cluster, "pgc", "10.1.0.13"), Document::map({{"replicatefrom", "pgb"}}));
  std::vector<std::string> warnings;
  EXPECT_EQ(tree(cluster, warnings), (std::vector<std::string>{"+ pga", "+ pgb", "  + pgc"}));
}

TEST(Topology, a_loop_of_replicatefrom_is_shown_and_warned_of) {
  auto cluster = shop();
  set_tags(cluster.members["pgb"], Document::map({{"replicatefrom", "pgd"}}));
  set_tags(add_member(cluster, "pgc", "10.1.0.13"), Document::map({{"replicatefrom", "pgb"}}));
  set_tags(add_member(cluster, "pgd", "10.1.0.14"), Document::map({{"replicatefrom", "pgc"}}));
  add_member(cluster, "pge", "10.1.0.15");
  std::vector<std::string> warnings;
  EXPECT_EQ(tree(cluster, warnings),
            (std::vector<std::string>{"pga", "+ pge", "+ pgb", "  + pgc", "    + pgd"}));
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0],
            "tag replicatefrom leads round in a circle, without a way to the leader: pgb, pgc, pgd");
}

TEST(MemberList, too_few_of_other_zones_are_told_of) {
  auto cluster = shop();
  cluster.config = {dcs::Version("1"),
                    Document::map({{"synchronous_mode", true},
                                   {"synchronous_zones", Document::map({{"min_other_zones", 1}})}}),
                    true};
  set_tags(cluster.members["pga"], Document::map({{"zone", "east"}}));
  set_tags(cluster.members["pgb"], Document::map({{"zone", "west"}}));
  cluster.sync.leader = "pga";
  std::vector<std::string> warnings;
  const std::string line = " Members of other zones than east that have each commit: 0 of 1\n";
  EXPECT_TRUE(format_members(cluster, "shop", {Format::pretty, false}, warnings).ends_with(line));
  cluster.sync.voters = {"pgb"};
  EXPECT_EQ(format_members(cluster, "shop", {Format::pretty, false}, warnings).find("other zones"),
            std::string::npos);
}

}  // namespace
}  // namespace tanist::ctl
