#include "ctl/top/model.h"

#include <gtest/gtest.h>

#include "json/parse.h"
#include "unit/ctl/clusters.h"

namespace tanist::ctl {
namespace {

using namespace std::chrono_literals;

TopModel shop_model() {
  TopModel model;
  model.cluster = "shop";
  model.store = "etcd";
  take_cluster(model, test::shop(), Instant(10s));
  return model;
}

Document json(const std::string& text) {
  return parse_json(text).value();
}

MemberEvent event(const std::string& type, const std::string& data) {
  return {"a-1", type, json(data)};
}

void type(TopModel& model, const std::string& text) {
  for (const char c : text) press(model, {TopKey::letter, c});
}

TEST(TopModel, the_lag_is_what_members_say_now_and_else_what_the_store_tells) {
  auto model = shop_model();
  EXPECT_EQ(lag_of(model, *model.find("pga")), std::nullopt);
  EXPECT_EQ(lag_of(model, *model.find("pgb")), 0x2000098);
  take_answer(model, "pga", json(R"({"xlog": {"location": 5000}})"));
  take_answer(model, "pgb", json(R"({"xlog": {"replayed_location": 4000}})"));
  EXPECT_EQ(lag_of(model, *model.find("pgb")), 1000);
  take_lags(model);
  take_silence(model, "pgb", "connection refused");
  EXPECT_EQ(lag_of(model, *model.find("pgb")), std::nullopt);
  take_lags(model);
  EXPECT_EQ(model.find("pgb")->lags, (std::deque<std::optional<std::int64_t>>{1000, std::nullopt}));
}

TEST(TopModel, keeps_what_it_knows_of_members_that_stay) {
  auto model = shop_model();
  take_answer(model, "pgb", json(R"({"state": "running"})"));
  take_lags(model);
  auto cluster = test::shop();
  cluster.members.erase("pga");
  model.selected = "pga";
  take_cluster(model, cluster, Instant(20s));
  EXPECT_EQ(model.members.size(), 1u);
  EXPECT_EQ(model.selected, "pgb");
  EXPECT_EQ(model.find("pgb")->lags.size(), 1u);
  EXPECT_FALSE(model.find("pgb")->answer.is_null());
}

TEST(TopModel, curves_and_events_are_bounded) {
  auto model = shop_model();
  for (int i = 0; i < 1000; ++i) {
    take_lags(model);
    take_event(model, "pga", event("pause", R"({"pause": true})"), Instant(1s), "now");
    take_event(model, "pgb", event("pause", R"({"pause": true})"), Instant(1s), "now");
  }
  EXPECT_LE(model.find("pgb")->lags.size(), 300u);
  EXPECT_LE(model.events.size(), 200u);
  EXPECT_LE(model.listened_to["pgb"].size(), 50u);
}

TEST(TopModel, one_member_is_believed_and_of_its_own_work_each) {
  auto model = shop_model();
  take_event(model, "pgb", event("snapshot", R"({"scope": "shop"})"), Instant(1s), "t0");
  take_event(model, "pga", event("snapshot", R"({"scope": "shop"})"), Instant(1s), "t0");
  take_event(model, "pgb", event("leader", R"({"leader": "pgb", "before": "pga"})"), Instant(2s), "t1");
  take_event(model, "pga", event("leader", R"({"leader": "pgb", "before": "pga"})"), Instant(2s), "t1");
  take_event(model, "pga", event("task", R"({"member": "pga", "task": "demote", "phase": "waiting_down"})"),
             Instant(3s), "t2");
  ASSERT_EQ(model.events.size(), 2u);
  EXPECT_EQ(model.events[0].text, "pgb leads, before it was pga");
  EXPECT_EQ(model.events[1].text, "pga: demote, waiting down");
}

TEST(TopModel, another_member_goes_on_where_the_believed_one_ended) {
  auto model = shop_model();
  take_event(model, "pgb", event("left", R"({"member": "x"})"), Instant(1s), "t0");
  take_event(model, "pga", event("left", R"({"member": "x"})"), Instant(1s), "t0");
  take_event(model, "pga", event("left", R"({"member": "y"})"), Instant(2s), "t1");
  take_end(model, "pgb");
  EXPECT_EQ(model.teller, "pga");
  ASSERT_EQ(model.events.size(), 2u);
  EXPECT_EQ(model.events[1].text, "y left");
  take_event(model, "pga", event("left", R"({"member": "z"})"), Instant(3s), "t2");
  EXPECT_EQ(model.events.back().text, "z left");
  take_end(model, "pga");
  EXPECT_EQ(model.teller, "");
}

TEST(TopModel, events_are_told_in_words) {
  const auto told = [](const char* type, const char* data) { return event_text("pga", event(type, data)); };
  EXPECT_EQ(told("leader", R"({"leader": null, "before": "pga"})"), "nobody leads, before it was pga");
  EXPECT_EQ(told("role", R"({"member": "pgb", "role": "leader", "before": "replica"})"),
            "pgb: replica -> leader");
  EXPECT_EQ(told("state", R"({"member": "pgb", "state": "", "before": "running"})"),
            "pgb: running -> nothing");
  EXPECT_EQ(told("timeline", R"({"member": "pgb", "timeline": 5, "before": null})"), "pgb: timeline 5");
  EXPECT_EQ(told("lag", R"({"member": "pgb", "lag": "behind", "before": "ok", "replay_lag": 12582912})"),
            "pgb: lag ok -> behind (12 MB)");
  EXPECT_EQ(told("joined", R"({"member": "pgc", "state": "running"})"), "pgc joined, running");
  EXPECT_EQ(told("store", R"({"reachable": false})"), "the store does not answer pga");
  EXPECT_EQ(told("pause", R"({"pause": false})"), "resumed");
  EXPECT_EQ(told("config", R"({"changed": ["ttl", "slots.a"]})"), "configuration: ttl, slots.a");
  EXPECT_EQ(told("schedule", R"({"what": "switchover", "from": "pga", "to": "pgb"})"),
            "switchover from pga to pgb asked for");
  EXPECT_EQ(told("schedule", R"({"what": "restart", "member": "pgb", "at": "03:00"})"),
            "restart of pgb at 03:00 planned");
  EXPECT_EQ(told("schedule", R"({"what": "restart", "member": "pgb", "withdrawn": true})"),
            "restart of pgb: over or taken back");
  EXPECT_EQ(told("pending_restart", R"({"member": "pgb", "pending_restart": true})"),
            "pgb waits for a restart");
  EXPECT_EQ(told("rejoin", R"({"member": "pgb", "error": "no rights"})"), "pgb cannot rejoin: no rights");
  EXPECT_EQ(told("task", R"({"member": "pgb", "task": null, "phase": null})"), "pgb: done");
  EXPECT_EQ(told("progress", R"({"member": "pgb"})"), "");
  EXPECT_EQ(told("of a release to come", "{}"), "");
}

TEST(TopModel, bytes_are_shown_in_units_that_people_read) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(20480), "20 kB");
  EXPECT_EQ(bytes_text(12 << 20), "12 MB");
  EXPECT_EQ(bytes_text(std::int64_t{20} << 40), "20 TB");
}

TEST(TopModel, what_is_wished_for_is_done_after_y_and_enter_only) {
  auto model = shop_model();
  press(model, {TopKey::down});
  EXPECT_EQ(model.selected, "pgb");
  type(model, "s");
  ASSERT_TRUE(model.question);
  EXPECT_EQ(model.question->text, "Switch over from pga to pgb? [y/N]: ");
  type(model, "y");
  const auto outcome = press(model, {TopKey::enter});
  ASSERT_TRUE(outcome.wish);
  EXPECT_EQ(wish_text(*outcome.wish), "switchover to pgb");
  EXPECT_EQ(outcome.wish->leader, "pga");
  EXPECT_FALSE(model.question);

  for (const auto& typed : {"", "n", "yy", "q", "s"}) {
    type(model, "r");
    type(model, typed);
    EXPECT_FALSE(press(model, {TopKey::enter}).wish) << typed;
    EXPECT_FALSE(model.question);
    EXPECT_EQ(model.message, "nothing was done");
  }
  press(model, {TopKey::up});
  EXPECT_EQ(model.message, "");
  type(model, "py");
  EXPECT_FALSE(press(model, {TopKey::escape}).wish);
  EXPECT_FALSE(press(model, {TopKey::enter}).wish);
  type(model, "pn");
  press(model, {TopKey::backspace});
  type(model, "Yes");
  EXPECT_EQ(press(model, {TopKey::enter}).wish->kind, TopWish::Kind::pause);
}

TEST(TopModel, q_ends_it_but_not_within_an_answer) {
  auto model = shop_model();
  type(model, "p");
  EXPECT_FALSE(press(model, {TopKey::letter, 'q'}).quit);
  press(model, {TopKey::escape});
  type(model, "?");
  EXPECT_TRUE(model.help);
  EXPECT_TRUE(press(model, {TopKey::letter, 'q'}).quit);
  EXPECT_TRUE(press(model, {TopKey::letter, 'q'}).quit);
}

TEST(TopModel, what_cannot_be_is_said_at_once) {
  auto model = shop_model();
  model.selected = "pga";
  type(model, "s");
  EXPECT_FALSE(model.question);
  EXPECT_EQ(model.message, "pga leads already: select another member");
  EXPECT_TRUE(model.message_is_bad);
  model.selected = "pgb";
  model.find("pgb")->nofailover = true;
  type(model, "s");
  EXPECT_EQ(model.message, "pgb is tagged as nofailover");
  model.leader.clear();
  type(model, "s");
  EXPECT_TRUE(model.message.starts_with("nobody leads")) << model.message;
  model.busy = "restart of pgb";
  type(model, "p");
  EXPECT_EQ(model.message, "wait: restart of pgb is under way");
  TopModel empty;
  for (const char c : std::string("srpjk")) press(empty, {TopKey::letter, c});
  EXPECT_FALSE(empty.question);
}

}  // namespace
}  // namespace tanist::ctl
