#include "api/switchover_endpoint.h"
#include "json/parse.h"

#include <gtest/gtest.h>

#include "contract/run_task.h"
#include "core/format.h"
#include "unit/api/fake_control.h"
#include "unit/api/snapshots.h"

namespace tanist::api {
namespace {

using namespace std::chrono_literals;
namespace order = ha::order;

const WallTime kMorning{std::chrono::sys_days(std::chrono::year(2031) / 5 / 1) + 10h};

std::expected<SwitchoverRequest, net::HttpResponse> parse(const std::string& json, bool failover = false,
                                                          bool paused = false) {
  return parse_switchover(parse_json(json).value(), failover, paused, kMorning);
}
std::string refusal(const std::string& json, bool failover = false, bool paused = false, int status = 400) {
  const auto parsed = parse(json, failover, paused);
  if (parsed) return "accepted";
  EXPECT_EQ(parsed.error().status, status) << json;
  return parsed.error().body;
}

TEST(SwitchoverBody, names_leader_and_candidate) {
  const auto request = parse(R"({"leader":"a","candidate":"b","colour":"red"})").value();
  EXPECT_EQ(request.leader, "a");
  EXPECT_EQ(request.candidate, "b");
  EXPECT_FALSE(request.failover || request.at);
  EXPECT_EQ(parse(R"({"leader":"a","member":"b"})").value().candidate, "b") << "the older name of the key";
  EXPECT_EQ(parse(R"({"leader":"a","candidate":null})").value().candidate, "");
}

TEST(SwitchoverBody, a_failover_with_a_leader_is_a_switchover) {
  EXPECT_FALSE(parse(R"({"leader":"a","candidate":"b"})", true).value().failover);
  EXPECT_TRUE(parse(R"({"candidate":"b"})", true).value().failover);
}

TEST(SwitchoverBody, what_is_wrong_is_named_in_the_order_of_the_steps) {
  EXPECT_EQ(refusal(R"({"leader":"a","scheduled_at":"x"})", true),
            "Failover could be performed only to a specific candidate");
  EXPECT_EQ(refusal(R"({"candidate":"b","scheduled_at":"x"})"),
            "Switchover could be performed only from a specific leader");
  EXPECT_EQ(refusal(R"({"candidate":"b","leader":"b","scheduled_at":"x"})", true),
            "Failover can't be scheduled");
  EXPECT_EQ(refusal(R"({"leader":"a","scheduled_at":"x"})", false, true),
            "Can't schedule switchover in the paused state");
  EXPECT_EQ(refusal(R"({"leader":"a"})", false, true),
            "Switchover is possible only to a specific candidate in a paused state");
  EXPECT_EQ(refusal(R"({"leader":"a","candidate":"a"})"), "Switchover target and source are the same");
  EXPECT_EQ(refusal(R"({"leader":"a","candidate":"a"})", true), "Switchover target and source are the same");
  EXPECT_EQ(refusal(R"({"leader":"a","candidate":"a","scheduled_at":"2031-06-01T10:00Z"})"),
            "Switchover target and source are the same");
}

TEST(SwitchoverBody, a_schedule_needs_a_zone_and_the_future) {
  const auto at = [](const std::string& value) {
    return fmt::format(R"({{"leader":"a","scheduled_at":{}}})", value);
  };
  EXPECT_EQ(parse(at(R"("2031-05-01T12:30+02:00")")).value().at, kMorning + 30min);
  EXPECT_FALSE(parse(at("null")).value().at);
  EXPECT_EQ(refusal(at(R"("2031-05-01T12:00")")),
            "Timezone information is mandatory for the scheduled switchover");
  EXPECT_EQ(refusal(at(R"("2031-05-01T09:00Z")"), false, false, 422),
            "Cannot schedule switchover in the past");
  for (const char* value : {"\"tomorrow\"", "17", "[1]", "true"})
    EXPECT_EQ(refusal(at(value), false, false, 422),
              "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601");
}

TEST(SwitchoverBody, names_are_texts) {
  for (const char* value : {"5", "true", "[\"a\"]", "{\"a\":1}"}) {
    EXPECT_EQ(refusal(fmt::format(R"({{"leader":{}}})", value)), "leader should be the name of a member");
    EXPECT_EQ(refusal(fmt::format(R"({{"leader":"a","candidate":{}}})", value)),
              "candidate should be the name of a member");
    EXPECT_EQ(refusal(fmt::format(R"({{"leader":"a","member":{}}})", value)),
              "member should be the name of a member");
  }
}

dcs::Cluster three() {
  dcs::Cluster cluster = *test::cluster();
  for (const char* name : {"pga", "pgb", "pgc"}) {
    cluster.members[name].name = name;
    cluster.members[name].api_url = fmt::format("http://{}:8008/patroni", name);
  }
  return cluster;
}
std::string unfit(const SwitchoverRequest& request, const dcs::Cluster& cluster,
                  const Document& dynamic = Document::map()) {
  const auto candidates = switchover_candidates(request, cluster, dynamic);
  if (candidates) return "possible";
  EXPECT_EQ(candidates.error().status, 412);
  return candidates.error().body;
}

TEST(SwitchoverCandidates, are_checked_in_their_order) {
  EXPECT_EQ(unfit({.leader = "pgb", .candidate = "nobody"}, three()), "leader name does not match");
  dcs::Cluster leaderless = three();
  leaderless.leader.reset();
  EXPECT_EQ(unfit({.leader = "pga"}, leaderless), "leader name does not match");
  EXPECT_EQ(unfit({.leader = "pga", .candidate = "nobody"}, three()), "candidate does not exists");
  EXPECT_EQ(unfit({.failover = true, .candidate = "nobody"}, leaderless), "candidate does not exists");
  dcs::Cluster lone = three();
  lone.members.erase("pgb");
  lone.members["pgc"].api_url.clear();
  EXPECT_EQ(unfit({.leader = "pga"}, lone),
            "switchover is not possible: cluster does not have members except leader");
}

TEST(SwitchoverCandidates, are_synchronous_standbys_where_commits_wait_for_those) {
  const Document plain = parse_json(R"({"synchronous_mode":true})").value();
  dcs::Cluster cluster = three();
  EXPECT_EQ(unfit({.leader = "pga"}, cluster, plain),
            "switchover is not possible: can not find sync_standby");
  EXPECT_EQ(unfit({.leader = "pga", .candidate = "pgb"}, cluster, plain),
            "candidate name does not match with sync_standby");
  cluster.sync.leader = "pga";
  cluster.sync.voters = {"PGC"};
  EXPECT_EQ(unfit({.leader = "pga", .candidate = "pgb"}, cluster, plain),
            "candidate name does not match with sync_standby");
  EXPECT_EQ(unfit({.leader = "pga", .candidate = "nobody"}, cluster, plain),
            "candidate name does not match with sync_standby")
      << "before it is asked whether there is such a member";
  EXPECT_EQ(unfit({.leader = "pga", .candidate = "pgc"}, cluster, plain), "possible");
  const auto any = switchover_candidates({.leader = "pga"}, cluster, plain).value();
  ASSERT_EQ(any.size(), 1u);
  EXPECT_TRUE(any.contains("pgc"));
  EXPECT_EQ(unfit({.failover = true, .candidate = "pgb"}, cluster, plain), "possible")
      << "who asks for a failover to an asynchronous member has said that it may lose something";
  const Document standby = parse_json(R"({"synchronous_mode":true,"standby_cluster":{"port":1}})").value();
  EXPECT_NE(unfit({.leader = "pga", .candidate = "pgb"}, cluster, standby),
            "candidate name does not match with sync_standby");
}

TEST(SwitchoverCandidates, of_a_quorum_are_all_members) {
  const Document quorum = parse_json(R"({"synchronous_mode":"quorum"})").value();
  dcs::Cluster cluster = three();
  cluster.sync.leader = "pga";
  cluster.sync.voters = {"pgc"};
  EXPECT_EQ(unfit({.leader = "pga", .candidate = "pgb"}, cluster, quorum), "possible");
  EXPECT_EQ(switchover_candidates({.leader = "pga"}, cluster, quorum).value().size(), 2u);
}

TEST(SwitchoverCandidates, are_all_but_the_leader_or_the_one_that_is_named) {
  EXPECT_EQ(switchover_candidates({.leader = "pga"}, three(), Document::map()).value().size(), 2u);
  const auto named =
      switchover_candidates({.leader = "pga", .candidate = "pgc"}, three(), Document::map()).value();
  ASSERT_EQ(named.size(), 1u);
  EXPECT_EQ(named.at("pgc"), "http://pgc:8008/patroni");
}

/// A store whose leader key and request change as a test says, when they are read so often.
class SwitchoverEndpointTest : public ::testing::Test {
 protected:
  SwitchoverEndpointTest() {
    board.publish(snapshot());
    control.read = [this](order::ReadCluster) -> order::ReadCluster::Answer {
      if (!unreachable.empty()) return std::unexpected(unreachable);
      if (wrote && then) then();
      return std::make_shared<dcs::Cluster>(cluster);
    };
    control.ask = [this](order::AskMembers asked) {
      order::AskMembers::Answer answers;
      for (const auto& [name, url] : asked.api_urls) answers[name] = members[name];
      return answers;
    };
    control.write = [this](order::WriteKey asked) {
      const auto& record = std::get<dcs::FailoverRecord>(asked.record);
      written.push_back(record);
      conditional = std::holds_alternative<dcs::IfVersion>(asked.condition);
      if (result.done()) {
        cluster.failover = {.version = result.version,
                            .leader = record.leader,
                            .candidate = record.candidate,
                            .scheduled_at = record.scheduled_at};
        wrote = true;
      }
      return result;
    };
    for (const char* name : {"pgb", "pgc"}) members[name].reachable = true;
    mailbox.open(scope, control);
  }
  ~SwitchoverEndpointTest() override {
    mailbox.close("the test is over");
    tanist::test::run(io, scope.close());
  }
  net::HttpResponse post(const std::string& body, bool failover = false) {
    net::HttpRequest request;
    request.method = "POST";
    request.target = failover ? "/failover" : "/switchover";
    request.headers.set("Content-Length", std::to_string(body.size()));
    request.body = body;
    return tanist::test::run(io, endpoint.post(std::move(request), failover, snapshot(), patience));
  }
  net::HttpResponse drop() { return tanist::test::run(io, endpoint.drop(patience)); }
  Duration patience = 10s;
  static ha::SnapshotPtr snapshot() { return std::make_shared<ha::Snapshot>(test::primary()); }
  void leads(const std::string& name) {
    cluster.leader = dcs::Leader{name, "s2", dcs::Version("9")};
    cluster.failover = {.version = dcs::Version("10")};
    members[name].primary = true;
  }
  static void expect(const net::HttpResponse& response, int status, const std::string& text) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(response.body, text);
  }

  boost::asio::io_context io{1};
  SystemClock clock;
  dcs::Cluster cluster = three();
  std::map<std::string, ha::PeerAnswer> members;
  std::string unreachable;
  dcs::WriteResult result{.outcome = dcs::Outcome::done, .version = dcs::Version("7"), .detail = {}};
  std::vector<dcs::FailoverRecord> written;
  bool wrote = false;
  bool conditional = false;
  /// Before each read after the request was written.
  std::function<void()> then;
  ha::SnapshotBoard board;
  test::FakeControl control;
  TaskScope scope{io.get_executor()};
  ha::Mailbox mailbox{clock, "the daemon has not started yet"};
  ControlReads reads{mailbox, clock};
  SwitchoverEndpoint endpoint{mailbox, reads, board, clock};
};

TEST_F(SwitchoverEndpointTest, answers_when_the_candidate_accepts_writes) {
  then = [this] { leads("pgb"); };
  expect(post(R"({"leader":"pga","candidate":"pgb"})"), 200, "Successfully switched over to \"pgb\"");
  ASSERT_EQ(written.size(), 1u);
  EXPECT_EQ(written[0].leader, "pga");
  EXPECT_EQ(written[0].candidate, "pgb");
  EXPECT_FALSE(conditional);
}

TEST_F(SwitchoverEndpointTest, does_not_answer_before_it_does) {
  int reads_so_far = 0;
  then = [&] {
    leads("pgb");
    members["pgb"].primary = ++reads_so_far > 3;
  };
  expect(post(R"({"leader":"pga"})"), 200, "Successfully switched over to \"pgb\"");
  EXPECT_GT(reads_so_far, 3);
}

TEST_F(SwitchoverEndpointTest, tells_whom_else_it_went_to) {
  then = [this] { leads("pgc"); };
  expect(post(R"({"leader":"pga","candidate":"pgb"})"), 200, "Switched over to \"pgc\" instead of \"pgb\"");
}

TEST_F(SwitchoverEndpointTest, of_a_failover) {
  cluster.leader.reset();
  then = [this] { leads("pgb"); };
  expect(post(R"({"candidate":"pgb"})", true), 200, "Successfully failed over to \"pgb\"");
  cluster.leader.reset();
  wrote = false;
  then = [this] { leads("pgc"); };
  expect(post(R"({"candidate":"pgb"})", true), 200, "Failed over to \"pgc\" instead of \"pgb\"");
}

TEST_F(SwitchoverEndpointTest, tells_that_it_has_failed_as_soon_as_the_request_is_gone) {
  then = [this] { cluster.failover = {.version = dcs::Version("8")}; };
  expect(post(R"({"leader":"pga","candidate":"pgb"})"), 503, "Switchover failed");
  expect(post(R"({"candidate":"pgb"})", true), 503, "Failover failed");
}

TEST_F(SwitchoverEndpointTest, a_request_that_was_replaced_has_failed) {
  then = [this] { cluster.failover.version = dcs::Version("99"); };
  expect(post(R"({"leader":"pga","candidate":"pgb"})"), 503, "Switchover failed");
}

TEST_F(SwitchoverEndpointTest, waits_while_nobody_leads) {
  int so_far = 0;
  then = [&] {
    cluster.leader.reset();
    cluster.failover = {.version = dcs::Version("8")};
    board.publish(snapshot());
    if (++so_far > 3) leads("pgb");
  };
  expect(post(R"({"leader":"pga"})"), 200, "Successfully switched over to \"pgb\"");
}

TEST_F(SwitchoverEndpointTest, tells_the_write_gap_where_both_sides_tell_theirs) {
  then = [this] { leads("pgb"); };
  members["pga"].writes_ended = Instant(100s);
  members["pgb"].writes_began = Instant(100s) + 87ms;
  const auto response = post(R"({"leader":"pga","candidate":"pgb"})");
  ASSERT_TRUE(response.headers.find(kWriteGapHeader));
  EXPECT_EQ(*response.headers.find(kWriteGapHeader), "87");
}

TEST_F(SwitchoverEndpointTest, tells_no_write_gap_where_one_does_not) {
  then = [this] { leads("pgb"); };
  members["pgb"].writes_began = Instant(100s);
  EXPECT_FALSE(post(R"({"leader":"pga","candidate":"pgb"})").headers.find(kWriteGapHeader));
}

TEST_F(SwitchoverEndpointTest, schedules_without_looking_at_the_members) {
  cluster.leader.reset();
  members.clear();
  const auto at = iso8601(clock.wall_now() + 24h);
  expect(post(fmt::format(R"({{"leader":"pga","candidate":"x","scheduled_at":"{}"}})", at)), 202,
         "Switchover scheduled");
  ASSERT_EQ(written.size(), 1u);
  EXPECT_TRUE(written[0].scheduled_at);
}

TEST_F(SwitchoverEndpointTest, nobody_fit_is_told_before_anything_is_written) {
  const std::string none = "switchover is not possible: no good candidates have been found";
  members["pgb"].reachable = false;
  expect(post(R"({"leader":"pga","candidate":"pgb"})"), 412, none);
  members["pgb"] = {.reachable = true, .nofailover = true};
  expect(post(R"({"leader":"pga","candidate":"pgb"})"), 412, none);
  members["pgb"] = {.reachable = true, .watchdog_failed = true};
  expect(post(R"({"leader":"pga","candidate":"pgb"})"), 412, none);
  EXPECT_TRUE(written.empty());
  EXPECT_EQ(post(R"({"candidate":"pgb"})", true).body,
            "failover is not possible: no good candidates have been found");
}

TEST_F(SwitchoverEndpointTest, goes_to_nobody_who_cannot_go_on_with_the_logical_slots) {
  using Names = std::vector<std::string>;
  members["pga"] = {.reachable = true, .primary = true, .logical_slots = Names{"audit", "feed"}};
  members["pgb"].logical_slots = Names{"audit"};
  members["pgc"].logical_slots = Names{};
  expect(post(R"({"leader":"pga","candidate":"pgb"})"), 412,
         "switchover is not possible: pgb is not ready to take over the logical slots 'feed'");
  expect(
      post(R"({"leader":"pga"})"), 412,
      "switchover is not possible: pgb is not ready to take over the logical slots 'feed'; pgc is not ready "
      "to take over the logical slots 'audit', 'feed'");
  EXPECT_TRUE(written.empty());
  then = [this] { leads("pgb"); };
  EXPECT_EQ(post(R"({"candidate":"pgb"})", true).status, 200) << "a failover does";
}

TEST_F(SwitchoverEndpointTest, goes_to_who_can_go_on_with_the_logical_slots_or_does_not_tell) {
  using Names = std::vector<std::string>;
  members["pga"] = {.reachable = true, .primary = true, .logical_slots = Names{"feed"}};
  members["pgb"].logical_slots = Names{};
  members["pgc"].logical_slots = Names{"feed", "other"};
  then = [this] { leads("pgc"); };
  EXPECT_EQ(post(R"({"leader":"pga"})").status, 200);
  cluster.leader = three().leader;
  wrote = false;
  members["pga"].primary = true;
  members["pgc"] = {.reachable = true};
  EXPECT_EQ(post(R"({"leader":"pga","candidate":"pgc"})").status, 200);
}

TEST_F(SwitchoverEndpointTest, who_replays_late_on_purpose_is_a_candidate_by_its_name_only) {
  members["pgb"] = {.reachable = true, .delayed = true};
  members["pgc"].reachable = false;
  expect(post(R"({"leader":"pga"})"), 412, "switchover is not possible: no good candidates have been found");
  then = [this] { leads("pgb"); };
  expect(post(R"({"leader":"pga","candidate":"pgb"})"), 200, "Successfully switched over to \"pgb\"");
}

TEST_F(SwitchoverEndpointTest, what_cannot_be_written_is_told) {
  result = {.outcome = dcs::Outcome::unavailable, .version = {}, .detail = "no leader"};
  expect(post(R"({"leader":"pga","candidate":"pgb"})"), 503, "failed to write failover key into DCS");
  result.outcome = dcs::Outcome::unknown;
  expect(post(R"({"leader":"pga","candidate":"pgb"})"), 503,
         "whether the failover key was written into DCS is not known: no leader");
  unreachable = "no answer";
  EXPECT_EQ(post(R"({"leader":"pga","candidate":"pgb"})").status, 503);
}

TEST_F(SwitchoverEndpointTest, a_body_that_is_wrong_changes_nothing) {
  for (const char* body : {"", "{}", "{", "[1]", "7", R"({"foo":"bar"})"}) {
    EXPECT_EQ(post(body).status, 400) << body;
    EXPECT_EQ(post(body, true).status, 400) << body;
  }
  net::HttpRequest request;
  request.method = "POST";
  request.target = "/switchover";
  EXPECT_EQ(tanist::test::run(io, endpoint.post(std::move(request), false, snapshot(), 200ms)).status, 411);
  EXPECT_TRUE(written.empty());
}

TEST_F(SwitchoverEndpointTest, the_configuration_in_the_store_says_whether_it_is_paused) {
  cluster.config = {dcs::Version("7"), parse_json(R"({"pause":true})").value(), true};
  expect(post(R"({"leader":"pga"})"), 400,
         "Switchover is possible only to a specific candidate in a paused state");
}

TEST_F(SwitchoverEndpointTest, withdraws_what_is_scheduled_and_nothing_else) {
  expect(drop(), 404, "no switchover is scheduled");
  cluster.failover = {.version = dcs::Version("6"), .leader = "pga", .candidate = "pgb"};
  expect(drop(), 404, "no switchover is scheduled");
  EXPECT_TRUE(written.empty());
  cluster.failover.scheduled_at = clock.wall_now() + 1h;
  expect(drop(), 200, "scheduled switchover deleted");
  ASSERT_EQ(written.size(), 1u);
  EXPECT_TRUE(written[0].leader.empty() && written[0].candidate.empty() && conditional);
  cluster.failover = {.version = dcs::Version("6"), .leader = "pga", .scheduled_at = clock.wall_now() + 1h};
  result = {.outcome = dcs::Outcome::refused, .version = {}, .detail = "another version"};
  EXPECT_EQ(drop().status, 409);
}

}  // namespace
}  // namespace tanist::api
