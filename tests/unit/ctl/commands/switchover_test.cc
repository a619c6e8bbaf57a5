#include "ctl/commands/switchover.h"

#include "ctl/schedule.h"
#include "unit/ctl/commands/command_test.h"

namespace tanist::ctl {
namespace {

using test::kPga;
using test::kPgb;
using Kind = SwitchoverCommand::Kind;

class SwitchoverCommandTest : public test::CommandTest {
 protected:
  std::string run() {
    command.cluster = "shop";
    return ended([&] { return run_switchover(command, store, api, terminal); });
  }
  void set_config(Document config) { store.cluster.config = {dcs::Version("7"), std::move(config), true}; }
  void leads(const std::string& name) {
    store.cluster.leader = dcs::Leader{name, "s2", dcs::Version("11")};
    for (auto& [each, member] : store.cluster.members) {
      member.role = each == name ? "primary" : "replica";
      member.replication_state = each == name ? "" : "streaming";
    }
  }
  const std::string now = local_timestamp(WallTime{});
  SwitchoverCommand command;
};

std::string post(const char* url, const std::string& rest) {
  return "POST " + std::string(url) + " " + rest;
}

/// The dialogue of ctl.md §4.
TEST_F(SwitchoverCommandTest, leader_candidate_and_time_are_asked_for_and_confirmed) {
  api.answers = {{kPga, {200, "Successfully switched over to \"pgb\""}}};
  api.on_call = [&] { leads("pgb"); };
  answers("\n\n\ny\n");
  EXPECT_EQ(run(), "");
  EXPECT_EQ(dialogue(),
            "Current cluster topology\n"
            "<table>\n"
            "Primary [pga]: "
            "Candidate ['pgb'] []: "
            "When should the switchover take place (e.g. " +
                an_hour_from(WallTime{}) +
                " )  [now]: "
                "Are you sure you want to switchover cluster shop, demoting current leader pga? [y/N]: " +
                now +
                " Successfully switched over to \"pgb\"\n"
                "<table>\n");
  EXPECT_EQ(api.asked, std::vector{post(kPga, R"(switchover {"candidate":"","leader":"pga"})")});
  EXPECT_NE(all_said().rfind("| pgb    | 10.1.0.12 | Leader  |"), std::string::npos) << all_said();
  EXPECT_EQ(ending, Ending::done);
}

TEST_F(SwitchoverCommandTest, force_asks_nothing) {
  api.answers = {{kPga, {202, "Switchover scheduled"}}};
  command.force = true;
  command.candidate = "pgb";
  command.scheduled = "2031-01-01T10:00:00+01:00";
  EXPECT_EQ(run(), "");
  EXPECT_EQ(dialogue(), "Current cluster topology\n<table>\n" + now + " Switchover scheduled\n<table>\n");
  EXPECT_EQ(api.asked, std::vector{post(kPga, R"(switchover {"candidate":"pgb","leader":"pga",)"
                                              R"("scheduled_at":"2031-01-01T10:00:00+01:00"})")});
  command.candidate.reset();
  command.scheduled.reset();
  EXPECT_EQ(run(), "");
  EXPECT_EQ(api.asked.back(), post(kPga, R"(switchover {"candidate":null,"leader":"pga"})"));
}

TEST_F(SwitchoverCommandTest, no_is_an_error) {
  command.leader = "pga";
  command.candidate = "pgb";
  command.scheduled = "now";
  answers("n\n");
  EXPECT_EQ(run(), "Aborting switchover");
  command.scheduled = "2031-01-01T10:00Z";
  answers("n\n");
  EXPECT_EQ(run(), "Aborting scheduled switchover");
  EXPECT_EQ(
      said(),
      "Are you sure you want to schedule switchover of cluster shop at 2031-01-01T10:00:00+00:00, demoting "
      "current leader pga? [y/N]: ");
  EXPECT_EQ(run(), "Aborted!");
  EXPECT_TRUE(api.asked.empty());
}

TEST_F(SwitchoverCommandTest, what_cannot_be_is_an_error_in_its_order) {
  command.force = true;
  command.leader = "pgx";
  command.candidate = "pga";
  EXPECT_EQ(run(), "Member pgx is not the leader of cluster shop");
  command.leader = "pga";
  EXPECT_EQ(run(), "Member pga is already the leader of cluster shop");
  command.candidate = "pgz";
  EXPECT_EQ(run(), "Member pgz does not exist in cluster shop or is tagged as nofailover");
  command.candidate = "pgb";
  command.scheduled = "soon";
  EXPECT_TRUE(run().starts_with("Unable to parse scheduled timestamp (soon)."));
  command.scheduled = "2031-01-01T10:00";
  set_config(Document::map({{"pause", true}}));
  EXPECT_EQ(run(), "Can't schedule switchover in the paused state");
  test::set_tags(store.cluster.members["pgb"], Document::map({{"nofailover", true}}));
  EXPECT_EQ(run(), "No candidates found to switchover to");
  test::set_tags(store.cluster.members["pgb"], Document::map({{"failover_priority", 0}}));
  EXPECT_EQ(run(), "No candidates found to switchover to");
  store.cluster.leader.reset();
  EXPECT_EQ(run(), "This cluster has no leader");
  EXPECT_TRUE(api.asked.empty());
}

TEST_F(SwitchoverCommandTest, a_standby_cluster_names_its_leader_otherwise) {
  set_config(Document::map({{"standby_cluster", Document::map({{"host", "h"}})}}));
  answers("\n");
  EXPECT_EQ(run(), "Aborted!");
  EXPECT_EQ(said(), "Standby Leader [pga]: Candidate ['pgb'] []: ");
}

TEST_F(SwitchoverCommandTest, a_refusal_is_told) {
  command.force = true;
  api.answers = {{kPga, {412, "switchover is not possible: no good candidates have been found"}}};
  EXPECT_EQ(run(), "");
  EXPECT_EQ(
      said(),
      "Switchover failed, details: 412, switchover is not possible: no good candidates have been found\n");
  EXPECT_EQ(ending, Ending::failed);
  EXPECT_FALSE(store.written_failover);
}

TEST_F(SwitchoverCommandTest, an_old_member_is_asked_for_a_failover) {
  command.force = true;
  api.answers = {{kPga, {501, "<html>Server does not support this operation</html>"}}};
  api.on_call = [&] {
    if (api.asked.size() == 2) api.answers[kPga] = {200, "done"};
  };
  EXPECT_EQ(run(), "");
  EXPECT_EQ(api.asked, (std::vector{post(kPga, R"(switchover {"candidate":null,"leader":"pga"})"),
                                    post(kPga, R"(failover {"candidate":null,"leader":"pga"})")}));
}

TEST_F(SwitchoverCommandTest, an_outcome_that_is_not_known_is_looked_up_in_the_store) {
  command.force = true;
  api.answers = {
      {kPga, {503, "Switchover status unknown after 20 seconds; operation may still be in progress"}}};
  store.cluster.failover.leader = "pga";
  store.before_look = [&](int look) {
    if (look == 2) leads("pgb");
  };
  EXPECT_EQ(run(), "");
  EXPECT_EQ(
      dialogue(),
      "Current cluster topology\n<table>\n"
      "Switchover result unknown, details: 503, Switchover status unknown after 20 seconds; operation may "
      "still be in progress\n"
      "Watching the store for what becomes of the switchover\n" +
          now + " The leader is now pgb\n<table>\n");
  EXPECT_EQ(ending, Ending::done);
  leads("pga");
  store.before_look = {};
  EXPECT_EQ(run(), "");
  EXPECT_TRUE(said().ends_with(" The switchover has neither succeeded nor failed so far\n")) << said();
  EXPECT_EQ(ending, Ending::unknown);
  store.cluster.failover = {};
  EXPECT_EQ(run(), "");
  EXPECT_TRUE(said().ends_with(" The store holds no request for a switchover, the leader is still pga\n"));
  EXPECT_EQ(ending, Ending::failed);
}

/// The member may be at it: a second request in the store would be one too many.
TEST_F(SwitchoverCommandTest, an_answer_that_does_not_come_is_no_reason_to_ask_elsewhere) {
  command.force = true;
  api.statuses[kPga] = "{}";
  EXPECT_EQ(run(), "");
  EXPECT_NE(all_said().find("Switchover result unknown, details: no answer in time\n"), std::string::npos);
  EXPECT_FALSE(store.written_failover);
}

TEST_F(SwitchoverCommandTest, without_an_api_the_request_goes_into_the_store) {
  command.force = true;
  command.candidate = "pgb";
  command.scheduled = "2031-01-01T10:00Z";
  EXPECT_EQ(run(), "");
  EXPECT_EQ(dialogue(), "Current cluster topology\n<table>\n" + now +
                            " Could not switchover using Patroni api, falling back to DCS\n<table>\n");
  EXPECT_TRUE(warned("WARNING - connection refused\n"));
  ASSERT_TRUE(store.written_failover);
  EXPECT_EQ(store.written_failover->leader, "pga");
  EXPECT_EQ(store.written_failover->candidate, "pgb");
  EXPECT_EQ(*store.written_failover->scheduled_at, parse_schedule("2031-01-01T10:00Z", {})->at);
  // Somebody else was quicker.
  store.before_write = [&] { store.cluster.failover.version = dcs::Version("12"); };
  EXPECT_TRUE(
      run().starts_with("could not write the request for a switchover into the store: the store refused"));
}

TEST_F(SwitchoverCommandTest, waiting_is_for_those_that_follow) {
  command.force = command.wait = true;
  test::add_member(store.cluster, "pgc", "10.1.0.13").replication_state = "streaming";
  api.answers = {{kPga, {200, "Successfully switched over to \"pgb\""}}};
  api.headers.set("Tanist-Write-Gap-Ms", "117");
  api.on_call = [&] {
    leads("pgb");
    store.cluster.members["pgb"].timeline = Timeline{5};
  };
  store.before_look = [&](int look) {
    if (look == 3) store.cluster.members["pgc"].timeline = Timeline{5};
    if (look == 4) store.cluster.members["pga"].timeline = Timeline{5};
  };
  EXPECT_EQ(run(), "");
  EXPECT_EQ(dialogue(), "Current cluster topology\n<table>\n" + now +
                            " Successfully switched over to \"pgb\"\n"
                            "Nobody could write for 117 ms\n"
                            "Waiting for members to follow the new leader: pga, pgc\n"
                            "Waiting for members to follow the new leader: pga\n"
                            "<table>\n");
  EXPECT_EQ(ending, Ending::done);
}

class FailoverCommandTest : public SwitchoverCommandTest {
 protected:
  FailoverCommandTest() { command.kind = Kind::failover; }
};

TEST_F(FailoverCommandTest, a_candidate_is_all_it_takes) {
  api.answers = {{kPga, {200, "Successfully failed over to \"pgb\""}}};
  answers("pgb\ny\n");
  EXPECT_EQ(run(), "");
  EXPECT_EQ(dialogue(),
            "Current cluster topology\n<table>\n"
            "Candidate ['pgb'] []: "
            "Are you sure you want to failover cluster shop, demoting current leader pga? [y/N]: " +
                now + " Successfully failed over to \"pgb\"\n<table>\n");
  EXPECT_EQ(api.asked, std::vector{post(kPga, R"(failover {"candidate":"pgb"})")});
  answers("\n");
  EXPECT_EQ(run(), "Failover could be performed only to a specific candidate");
  command.force = true;
  EXPECT_EQ(run(), "Failover could be performed only to a specific candidate");
  command.candidate = "pgb";
  api.answers[kPga] = {503, "Failover failed"};
  EXPECT_EQ(run(), "");
  EXPECT_EQ(said(), "Failover failed, details: 503, Failover failed\n");
}

TEST_F(FailoverCommandTest, without_a_leader_the_candidate_itself_is_asked) {
  store.cluster.leader.reset();
  api.answers = {{kPgb, {200, "Successfully failed over to \"pgb\""}}};
  command.candidate = "pgb";
  answers("y\n");
  EXPECT_EQ(run(), "");
  EXPECT_NE(all_said().find("Are you sure you want to failover cluster shop? [y/N]: "), std::string::npos);
  EXPECT_EQ(api.asked, std::vector{post(kPgb, R"(failover {"candidate":"pgb"})")});
}

TEST_F(FailoverCommandTest, an_asynchronous_candidate_is_asked_about) {
  set_config(Document::map({{"synchronous_mode", true}}));
  test::add_member(store.cluster, "pgc", "10.1.0.13");
  store.cluster.sync.leader = "pga";
  store.cluster.sync.voters = {"pgc"};
  command.candidate = "pgb";
  answers("n\n");
  EXPECT_EQ(run(), "Aborting failover");
  EXPECT_EQ(said(), "Are you sure you want to failover to the asynchronous node pgb? [y/N]: ");
  command.candidate = "pgc";
  answers("n\n");
  EXPECT_EQ(run(), "Aborting failover");
  EXPECT_EQ(said(), "Are you sure you want to failover cluster shop, demoting current leader pga? [y/N]: ");
}

TEST_F(FailoverCommandTest, force_asks_nothing_about_an_asynchronous_candidate) {
  set_config(Document::map({{"synchronous_mode", "quorum"}}));
  store.cluster.sync.leader = "pga";
  command.candidate = "pgb";
  command.force = true;
  EXPECT_EQ(run(), "");
  EXPECT_EQ(all_said().find("asynchronous node"), std::string::npos);
}

}  // namespace
}  // namespace tanist::ctl
