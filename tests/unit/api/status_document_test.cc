#include "api/status_document.h"

#include <gtest/gtest.h>

#include "core/version.h"
#include "unit/api/snapshots.h"

namespace tanist::api {
namespace {

using namespace test;
using std::chrono::seconds;

std::string document(const ha::Snapshot& s, Instant now = kNow) {
  Document out = status_document(member_status(s, now));
  out.erase("tanist_version");
  return to_spaced_json(out);
}

TEST(Status, a_primary_tells_its_position_and_its_replicas) {
  EXPECT_EQ(
      document(primary()),
      R"({"state": "running", "postmaster_start_time": "2031-03-04 05:06:07.891234+00:00", "role": "primary", )"
      R"("server_version": 170002, "xlog": {"location": 117440664}, "timeline": 4, )"
      R"("replication": [{"usename": "repl", "application_name": "pgb", "client_addr": "10.1.0.12", )"
      R"("state": "streaming", "sync_state": "quorum", "sync_priority": 1}], )"
      R"("dcs_last_seen": 1930000000, "tags": {"zone": "a"}, )"
      R"("database_system_identifier": "7411111111111111111", )"
      R"("patroni": {"version": "4.1.4", "scope": "shop", "name": "pga"}})");
}

TEST(Status, a_quorum_replica_tells_what_it_received_and_replayed) {
  auto s = replica();
  change(s).dynamic.synchronous_mode = config::Dynamic::SyncMode::quorum;
  auto& sync = change_view(s).sync;
  sync.leader = "pga";
  sync.voters = {"PGB"};
  EXPECT_EQ(
      document(s),
      R"({"state": "running", "postmaster_start_time": "2031-03-04 05:08:00+00:00", "role": "replica", )"
      R"("server_version": 170002, "xlog": {"received_location": 117440664, "replayed_location": 117440512, )"
      R"("replayed_timestamp": null, "paused": false}, "quorum_standby": true, "timeline": 4, )"
      R"("replication_state": "streaming", "tanist_logical_slots": [], "dcs_last_seen": 1930000001, )"
      R"("database_system_identifier": "7411111111111111111", )"
      R"("patroni": {"version": "4.1.4", "scope": "shop", "name": "pgb"}})");
}

TEST(Status, a_stopped_member_in_pause_without_a_view_uses_the_basic_form) {
  auto s = base("pga");
  s.state = postgres::State::stopped;
  s.role = postgres::Role::demoted;
  s.facts = {};
  s.paused = true;
  s.store_ok = false;
  s.dcs_last_seen = 1930000002;
  EXPECT_EQ(document(s),
            R"({"state": "stopped", "role": "demoted", "pause": true, "cluster_unlocked": true, )"
            R"("dcs_last_seen": 1930000002, )"
            R"("patroni": {"version": "4.1.4", "scope": "shop", "name": "pga"}})");
}

TEST(Status, names_the_own_version_beside_the_compatible_one) {
  const Document out = status_document(member_status(primary(), kNow));
  ASSERT_NE(out.find("tanist_version"), nullptr);
  EXPECT_EQ(out.find("tanist_version")->as_string(), version());
}

TEST(Status, a_postgresql_that_does_not_answer_is_unknown) {
  auto s = primary();
  s.facts.failing_since = kNow;
  EXPECT_EQ(document(s), R"({"state": "unknown", "role": "primary", "dcs_last_seen": 1930000000, )"
                         R"("tags": {"zone": "a"}, "database_system_identifier": "7411111111111111111", )"
                         R"("patroni": {"version": "4.1.4", "scope": "shop", "name": "pga"}, )"
                         R"("postgres_failing": {"seconds": 0, "new_connections_only": false}})");
}

TEST(Status, says_what_fails_since_when_and_why) {
  auto s = primary();
  s.facts.silent_since = kNow - seconds(70);
  EXPECT_NE(document(s).find(R"("postgres_failing": {"seconds": 70, "new_connections_only": true})"),
            std::string::npos);
  s.facts.failing_since = kNow - seconds(3);
  s.facts.silent_since.reset();
  s.facts.failing_why = "no password supplied";
  s.rejoin_error = "WAL is missing";
  const std::string text = document(s);
  EXPECT_NE(text.find(R"("why": "no password supplied")"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("rejoin_error": "WAL is missing")"), std::string::npos) << text;
}

TEST(Status, a_starting_postgresql_that_does_not_answer_keeps_its_state) {
  auto s = primary();
  s.facts.probe.reset();
  s.state = postgres::State::starting;
  const Document out = status_document(member_status(s, kNow));
  EXPECT_EQ(out.find("state")->as_string(), "starting");
  EXPECT_EQ(out.find("xlog"), nullptr);
}

TEST(Status, a_primary_that_stops_goes_on_telling_its_position) {
  auto s = primary();
  s.state = postgres::State::stopping;
  s.facts.failing_since = kNow;
  const Document out = status_document(member_status(s, kNow));
  EXPECT_EQ(out.find("state")->as_string(), "stopping");
  EXPECT_EQ(out.find("role")->as_string(), "primary");
  EXPECT_NE(out.find("xlog"), nullptr);
}

TEST(Status, a_demoted_primary_that_stops_does_not_look_alive_to_the_race) {
  auto s = primary();
  s.state = postgres::State::stopping;
  s.role = postgres::Role::demoted;
  const Document out = status_document(member_status(s, kNow));
  EXPECT_EQ(out.find("role")->as_string(), "demoted");
  EXPECT_EQ(out.find("xlog"), nullptr);
}

TEST(Status, a_stopped_postgresql_tells_no_position) {
  auto s = primary();
  s.state = postgres::State::stopping;
  s.facts.process = postgres::Process::none;
  EXPECT_EQ(status_document(member_status(s, kNow)).find("xlog"), nullptr);
}

TEST(Status, the_standby_leader_is_named_as_such) {
  auto s = replica();
  change(s).dynamic.standby_cluster = true;
  s.role = postgres::Role::standby_leader;
  EXPECT_EQ(status_document(member_status(s, kNow)).find("role")->as_string(), "standby_leader");
}

TEST(Status, a_pending_restart_comes_with_its_reason) {
  auto s = primary();
  s.facts.pending_restart["max_connections"] = {"100", "200"};
  const Document out = status_document(member_status(s, kNow));
  EXPECT_TRUE(out.find("pending_restart")->as_bool());
  EXPECT_EQ(to_spaced_json(*out.find("pending_restart_reason")),
            R"({"max_connections": {"old_value": "100", "new_value": "200"}})");
}

TEST(Status, an_unknown_timeline_of_a_replica_is_null) {
  auto s = replica();
  s.facts.probe->effective_timeline = {};
  EXPECT_TRUE(status_document(member_status(s, kNow)).find("timeline")->is_null());
}

TEST(Status, a_synchronous_replica_says_so_while_the_mode_is_on_and_the_store_is_seen) {
  const auto of = [](config::Dynamic::SyncMode mode, const std::string& voter, bool store_ok = true) {
    auto s = replica();
    change(s).dynamic.synchronous_mode = mode;
    change_view(s).sync.leader = "pga";
    change_view(s).sync.voters = {voter};
    s.store_ok = store_ok;
    const Document out = status_document(member_status(s, kNow));
    return std::string(out.find("sync_standby") ? "sync " : "") +
           (out.find("quorum_standby") ? "quorum" : "");
  };
  using Mode = config::Dynamic::SyncMode;
  EXPECT_EQ(of(Mode::on, "Pgb"), "sync ");
  EXPECT_EQ(of(Mode::quorum, "pgb"), "quorum");
  EXPECT_EQ(of(Mode::on, "pgc"), "");
  EXPECT_EQ(of(Mode::off, "pgb"), "") << "what is left of a mode that is off";
  EXPECT_EQ(of(Mode::on, "pgb", false), "");
}

TEST(Status, a_primary_that_keeps_clients_out_after_a_crash_says_so) {
  auto s = primary();
  EXPECT_EQ(status_document(member_status(s, kNow)).find("tanist_clients_held"), nullptr);
  s.facts.clients_held = true;
  EXPECT_TRUE(status_document(member_status(s, kNow)).find("tanist_clients_held")->as_bool());
}

TEST(Status, a_member_that_replays_late_on_purpose_says_so) {
  auto s = replica();
  EXPECT_EQ(status_document(member_status(s, kNow)).find("tanist_delayed"), nullptr);
  s.delayed = true;
  EXPECT_TRUE(status_document(member_status(s, kNow)).find("tanist_delayed")->as_bool());
}

TEST(Status, a_member_that_has_left_the_leaders_wal_says_so) {
  auto s = replica();
  EXPECT_EQ(status_document(member_status(s, kNow)).find("tanist_diverged"), nullptr);
  s.diverged = true;
  EXPECT_TRUE(status_document(member_status(s, kNow)).find("tanist_diverged")->as_bool());
}

TEST(Status, a_member_tells_which_timeline_of_its_number_it_is_on) {
  auto s = replica();
  EXPECT_EQ(status_document(member_status(s, kNow)).find("tanist_branch"), nullptr);
  s.branch = "1f-2";
  EXPECT_EQ(status_document(member_status(s, kNow)).find("tanist_branch")->as_string(), "1f-2");
}

TEST(Status, a_member_tells_of_its_guardian) {
  auto s = replica();
  const auto told = [&] {
    const auto document = status_document(member_status(s, kNow));
    const Document* guardian = document.find("tanist_guardian");
    return guardian ? guardian->as_string() : std::string();
  };
  using Kind = ha::GuardianState::Kind;
  EXPECT_EQ(told(), "");
  for (const auto& [kind, text] : {std::pair(Kind::missing, "missing"), std::pair(Kind::ready, "ready"),
                                   std::pair(Kind::armed, "armed")}) {
    s.guardian.kind = kind;
    EXPECT_EQ(told(), text);
  }
  EXPECT_EQ(status_document(member_status(s, kNow)).find("watchdog_failed"), nullptr);
  s.fence_usable = false;
  EXPECT_TRUE(status_document(member_status(s, kNow)).find("watchdog_failed")->as_bool());
}

TEST(Status, a_member_tells_the_last_switches_of_its_timeline) {
  auto s = replica();
  EXPECT_EQ(status_document(member_status(s, kNow)).find("tanist_timelines"), nullptr);
  s.facts.history = postgres::TimelineHistory{.timeline = {4}, .lines = {}};
  for (std::uint32_t parent = 1; parent <= 3; ++parent)
    s.facts.history->lines.push_back({.parent = {parent}, .switch_lsn = Lsn{100 * parent}});
  const auto told = [&] {
    return to_spaced_json(*status_document(member_status(s, kNow)).find("tanist_timelines"));
  };
  EXPECT_EQ(told(), "[[1, 100], [2, 200], [3, 300]]");
  s.facts.history->lines.insert(s.facts.history->lines.begin(), 40, HistoryLine{});
  s.facts.history->lines.erase(s.facts.history->lines.begin(), s.facts.history->lines.end() - 10);
  const auto ten = told();
  s.facts.history->lines.insert(s.facts.history->lines.begin(), 7, HistoryLine{});
  EXPECT_EQ(told(), ten);
  s.facts.history->timeline = {3};
  EXPECT_EQ(status_document(member_status(s, kNow)).find("tanist_timelines"), nullptr)
      << "of another timeline";
}

TEST(Status, a_member_tells_of_the_logical_slots_that_go_with_the_lead) {
  const auto told = [](const ha::Snapshot& s) {
    const auto document = status_document(member_status(s, kNow));
    const Document* slots = document.find("tanist_logical_slots");
    return slots == nullptr ? std::string("nothing") : to_spaced_json(*slots);
  };
  const postgres::SlotSeen feed{.name = "feed",
                                .logical = true,
                                .confirmed_flush_lsn = Lsn{100},
                                .database = "app",
                                .plugin = "pgoutput"};
  auto s = replica();
  s.facts.probe->server_version = 150004;
  EXPECT_EQ(told(s), "nothing") << "there are none, and none is expected";
  s.facts.probe->slots = {feed};
  EXPECT_EQ(told(s), R"(["feed"])");
  s.facts.unready_slots = {"feed"};
  EXPECT_EQ(told(s), "nothing");
  auto settings = std::make_shared<config::Settings>(*s.settings);
  settings->dynamic.permanent_slots = {{.name = "feed", .database = "app", .plugin = "pgoutput"}};
  s.settings = settings;
  EXPECT_EQ(told(s), "[]") << "one is expected";
  s.facts.unready_slots.clear();
  s.facts.broken_slots = {"feed"};
  EXPECT_EQ(told(s), "[]");
  s.facts.probe->server_version = 170002;
  s.facts.broken_slots.clear();
  s.facts.probe->slots.clear();
  s.facts.probe->other_slots = {feed, feed, feed};
  for (auto& slot : s.facts.probe->other_slots) slot.failover = slot.synced = true;
  s.facts.probe->other_slots[1].name = "new";
  s.facts.probe->other_slots[1].temporary = true;
  s.facts.probe->other_slots[2].name = "gone";
  s.facts.probe->other_slots[2].wal_status = "lost";
  EXPECT_EQ(told(s), R"(["feed"])") << "of those that PostgreSQL copies, the ones that it is sure of";

  auto p = primary();
  p.facts.probe->slots = {feed};
  EXPECT_EQ(told(p), "nothing") << "it goes nowhere";
  p.settings = settings;
  EXPECT_EQ(told(p), R"(["feed"])");
  p.facts.probe->slots[0].name = "own";
  EXPECT_EQ(told(p), "[]");
  p.facts.probe->slots[0].failover = true;
  EXPECT_EQ(told(p), R"(["own"])");
  p.facts.probe->other_slots = {feed};
  p.facts.probe->other_slots[0].failover = p.facts.probe->other_slots[0].synced = true;
  EXPECT_EQ(told(p), R"(["feed", "own"])") << "one that it copied before it was promoted";
}

TEST(Status, a_member_tells_which_slots_are_at_risk) {
  auto s = replica();
  EXPECT_EQ(status_document(member_status(s, kNow)).find("tanist_slots_at_risk"), nullptr);
  s.facts.slots_at_risk = {{.name = "gone", .kind = postgres::SlotRisk::Kind::lost},
                           {.name = "dwh", .retained_bytes = 2000, .limit_bytes = 1000, .active = true}};
  EXPECT_EQ(to_spaced_json(*status_document(member_status(s, kNow)).find("tanist_slots_at_risk")),
            R"([{"slot": "gone", "risk": "lost", "active": false}, {"slot": "dwh", "risk": "limit", )"
            R"("active": true, "retained_bytes": 2000, "limit_bytes": 1000}])");
}

TEST(Status, the_view_ends_with_ttl_and_with_a_failed_read) {
  auto s = replica();
  EXPECT_EQ(status_document(member_status(s, kNow)).find("cluster_unlocked"), nullptr);
  EXPECT_NE(status_document(member_status(s, kNow + seconds(31))).find("cluster_unlocked"), nullptr);
  s.store_ok = false;
  EXPECT_NE(status_document(member_status(s, kNow)).find("cluster_unlocked"), nullptr);
}

TEST(Status, a_snapshot_that_control_no_longer_renews_is_stale) {
  auto s = primary();
  s.lease_until = {};
  EXPECT_EQ(status_document(member_status(s, kNow + seconds(10))).find("stale"), nullptr);
  EXPECT_NE(status_document(member_status(s, kNow + seconds(10) + Duration(1))).find("stale"), nullptr);
  change(s).dynamic.timing.retry_timeout = seconds(1);
  EXPECT_EQ(status_document(member_status(s, kNow + seconds(3))).find("stale"), nullptr);
  EXPECT_NE(status_document(member_status(s, kNow + seconds(3) + Duration(1))).find("stale"), nullptr);
}

TEST(Status, a_lease_that_ends_under_a_snapshot_makes_it_stale) {
  auto s = primary();
  s.lease_until = kNow + seconds(2);
  EXPECT_EQ(status_document(member_status(s, s.lease_until - Duration(1))).find("stale"), nullptr);
  EXPECT_TRUE(status_document(member_status(s, s.lease_until)).find("stale")->as_bool());
}

TEST(Status, an_interruption_of_writes_is_told_by_its_age_for_a_while) {
  auto s = primary();
  Document out = Document::map();
  EXPECT_FALSE(add_interruption(out, s, kNow));
  s.writes_ended = kNow - seconds(3);
  s.writes_began = kNow - std::chrono::microseconds(250);
  EXPECT_TRUE(add_interruption(out, s, kNow));
  EXPECT_EQ(out.find("tanist_writes_ended_us")->as_int(), 3'000'000);
  EXPECT_EQ(out.find("tanist_writes_began_us")->as_int(), 250);
  Document later = Document::map();
  EXPECT_FALSE(add_interruption(later, s, kNow + std::chrono::minutes(3)));
  EXPECT_EQ(later.size(), 0u);
}

TEST(Status, a_snapshot_published_after_the_leases_end_is_not_stale) {
  auto s = primary();
  s.lease_until = kNow - seconds(1);
  EXPECT_EQ(status_document(member_status(s, kNow)).find("stale"), nullptr);
}

}  // namespace
}  // namespace tanist::api
