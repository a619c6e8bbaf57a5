#include <gtest/gtest.h>

#include "ctl/doctor/findings.h"
#include "json/parse.h"
#include "unit/ctl/clusters.h"

namespace tanist::ctl::doctor {
namespace {

using namespace std::chrono_literals;

/// The cluster `shop` in good health: two members on hosts of their own, who say what they should.
class ChecksTest : public ::testing::Test {
 protected:
  ChecksTest() {
    cluster.config = {dcs::Version("7"),
                      Document::map({{"ttl", 30}, {"loop_wait", 10}, {"retry_timeout", 10}}), true};
    says["pga"] = R"({"role":"primary","server_version":150004,"tanist_version":"0.1.0",)"
                  R"("patroni":{"version":"4.1.4"},"database_system_identifier":"7411111111111111111"})";
    says["pgb"] = R"({"role":"replica","server_version":150004,"tanist_version":"0.1.0",)"
                  R"("patroni":{"version":"4.1.4"},"database_system_identifier":"7411111111111111111"})";
    cluster.members["pgb"].replay_lsn = Lsn{0x7000098};
  }

  Seen seen() {
    Seen out{.cluster = "shop", .store = std::make_shared<dcs::Cluster>(cluster), .now = WallTime{1h}};
    out.modes = config::modes_of(cluster.config.data);
    for (const auto& [name, member] : cluster.members) {
      MemberSeen each{.member = member, .status = {}, .clock_ahead = 0s, .server = server};
      if (const auto text = says.find(name); text != says.end()) {
        each.status = parse_json(text->second).value();
      } else {
        each.status = std::unexpected(std::string("connection refused"));
      }
      out.members.push_back(std::move(each));
    }
    return out;
  }

  /// What all checks find, a line each: `warning hosts: …`.
  std::string found() {
    std::string out;
    const auto all = seen();
    for (const auto& check : checks()) {
      Findings findings;
      check.run(all, findings);
      for (const auto& one : findings)
        out += std::string(name_of(one.grade)) + " " + check.name + ": " + one.about +
               (one.about.empty() ? "" : " ") + one.what + "\n";
    }
    return out;
  }

  dcs::Cluster cluster = test::shop();
  std::map<std::string, std::string> says;
  std::expected<Server, std::string> server = Server();
};

TEST_F(ChecksTest, a_healthy_cluster_has_nothing) {
  EXPECT_EQ(found(), "");
}

TEST_F(ChecksTest, without_a_leader) {
  cluster.leader.reset();
  EXPECT_EQ(found(), "error leader: there is no leader: nobody accepts writes\n");
  cluster = {};
  EXPECT_TRUE(found().starts_with("error leader: the store knows nothing of this cluster\n")) << found();
}

TEST_F(ChecksTest, two_primaries) {
  says["pgb"] = R"({"role":"primary"})";
  EXPECT_EQ(found(), "error leader: pgb says it is primary, and pga leads\n");
}

TEST_F(ChecksTest, nobody_to_take_over) {
  test::set_tags(cluster.members["pgb"], Document::map({{"nofailover", true}}));
  EXPECT_EQ(found(),
            "error candidates: no replica could take over: none runs, is near enough and may lead\n");
  cluster.members["pgb"].tags = Document::map();
  cluster.members["pgb"].receive_lsn = Lsn{0x5000000};
  EXPECT_EQ(found(),
            "warning candidates: pgb is 33554584 bytes behind, more than maximum_lag_on_failover (1048576): "
            "it would "
            "not take over\n"
            "error candidates: no replica could take over: none runs, is near enough and may lead\n");
  cluster.members.erase("pgb");
  EXPECT_EQ(found(), "error candidates: there is no replica: when the leader is lost, so are its data\n");
}

TEST_F(ChecksTest, replicas_that_do_not_follow) {
  test::add_member(cluster, "pgc", "10.1.0.13").timeline = Timeline{3};
  test::add_member(cluster, "pgd", "10.1.0.14").state = "start failed";
  test::add_member(cluster, "pge", "10.1.0.15").replication_state = "in archive recovery";
  for (const char* name : {"pgc", "pgd", "pge"}) says[name] = "{}";
  EXPECT_EQ(found(),
            "error replication: pgc is on timeline 3, the leader on 4\n"
            "error replication: pgd its PostgreSQL is 'start failed'\n"
            "warning replication: pge does not stream: in archive recovery\n");
}

TEST_F(ChecksTest, members_that_do_not_answer_or_are_not_well) {
  says.erase("pgb");
  says["pga"] =
      R"({"role":"primary","postgres_failing":{"why":"no answer"},"stale":true,"watchdog_failed":true})";
  EXPECT_EQ(found(),
            "error api: pgb its REST API does not answer as it should: connection refused\n"
            "error troubles: pga its PostgreSQL fails: no answer\n"
            "error troubles: pga its watchdog is required and cannot be used\n"
            "warning troubles: pga its daemon has not looked at PostgreSQL for a while\n");
}

TEST_F(ChecksTest, members_that_are_not_alike) {
  says["pgb"] = R"({"role":"replica","server_version":160002,"patroni":{"version":"4.1.3"},)"
                R"("database_system_identifier":"7422222222222222222"})";
  EXPECT_EQ(found(),
            "error identity: pgb its database is another one: system identifier 7422222222222222222, the "
            "cluster's is "
            "7411111111111111111\n"
            "warning versions: members speak different levels of Patroni: 4.1.3 (pgb), 4.1.4 (pga)\n"
            "error versions: servers of different major versions: 150004 (pga), 160002 (pgb)\n");
}

TEST_F(ChecksTest, what_the_configuration_and_requests_say) {
  cluster.config.data =
      Document::map({{"ttl", 20}, {"loop_wait", 10}, {"retry_timeout", 10}, {"pause", true}});
  cluster.members["pga"].pause = true;
  cluster.failover.leader = "pga";
  cluster.failover.candidate = "pgx";
  cluster.failover.scheduled_at = WallTime{};
  cluster.members["pgb"].pending_restart = true;
  cluster.members["pgb"].raw.set("pending_restart_reason",
                                 Document::map({{"max_connections", Document::map()}}));
  cluster.members["pgb"].conn_url = cluster.members["pga"].conn_url;
  EXPECT_EQ(found(),
            "warning timing: loop_wait + 2 * retry_timeout is 30, more than ttl (20): members shorten them\n"
            "warning modes: the cluster is paused: a primary that fails is not replaced\n"
            "warning modes: pgb does not know yet that the cluster is paused\n"
            "warning requests: a switchover was scheduled for " +
                iso8601(WallTime{}) +
                " and has not happened\n"
                "warning requests: pgx is named by a request for a switchover, and is no member\n"
                "warning restarts: pgb waits for a restart to apply max_connections\n"
                "warning hosts: pga, pgb stand on one host, 10.1.0.11: they are lost together\n");
}

TEST_F(ChecksTest, clocks) {
  auto all = seen();
  all.members[0].clock_ahead = -7s;
  all.members[1].clock_ahead = 2s;
  Findings findings;
  check_clocks(all, findings);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].about + " " + findings[0].what, "pga its clock is about 7 s behind this host's");
}

TEST_F(ChecksTest, what_servers_say) {
  server = Server{.fsync = false,
                  .full_page_writes = false,
                  .checksums = false,
                  .slots_unbounded = true,
                  .archive_fails_at = "000000010000000000000003",
                  .idle_slots = {{"old", std::int64_t{5} << 30}, {"fresh", 1}}};
  cluster.members.erase("pgb");
  const auto text = found();
  for (const char* line :
       {"error postgres: pga fsync is off: a crash of the host loses the database\n",
        "error postgres: pga full_page_writes is off: a crash of the host may leave torn pages\n",
        "note postgres: pga data checksums are off", "note postgres: pga max_slot_wal_keep_size is unlimited",
        "error postgres: pga archiving fails: 000000010000000000000003 could not be archived\n",
        "warning postgres: pga nobody reads from slot old, and it holds 5 GB of WAL\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  EXPECT_EQ(text.find("fresh"), std::string::npos);
  server = std::unexpected(std::string("no password supplied"));
  EXPECT_NE(found().find("warning postgres: pga its PostgreSQL could not be asked: no password supplied\n"),
            std::string::npos);
}

}  // namespace
}  // namespace tanist::ctl::doctor
