#include "api/picture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "unit/api/snapshots.h"

namespace tanist::api {
namespace {

using namespace std::chrono_literals;
using test::kNow;

/// Two members, the second of which tells its position.
ha::Snapshot shop() {
  ha::Snapshot s = test::replica();
  auto& view = test::change_view(s);
  for (auto& [name, member] : view.members) member.timeline = Timeline{4};
  auto& pgb = view.members["pgb"];
  pgb.replication_state = "streaming";
  pgb.receive_lsn = pgb.replay_lsn = pgb.xlog_location = view.status.optime;
  view.config = {dcs::Version("3"), Document::map({{"ttl", 30}}), true};
  s.watched = s.cluster;
  return s;
}

dcs::Cluster& changing(ha::Snapshot& s) {
  auto& out = test::change_view(s);
  s.watched = s.cluster;
  return out;
}

Picture seen(const ha::Snapshot& s, const Picture& before = {}) {
  return picture_of(s, kNow, before);
}

/// A line an event.
std::string told(const ha::Snapshot& before, const ha::Snapshot& after) {
  const Picture first = seen(before);
  std::string out;
  for (const auto& event : changes(first, seen(after, first))) {
    const auto known = std::ranges::find(kEventTypes, event.type, &EventType::name);
    EXPECT_NE(known, std::end(kEventTypes)) << event.type << " is in no table";
    out += std::string(event.type) + " " + to_spaced_json(event.data) + "\n";
  }
  return out;
}

TEST(Picture, tells_nothing_where_nothing_changed) {
  auto later = shop();
  later.published_at += 1s;
  later.facts.probe->replay = Lsn{117440600};
  EXPECT_EQ(told(shop(), later), "");
}

TEST(Picture, a_failover_is_told_in_an_order_that_can_be_applied) {
  auto after = shop();
  auto& view = changing(after);
  view.leader->name = "pgb";
  view.members.erase("pga");
  view.members["pgb"].timeline = Timeline{5};
  view.members["pgb"].replication_state.clear();
  after.facts.probe->in_recovery = false;
  after.role = postgres::Role::primary;
  EXPECT_EQ(told(shop(), after),
            "left {\"member\": \"pga\"}\n"
            "leader {\"leader\": \"pgb\", \"before\": \"pga\"}\n"
            "role {\"member\": \"pgb\", \"role\": \"leader\", \"before\": \"replica\"}\n"
            "state {\"member\": \"pgb\", \"state\": \"running\", \"before\": \"streaming\"}\n"
            "timeline {\"member\": \"pgb\", \"timeline\": 5, \"before\": 4}\n"
            "lag {\"member\": \"pgb\", \"before\": \"ok\", \"lag\": \"none\", \"receive_lag\": null, "
            "\"replay_lag\": null}\n");
}

TEST(Picture, nobody_leads_is_told_as_null) {
  auto after = shop();
  changing(after).leader.reset();
  EXPECT_EQ(told(shop(), after),
            "leader {\"leader\": null, \"before\": \"pga\"}\n"
            "role {\"member\": \"pga\", \"role\": \"replica\", \"before\": \"leader\"}\n");
}

TEST(Picture, a_member_that_joins_is_told_whole) {
  auto after = shop();
  auto& member = changing(after).members["pgc"];
  member.name = "pgc";
  member.state = "creating replica";
  member.raw = Document::map({{"tanist_progress", Document::map({{"done_bytes", 10}, {"total_bytes", 40}})}});
  EXPECT_EQ(told(shop(), after),
            "joined {\"member\": \"pgc\", \"role\": \"replica\", \"state\": \"creating replica\", \"lag\": "
            "\"unknown\", \"receive_lag\": null, \"replay_lag\": null, \"progress\": {\"done_bytes\": 10, "
            "\"total_bytes\": 40}}\n");
}

TEST(Picture, of_lag_only_another_class_is_told) {
  auto after = shop();
  auto& view = changing(after);
  auto& pgb = view.members["pgb"];
  view.status.optime = Lsn{pgb.replay_lsn.value + (1 << 20)};
  EXPECT_EQ(told(shop(), after), "");
  pgb.receive_lsn = view.status.optime = Lsn{pgb.replay_lsn.value + (1 << 20) + 1};
  EXPECT_EQ(told(shop(), after),
            "lag {\"member\": \"pgb\", \"before\": \"ok\", \"lag\": \"replaying\", \"receive_lag\": 0, "
            "\"replay_lag\": 1048577}\n");
  pgb.receive_lsn = pgb.replay_lsn;
  EXPECT_NE(told(shop(), after).find("\"lag\": \"behind\""), std::string::npos);
}

/// One publishes a position once a loop_wait, so another is not to be expected of a member at once.
TEST(Picture, the_member_itself_is_told_of_before_the_store_knows) {
  auto after = shop();
  after.state = postgres::State::stopping;
  EXPECT_EQ(told(shop(), after),
            "");  // its stream goes on until it is down
  after.facts.probe.reset();
  EXPECT_EQ(told(shop(), after),
            "state {\"member\": \"pgb\", \"state\": \"stopping\", \"before\": \"streaming\"}\n");
}

TEST(Picture, a_task_is_told_phase_by_phase) {
  auto busy = shop();
  ha::OperationView operation;
  operation.kind = ha::OperationKind::rewind;
  operation.name = "running pg_rewind from pga";
  operation.phase = ha::Phase::rewinding;
  operation.source = "pga";
  busy.operation = operation;
  EXPECT_EQ(told(shop(), busy),
            "task {\"member\": \"pgb\", \"task\": \"running pg_rewind from pga\", \"phase\": \"rewinding\", "
            "\"source\": \"pga\"}\n");
  EXPECT_EQ(told(busy, shop()), "task {\"member\": \"pgb\", \"task\": null, \"phase\": null}\n");
  busy.progress = postgres::Progress{.done_bytes = 5, .total_bytes = 10};
  EXPECT_NE(told(shop(), busy).find("progress {\"member\": \"pgb\", \"done_bytes\": 5, \"total_bytes\": 10"),
            std::string::npos);
}

TEST(Picture, pause_and_configuration_are_told_by_the_names_of_keys) {
  auto after = shop();
  changing(after).config.data = Document::map(
      {{"ttl", 20},
       {"pause", true},
       {"postgresql", Document::map({{"parameters", Document::map({{"work_mem", "secret?"}})}})}});
  EXPECT_EQ(told(shop(), after),
            "pause {\"pause\": true}\nconfig {\"changed\": [\"ttl\", \"pause\", \"postgresql\"]}\n");
  auto further = after;
  changing(further).config.data.find("postgresql")->find("parameters")->set("work_mem", "8MB");
  EXPECT_EQ(told(after, further), "config {\"changed\": [\"postgresql.parameters.work_mem\"]}\n");
}

TEST(Picture, a_large_change_of_the_configuration_is_a_small_event) {
  auto after = shop();
  auto& config = changing(after).config.data;
  for (int i = 0; i < 1000; ++i) config.set("k" + std::to_string(i), i);
  const std::string text = told(shop(), after);
  EXPECT_NE(text.find("\"more\": 950"), std::string::npos) << text;
  EXPECT_LT(text.size(), 600u);
}

TEST(Picture, schedules_come_and_go) {
  auto after = shop();
  auto& view = changing(after);
  view.failover.leader = "pga";
  view.failover.candidate = "pgb";
  EXPECT_EQ(told(shop(), after), "schedule {\"what\": \"switchover\", \"from\": \"pga\", \"to\": \"pgb\"}\n");
  EXPECT_EQ(told(after, shop()),
            "schedule {\"what\": \"switchover\", \"from\": \"pga\", \"to\": \"pgb\", \"withdrawn\": true}\n");
  view.failover = {};
  view.members["pga"].raw =
      Document::map({{"scheduled_restart", Document::map({{"schedule", "2031-05-04T03:00:00+02:00"}})},
                     {"pending_restart", true}});
  EXPECT_EQ(told(shop(), after),
            "pending_restart {\"member\": \"pga\", \"pending_restart\": true}\n"
            "schedule {\"what\": \"restart\", \"member\": \"pga\", \"at\": \"2031-05-04T03:00:00+02:00\"}\n");
}

TEST(Picture, what_was_seen_stays_while_the_store_does_not_answer) {
  auto lost = shop();
  lost.store_ok = false;
  lost.watched = nullptr;
  changing(lost).leader.reset();
  lost.watched = nullptr;
  EXPECT_EQ(told(shop(), lost), "store {\"reachable\": false}\n");
}

/// A watch that has ended leaves the view of the last cycle, which may be from before what the watch saw.
TEST(Picture, does_not_go_back_in_time) {
  auto watched = shop();
  watched.published_at += 3s;
  auto old = shop();
  changing(old).leader->name = "pgb";
  old.watched = nullptr;
  old.published_at += 4s;
  old.cluster_read_at = kNow + 2s;
  EXPECT_EQ(told(watched, old), "");
  old.cluster_read_at = kNow + 4s;
  EXPECT_TRUE(told(watched, old).starts_with("leader "));
}

TEST(Picture, a_snapshot_has_all_that_events_tell) {
  auto s = shop();
  changing(s).failover.candidate = "pgb";
  const Document all = picture_document(seen(s));
  EXPECT_EQ(
      to_spaced_json(all),
      R"({"scope": "shop", "name": "pgb", "store": {"reachable": true}, "leader": "pga", "pause": false, )"
      R"("members": [{"member": "pga", "role": "leader", "state": "running", "timeline": 4}, )"
      R"({"member": "pgb", "role": "replica", "state": "streaming", "timeline": 4, "lag": "ok", )"
      R"("receive_lag": 0, "replay_lag": 0}], "switchover": {"to": "pgb"}})");
}

TEST(Picture, a_slot_is_told_of_when_its_danger_begins_changes_and_ends) {
  using Kind = postgres::SlotRisk::Kind;
  auto large = shop();
  large.facts.slots_at_risk = {{.name = "dwh", .retained_bytes = 2000, .limit_bytes = 1000}};
  EXPECT_EQ(
      told(shop(), large),
      R"(slot {"member": "pgb", "slot": "dwh", "risk": "limit", "active": false, "retained_bytes": 2000, )"
      R"("limit_bytes": 1000, "before": null})"
      "\n");
  auto larger = large;
  larger.facts.slots_at_risk[0].retained_bytes = 2500;
  EXPECT_EQ(told(large, larger), "") << "it only holds more";
  auto lost = large;
  lost.facts.slots_at_risk = {{.name = "dwh", .kind = Kind::lost, .active = true}};
  EXPECT_EQ(told(large, lost),
            R"(slot {"member": "pgb", "slot": "dwh", "risk": "lost", "active": true, "before": "limit"})"
            "\n");
  EXPECT_EQ(told(lost, shop()), R"(slot {"member": "pgb", "slot": "dwh", "risk": null, "before": "lost"})"
                                "\n");
  EXPECT_NE(to_spaced_json(picture_document(seen(lost))).find(R"("slots": [{"slot": "dwh", "risk": "lost")"),
            std::string::npos);
}

}  // namespace
}  // namespace tanist::api
