#include "ctl/explain/failover.h"

#include <gtest/gtest.h>

#include "core/format.h"

namespace tanist::ctl::explain {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kStart{std::chrono::hours(1000)};

/// The journals of a cluster, told by milliseconds since kStart.
class Journalists {
 public:
  struct Line {
    int at = 0;
    std::string code;
    std::string intent = "none";
    std::string lock = "others";
    std::string leader = "pga";
    std::string role = "replica";
    /// Milliseconds since kStart; 0: not told.
    int not_streaming_since = 0;
    int writes_began = 0;
    int writes_ended = 0;
    bool streams = false;
    std::string last_leader = "pga";
    bool gone = false;
  };
  void write(const std::string& name, const Line& line) {
    Document view = Document::map({{"now", ns(line.at)}, {"lock", line.lock}});
    Document cluster = Document::map();
    if (!line.leader.empty()) cluster.set("leader", Document::map({{"name", line.leader}}));
    Document store = Document::map({{"cluster", cluster}});
    store.set("last_with_leader", Document::map({{"leader", Document::map({{"name", line.last_leader}})}}));
    view.set("store", store);
    Document postgres = Document::map({{"role", line.role}});
    if (line.writes_began != 0) postgres.set("writes_began", ns(line.writes_began));
    if (line.writes_ended != 0) postgres.set("writes_ended", ns(line.writes_ended));
    Document facts = Document::map({{"process", line.gone ? "none" : "running"}});
    if (line.gone) facts.set("process_since", ns(line.at - 40));
    facts.set("probe", Document::map({{"timeline", 2}}));
    postgres.set("facts", facts);
    view.set("postgres", postgres);
    view.set(
        "settings",
        Document::map({{"dynamic", Document::map({{"timing", Document::map({{"ttl", 20'000'000'000}})}})}}));
    if (line.not_streaming_since != 0)
      view.set("memory",
               Document::map(
                   {{"rejoin", Document::map({{"not_streaming_since", ns(line.not_streaming_since)}})}}));
    Document decision =
        Document::map({{"reason", Document::map({{"code", line.code}, {"text", "text of " + line.code}})},
                       {"intent", Document::map({{"kind", line.intent}})}});
    decision.set("checks", Document::list({Document::map({{"rule", "streams"}, {"passed", line.streams}})}));
    auto& known = of(name);
    known.entries.push_back({.when = kStart + std::chrono::milliseconds(line.at),
                             .line = Document::map({{"decision", decision}, {"view", view}})});
  }
  Known& of(const std::string& name) {
    for (auto& each : all)
      if (each.member.name == name) return each;
    all.push_back({});
    all.back().member.name = name;
    return all.back();
  }

  std::vector<Known> all;

 private:
  static std::int64_t ns(int ms) { return (1'000'000LL + ms) * 1'000'000; }
};

std::string phases(const Failover& failover) {
  std::string out;
  const auto add = [&](const Phase& phase) {
    const auto took =
        phase.ended
            ? std::chrono::duration_cast<std::chrono::milliseconds>(*phase.ended - phase.begun).count()
            : -1;
    out += fmt::format("{} {}{}: {}\n", phase.name, phase.at_most ? "<=" : "", took, phase.what);
  };
  for (const auto& phase : failover.phases) add(phase);
  if (failover.without_primary) add(*failover.without_primary);
  return out;
}

/// pga, which led, is silent; pgb wins; pga comes back.
Journalists killed_host() {
  Journalists j;
  j.write("pga", {.at = 0, .code = "no_action_leader", .lock = "mine", .role = "primary"});
  j.write("pgb", {.at = 10, .code = "no_action_secondary", .streams = true});
  j.write("pgb", {.at = 30'000,
                  .code = "acquiring",
                  .intent = "acquire",
                  .lock = "free",
                  .leader = "",
                  .not_streaming_since = 11'000});
  j.write("pgc", {.at = 30'002,
                  .code = "acquiring",
                  .intent = "acquire",
                  .lock = "free",
                  .leader = "",
                  .not_streaming_since = 11'500});
  j.write(
      "pgb",
      {.at = 30'010, .code = "promoted_by_acquiring", .intent = "promote", .lock = "mine", .leader = "pgb"});
  j.write("pgc", {.at = 30'020, .code = "no_action_secondary", .leader = "pgb", .streams = true});
  j.write("pgb", {.at = 30'120,
                  .code = "no_action_leader",
                  .lock = "mine",
                  .leader = "pgb",
                  .role = "primary",
                  .writes_began = 30'100});
  j.write("pga", {.at = 40'000, .code = "no_action_secondary", .leader = "pgb", .streams = true});
  return j;
}

TEST(Failover, of_a_killed_host_is_told_in_phases) {
  const auto failover = last_failover(killed_host().all);
  ASSERT_TRUE(failover);
  EXPECT_EQ(failover->kind, "failover");
  EXPECT_EQ(failover->from, "pga");
  EXPECT_EQ(failover->to, "pgb");
  EXPECT_EQ(failover->timeline, 2);
  EXPECT_EQ(phases(*failover),
            "detection <=1000: pga renewed its lease for the last time; pgb: nothing was streamed any more\n"
            "lease end 19000: pgb saw the leader key free\n"
            "race 10: pgb had it\n"
            "promotion 90: PostgreSQL of pgb accepted writes\n"
            "rejoin 0: pgc streamed from pgb\n"
            "rejoin 9900: pga streamed from pgb\n"
            "first write <=19100: from the last write that pga can have taken to the first of pgb\n");
  ASSERT_EQ(failover->steps.size(), 6u);
  EXPECT_EQ(failover->steps[0].code, "acquiring");
  EXPECT_EQ(failover->steps[5].member, "pga");
}

TEST(Failover, one_that_was_asked_for_begins_with_the_leader) {
  Journalists j;
  j.write("pga", {.at = 0, .code = "no_action_leader", .lock = "mine", .role = "primary"});
  j.write("pga",
          {.at = 100, .code = "request_demoting", .intent = "demote", .lock = "mine", .role = "primary"});
  j.write("pga", {.at = 200,
                  .code = "release_verdict",
                  .intent = "advance",
                  .lock = "mine",
                  .role = "demoted",
                  .writes_ended = 150});
  j.write("pgb", {.at = 300,
                  .code = "acquiring",
                  .intent = "acquire",
                  .lock = "free",
                  .leader = "",
                  .not_streaming_since = 180});
  j.write("pgb",
          {.at = 305, .code = "promoted_by_acquiring", .intent = "promote", .lock = "mine", .leader = "pgb"});
  j.write("pgb", {.at = 420,
                  .code = "no_action_leader",
                  .lock = "mine",
                  .leader = "pgb",
                  .role = "primary",
                  .writes_began = 400});
  const auto failover = last_failover(j.all);
  ASSERT_TRUE(failover);
  EXPECT_EQ(failover->kind, "switchover");
  EXPECT_EQ(phases(*failover),
            "detection 0: pga decided: request_demoting\n"
            "lease end 200: pgb saw the leader key free\n"
            "race 5: pgb had it\n"
            "promotion 95: PostgreSQL of pgb accepted writes\n"
            "rejoin -1: pga does not stream from pgb yet\n"
            "first write 250: from the last write that pga can have taken to the first of pgb\n");
}

TEST(Failover, a_server_that_died_was_detected_by_its_own_daemon) {
  Journalists j;
  j.write("pga", {.at = 0, .code = "no_action_leader", .lock = "mine", .role = "primary"});
  j.write("pga", {.at = 100,
                  .code = "failing_over_after_crash",
                  .intent = "release",
                  .lock = "mine",
                  .role = "primary",
                  .gone = true});
  j.write("pgb", {.at = 130,
                  .code = "acquiring",
                  .intent = "acquire",
                  .lock = "free",
                  .leader = "",
                  .not_streaming_since = 110});
  j.write("pgb",
          {.at = 140, .code = "promoted_by_acquiring", .intent = "promote", .lock = "mine", .leader = "pgb"});
  const auto failover = last_failover(j.all);
  ASSERT_TRUE(failover);
  EXPECT_EQ(phases(*failover),
            "detection 40: pga: PostgreSQL was gone; pga decided: failing_over_after_crash\n"
            "lease end 30: pgb saw the leader key free\n"
            "race 10: pgb had it\n"
            "promotion -1: PostgreSQL of pgb accepted writes\n"
            "rejoin -1: pga does not stream from pgb yet\n"
            "first write -1: from the last write that pga can have taken to the first of pgb\n");
}

TEST(Failover, the_last_of_several_is_told) {
  Journalists j = killed_host();
  j.write("pgb", {.at = 50'000,
                  .code = "request_demoting",
                  .intent = "demote",
                  .lock = "mine",
                  .leader = "pgb",
                  .role = "primary"});
  j.write("pgc", {.at = 50'100,
                  .code = "acquiring",
                  .intent = "acquire",
                  .lock = "free",
                  .leader = "",
                  .last_leader = "pgb"});
  j.write("pgc", {.at = 50'110,
                  .code = "promoted_by_acquiring",
                  .intent = "promote",
                  .lock = "mine",
                  .leader = "pgc",
                  .last_leader = "pgb"});
  const auto failover = last_failover(j.all);
  ASSERT_TRUE(failover);
  EXPECT_EQ(failover->from, "pgb");
  EXPECT_EQ(failover->to, "pgc");
  EXPECT_EQ(failover->steps.size(), 3u);
}

TEST(Failover, without_a_promotion_there_is_none) {
  Journalists j;
  j.write("pga", {.at = 0, .code = "no_action_leader", .lock = "mine", .role = "primary"});
  EXPECT_FALSE(last_failover(j.all));
  EXPECT_FALSE(last_failover({}));
}

TEST(Failover, a_former_leader_that_nobody_can_ask_is_missing_too) {
  Journalists j = killed_host();
  std::erase_if(j.all, [](const Known& known) { return known.member.name == "pga"; });
  const auto failover = last_failover(j.all);
  ASSERT_TRUE(failover);
  EXPECT_EQ(failover->from, "pga");
  EXPECT_TRUE(told(*failover, j.all, kStart, false).ends_with("pga is missing: it has no member key\n"));
  EXPECT_EQ(document_of(*failover, j.all).find("Clocks")->as_list().back().find("Member")->text(), "pga");
}

TEST(Failover, is_written_with_what_is_missing) {
  Journalists j = killed_host();
  j.of("pgd").trouble = "it does not answer: connection refused";
  const auto failover = last_failover(j.all);
  ASSERT_TRUE(failover);
  const std::string text = told(*failover, j.all, kStart, false);
  EXPECT_TRUE(text.starts_with("failover from pga to pgb, timeline 2\n\ndetection ")) << text;
  EXPECT_NE(text.find("  pgb  text of acquiring [acquiring] -> acquire\n"), std::string::npos) << text;
  EXPECT_NE(text.find("pgd is missing: it does not answer: connection refused\n"), std::string::npos) << text;
  const Document d = document_of(*failover, j.all);
  EXPECT_EQ(d.find("Phases")->as_list().at(2).find("Milliseconds")->as_double(), 10.0);
  EXPECT_EQ(d.find_path("Without a primary.At most")->as_bool(), true);
}

}  // namespace
}  // namespace tanist::ctl::explain
