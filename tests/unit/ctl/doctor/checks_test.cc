#include <gtest/gtest.h>

#include <sstream>

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
    Seen out{.cluster = "shop",
             .store = std::make_shared<dcs::Cluster>(cluster),
             .now = WallTime{1h},
             .use_pg_rewind = use_pg_rewind,
             .rewind_role = "rewinder",
             .data_bytes = data_bytes};
    out.modes = config::modes_of(cluster.config.data);
    for (const auto& [name, member] : cluster.members) {
      MemberSeen each{.member = member, .status = {}, .clock_ahead = 0s, .server = server, .door = door};
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
      for (const auto& one : findings) {
        EXPECT_TRUE(one.grade == Grade::note || !one.advice.empty())
            << one.what << ": and what is to be done?";
        out += std::string(name_of(one.grade)) + " " + check.name + ": " + one.about +
               (one.about.empty() ? "" : " ") + one.what + "\n";
      }
    }
    return out;
  }

  dcs::Cluster cluster = test::shop();
  std::map<std::string, std::string> says;
  std::expected<Server, std::string> server = Server();
  Door door = Door::unknown;
  bool use_pg_rewind = true;
  std::optional<std::int64_t> data_bytes;
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
      R"({"role":"primary","postgres_failing":{"why":"no answer"},"stale":true,"watchdog_failed":true,"tanist_guardian":"missing"})";
  EXPECT_EQ(found(),
            "error api: pgb its REST API does not answer as it should: connection refused\n"
            "error troubles: pga its PostgreSQL fails: no answer\n"
            "error troubles: pga its watchdog is required and cannot be used\n"
            "warning troubles: pga has no guardian: nobody stops its PostgreSQL where its daemon cannot run\n"
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
  EXPECT_EQ(
      found(),
      "warning timing: loop_wait + 2 * retry_timeout is 30, more than ttl (20): members use loop_wait 1 and "
      "retry_timeout 9\n"
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

TEST_F(ChecksTest, the_shared_configuration) {
  cluster.config.data.set("loop_wiat", 3);
  cluster.config.data.set("postgresql",
                          Document::map({{"parameters", Document::map({{"work_mem", "much"}})}}));
  EXPECT_EQ(found(),
            "warning configuration: loop_wiat unknown key, ignored\n"
            "warning configuration: postgresql.parameters.work_mem given \"much\", allowed: an integer from "
            "64kB to "
            "2147483647kB, units B, kB, MB, GB, TB; it is left out\n");
}

TEST_F(ChecksTest, who_is_let_in_without_a_password) {
  cluster.members.erase("pgb");
  server->rules = {
      {.text = "line 3: host all all 10.0.0.0 255.0.0.0 trust", .method = "trust"},
      {.text = "line 4: host all all 0.0.0.0 0.0.0.0 md5", .method = "md5", .anywhere = true},
      {.text = "line 5: host all all all reject", .method = "reject", .anywhere = true},
      {.text = "line 6: hostssl all all all scram-sha-256", .method = "scram-sha-256", .anywhere = true},
      {.text = "line 7: host all all 10.0.0.0 255.0.0.0 md5", .method = "md5"}};
  door = Door::open;
  const auto only_access = [&] {
    std::string out;
    std::istringstream lines(found());
    for (std::string line; std::getline(lines, line);)
      if (line.find(" access: ") != std::string::npos) out += line + "\n";
    return out;
  };
  EXPECT_EQ(
      only_access(),
      "warning access: pga its REST API takes orders from everybody who reaches it: switchover, restart, "
      "configuration\n"
      "error access: pga pg_hba.conf lets other hosts in without a password: line 3: host all all 10.0.0.0 "
      "255.0.0.0 trust\n"
      "warning access: pga pg_hba.conf lets everybody try passwords by md5: line 4: host all all 0.0.0.0 "
      "0.0.0.0 md5\n"
      "note access: pga pg_hba.conf lets hosts of every network try: line 6: hostssl all all all "
      "scram-sha-256\n");
  server->rules.clear();
  door = Door::guarded;
  EXPECT_EQ(only_access(), "note access: pga passwords for its REST API travel in the clear\n");
  cluster.members["pga"].api_url = "https://10.1.0.11:8008/patroni";
  EXPECT_EQ(only_access(), "");
}

TEST_F(ChecksTest, whether_pg_rewind_can_work) {
  server->rewind_lacks = {"pg_read_binary_file(text)", "pg_ls_dir(text,boolean,boolean)"};
  EXPECT_EQ(found(),
            "error rewind: pga the role rewinder of pg_rewind may not call pg_read_binary_file(text), "
            "pg_ls_dir(text,boolean,boolean)\n");
  server->rewind_lacks.clear();
  server->rewind_role_missing = true;
  EXPECT_EQ(found(), "error rewind: pga there is no role rewinder, which pg_rewind is to connect as\n");
  server->rewind_role_missing = false;
  server->checksums = false;
  EXPECT_EQ(found().find("rewind:"), std::string::npos) << found();
  server->wal_log_hints = false;
  EXPECT_NE(found().find("error rewind: pgb data checksums and wal_log_hints are off"), std::string::npos)
      << found();
  server = Server();
  use_pg_rewind = false;
  EXPECT_EQ(found(), "note rewind: use_pg_rewind is off: a primary that was lost comes back as a new copy\n");
}

TEST_F(ChecksTest, room_for_a_copy) {
  const std::int64_t gb = std::int64_t{1} << 30;
  const auto free = [&](std::int64_t gigabytes) {
    const auto document = Document::map(
        {{"tanist_disk", Document::map({{"free_bytes", gigabytes * gb}, {"size_bytes", 100 * gb}})}});
    says["pgb"] = to_json(document);
    return found();
  };
  data_bytes = 40 * gb;
  EXPECT_EQ(free(50), "");
  data_bytes = 60 * gb;
  EXPECT_EQ(
      free(50),
      "warning space: pgb 50.0 GB are free where its data is, the databases have 60.0 GB: no new copy fits "
      "beside the old one\n");
  data_bytes.reset();
  EXPECT_EQ(free(4),
            "error space: pgb only 4.0 GB are free where its data is: a rewind, and WAL that piles up, need "
            "more\n");
}

TEST_F(ChecksTest, who_replays_late_is_nobody_to_take_over) {
  says["pgb"].insert(1, R"("tanist_delayed":true,)");
  EXPECT_EQ(found(),
            "error candidates: no replica could take over: none runs, is near enough and may lead\n");
}

TEST_F(ChecksTest, tags_that_lead_round_in_a_circle) {
  test::add_member(cluster, "pgc", "10.1.0.13").replication_state = "streaming";
  says["pgc"] = says["pgb"];
  test::set_tags(cluster.members["pgb"], Document::map({{"replicatefrom", "pgc"}}));
  EXPECT_EQ(found(), "");
  test::set_tags(cluster.members["pgc"], Document::map({{"replicatefrom", "pgb"}}));
  EXPECT_EQ(found(),
            "warning hosts: pgb its tag replicatefrom leads round in a circle (pgb > pgc > pgb): it follows "
            "the leader\n"
            "warning hosts: pgc its tag replicatefrom leads round in a circle (pgc > pgb > pgc): it follows "
            "the leader\n");
}

/// Synchronous mode is on, and pgb is the standby that keeps it.
class SynchronousTest : public ChecksTest {
 protected:
  SynchronousTest() {
    cluster.config.data.set("synchronous_mode", true);
    cluster.sync.leader = "pga";
    cluster.sync.voters = {"pgb"};
    streams({"pgb"});
  }
  void streams(const std::vector<std::string>& names, const std::string& state = "streaming") {
    Document rows = Document::list();
    for (const auto& name : names)
      rows.push_back(Document::map({{"application_name", name}, {"state", state}}));
    Document status = parse_json(R"({"role":"primary","server_version":150004,"tanist_version":"0.1.0",)"
                                 R"("patroni":{"version":"4.1.4"},"xlog":{"location":5},)"
                                 R"("database_system_identifier":"7411111111111111111"})")
                          .value();
    if (!names.empty()) status.set("replication", std::move(rows));
    says["pga"] = to_json(status);
  }
  /// What the check of synchronous replication finds.
  std::string about_sync() {
    const auto all = seen();
    Findings findings;
    check_sync(all, findings);
    std::string out;
    for (const auto& one : findings) {
      EXPECT_NE(one.advice, "") << one.what;
      out += std::string(name_of(one.grade)) + " " + one.about + (one.about.empty() ? "" : " ") + one.what +
             "\n";
    }
    return out;
  }
};

TEST_F(SynchronousTest, what_is_kept_has_nothing) {
  EXPECT_EQ(about_sync(), "");
  streams({"PGB"});
  EXPECT_EQ(about_sync(), "") << "PostgreSQL compares names in any case";
  cluster.config.data.set("synchronous_mode", "quorum");
  EXPECT_EQ(about_sync(), "");
}

TEST_F(SynchronousTest, no_synchronous_standby) {
  cluster.sync.voters.clear();
  EXPECT_EQ(
      about_sync(),
      "warning synchronous_mode is on, and no member is a synchronous standby: what is committed now is "
      "on the leader alone, and nobody would take over\n");
  EXPECT_NE(found().find("error candidates: no replica could take over"), std::string::npos);
  cluster.config.data.set("synchronous_mode_strict", true);
  EXPECT_EQ(about_sync(),
            "error synchronous_mode_strict is on, and no member is a synchronous standby: commits wait\n");
}

TEST_F(SynchronousTest, fewer_than_are_wanted) {
  cluster.config.data.set("synchronous_node_count", 2);
  EXPECT_EQ(about_sync(), "warning 1 synchronous standby, and synchronous_node_count is 2\n");
}

TEST_F(SynchronousTest, one_that_does_not_stream_or_is_gone) {
  streams({});
  EXPECT_EQ(
      about_sync(),
      "warning pgb is synchronous by /sync, and does not stream from the leader: commits may wait for it\n");
  streams({"pgb"}, "catchup");
  EXPECT_NE(about_sync(), "");
  says.erase("pga");
  EXPECT_EQ(about_sync(), "") << "the leader does not tell";
  streams({"pgb"});
  cluster.sync.voters = {"pgb", "pgx"};
  EXPECT_EQ(about_sync(), "warning pgx is synchronous by /sync, and is no member\n");
}

TEST_F(SynchronousTest, of_another_leader) {
  cluster.sync.leader = "pgb";
  EXPECT_EQ(about_sync(), "warning /sync is that of pgb, and pga leads\n");
}

TEST_F(SynchronousTest, two_connections_of_one_name) {
  streams({"pgb", "PgB", "other", "other"});
  EXPECT_EQ(about_sync(),
            "error pgb 2 connections stream from the leader under this name: either may count as the "
            "synchronous standby\n");
}

TEST_F(SynchronousTest, is_not_looked_at_while_the_mode_is_off) {
  cluster.config.data.set("synchronous_mode", false);
  cluster.sync.voters.clear();
  EXPECT_EQ(found(), "");
}

TEST_F(ChecksTest, a_replica_that_could_not_go_on_with_logical_slots) {
  says["pga"].insert(1, R"("tanist_logical_slots":["audit","feed"],)");
  EXPECT_EQ(found(), "") << "it does not tell";
  const std::string before = says["pgb"];
  says["pgb"].insert(1, R"("tanist_logical_slots":["feed","more"],)");
  EXPECT_EQ(
      found(),
      "warning slots: pgb could not go on with the logical slots 'audit': a switchover to it is refused, "
      "after a failover their consumers miss changes\n");
  says["pgb"] = before;
  says["pgb"].insert(1, R"("tanist_logical_slots":["audit","feed"],)");
  EXPECT_EQ(found(), "");
}

TEST_F(ChecksTest, slots_that_endanger_the_disk_or_their_consumers) {
  says["pga"].insert(1, R"("tanist_slots_at_risk":[)"
                        R"({"slot":"gone","risk":"lost","active":false},)"
                        R"({"slot":"soon","risk":"losing","active":false,"retained_bytes":4294967296,)"
                        R"("limit_bytes":4509715660},)"
                        R"({"slot":"big","risk":"disk","active":true,"retained_bytes":2147483648,)"
                        R"("limit_bytes":1073741824},)"
                        R"({"slot":"dwh","risk":"limit","active":false,"retained_bytes":11811160064,)"
                        R"("limit_bytes":10737418240}],)");
  EXPECT_EQ(
      found(),
      "error slots: pga replication slot gone has lost WAL that its consumer needs\n"
      "error slots: pga replication slot soon is about to lose WAL that its consumer needs: it holds 4.0 "
      "GB, max_slot_wal_keep_size is 4.2 GB\n"
      "error slots: pga replication slot big holds 2.0 GB of WAL, and only 1.0 GB are free where WAL is "
      "written\n"
      "warning slots: pga replication slot dwh holds 11.0 GB of WAL, more than tanist.slot_wal_warning "
      "(10.0 GB)\n");
}

}  // namespace
}  // namespace tanist::ctl::doctor
