#include "postgres/slot_steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/format.h"

namespace tanist::postgres {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Lsn kNow{1000};

Probe primary(std::vector<SlotSeen> slots) {
  Probe probe;
  probe.server_version = 150004;
  probe.wal = kNow;
  probe.slots = std::move(slots);
  return probe;
}

Probe standby(std::vector<SlotSeen> slots) {
  Probe probe = primary(std::move(slots));
  probe.in_recovery = true;
  probe.wal = {};
  probe.replay = kNow;
  return probe;
}

SlotSeen physical(const std::string& name, Lsn restart = kNow) {
  return {.name = name, .restart_lsn = restart};
}

SlotSeen logical(const std::string& name, Lsn confirmed = kNow) {
  return {.name = name,
          .logical = true,
          .restart_lsn = confirmed,
          .confirmed_flush_lsn = confirmed,
          .database = "app",
          .plugin = "pgoutput"};
}

WantedSlot wanted_logical(const std::string& name, Lsn at = {}) {
  return {.name = name, .advance_to = at, .expected_active = false, .database = "app", .plugin = "pgoutput"};
}

std::vector<std::string> told(const std::vector<SlotStep>& steps) {
  std::vector<std::string> out;
  for (const auto& step : steps) {
    const char* what = step.kind == SlotStep::Kind::drop     ? "drop"
                       : step.kind == SlotStep::Kind::create ? "create"
                                                             : "advance";
    std::string line = fmt::format("{} {}{}", what, step.logical() ? "logical " : "", step.name);
    if (step.kind == SlotStep::Kind::advance) line += fmt::format(" to {}", step.to.value);
    out.push_back(line);
  }
  return out;
}

std::vector<std::string> steps(const Probe& probe, const SlotsWanted& wanted) {
  return told(slot_steps(probe, wanted));
}

std::string why(const Probe& probe, const SlotsWanted& wanted) {
  const auto found = slot_steps(probe, wanted);
  return found.empty() ? "" : found.front().why;
}

TEST(SlotSteps, none_where_all_is_as_it_should_be) {
  EXPECT_THAT(steps(primary({physical("a"), logical("l")}), {.slots = {{.name = "a"}, wanted_logical("l")}}),
              IsEmpty());
}

TEST(SlotSteps, what_is_missing_is_created_logical_ones_on_a_primary_only) {
  const SlotsWanted wanted{.slots = {{.name = "a"}, wanted_logical("l")}};
  EXPECT_THAT(steps(primary({}), wanted), ElementsAre("create a", "create logical l"));
  EXPECT_THAT(steps(standby({}), wanted), ElementsAre("create a"));
}

TEST(SlotSteps, what_nobody_wants_is_dropped_unless_it_is_ignored_or_nothing_may_be) {
  EXPECT_THAT(steps(primary({physical("a"), logical("l")}), {}), ElementsAre("drop a", "drop l"));
  EXPECT_EQ(why(primary({physical("a")}), {}), "Trying to drop unknown replication slot 'a'");
  EXPECT_THAT(steps(primary({physical("a"), logical("l")}), {.ignored = {{.type = "logical"}}}),
              ElementsAre("drop a"));
  EXPECT_THAT(steps(primary({physical("a")}), {.drop_unknown = false}), IsEmpty());
}

TEST(SlotSteps, one_that_has_lost_wal_is_made_anew) {
  auto lost = physical("a");
  lost.wal_status = "lost";
  const SlotsWanted wanted{.slots = {{.name = "a"}}};
  EXPECT_THAT(steps(primary({lost}), wanted), ElementsAre("drop a", "create a"));
  EXPECT_EQ(why(primary({lost}), wanted), "Trying to drop replication slot 'a' with wal_status=lost");
  SlotsWanted paused = wanted;
  paused.drop_unknown = false;
  EXPECT_THAT(steps(primary({lost}), paused), IsEmpty());
}

TEST(SlotSteps, one_of_another_kind_is_replaced_also_in_pause_and_also_when_ignored) {
  const SlotsWanted wanted{
      .slots = {wanted_logical("l")}, .drop_unknown = false, .ignored = {config::SlotMatcher{}}};
  auto other = logical("l");
  other.plugin = "wal2json";
  EXPECT_THAT(steps(primary({other}), wanted), ElementsAre("drop l", "create logical l"));
  EXPECT_EQ(why(primary({other}), wanted),
            "Trying to drop replication slot 'l' because value is changing from {'type': 'logical', "
            "'database': 'app', 'plugin': 'wal2json'} to {'type': 'logical', 'database': 'app', 'plugin': "
            "'pgoutput'}");
  EXPECT_THAT(steps(primary({physical("l")}), wanted), ElementsAre("drop l", "create logical l"));
}

TEST(SlotSteps, failover_slots_are_left_to_postgresql) {
  auto own = logical("f");
  own.failover = true;
  EXPECT_THAT(steps(standby({own}), {}), IsEmpty());
  SlotsWanted follows{.drop_unknown = false, .drop_unsynced = true};
  EXPECT_THAT(steps(standby({own}), follows), ElementsAre("drop f"));
  EXPECT_EQ(why(standby({own}), follows),
            "Trying to drop logical replication slot 'f' with failover=true and synced=false");
  own.synced = true;
  EXPECT_THAT(steps(standby({own}), follows), IsEmpty());
}

TEST(SlotSteps, an_idle_slot_does_not_hold_back_vacuum) {
  auto frozen = physical("a");
  frozen.xmin = 700;
  SlotsWanted wanted{.slots = {{.name = "a", .expected_active = false}}};
  EXPECT_THAT(steps(standby({frozen}), wanted), ElementsAre("drop a", "create a"));
  EXPECT_EQ(why(standby({frozen}), wanted),
            "Dropping physical replication slot a because of its xmin value 700");
  wanted.clean_xmin = false;
  EXPECT_THAT(steps(standby({frozen}), wanted), IsEmpty());
  wanted = {.slots = {{.name = "a"}}};
  EXPECT_THAT(steps(standby({frozen}), wanted), IsEmpty()) << "somebody is about to come back to it";
}

TEST(SlotSteps, an_idle_slot_gets_on_as_far_as_the_replay_and_never_back) {
  SlotsWanted wanted{.slots = {{.name = "a", .advance_to = {900}, .expected_active = false}}};
  EXPECT_THAT(steps(standby({physical("a", {500})}), wanted), ElementsAre("advance a to 900"));
  EXPECT_THAT(steps(standby({physical("a", {900})}), wanted), IsEmpty());
  wanted.slots[0].advance_to = {2000};
  EXPECT_THAT(steps(standby({physical("a", {500})}), wanted), ElementsAre("advance a to 1000"));
  EXPECT_THAT(steps(standby({physical("a", {1000})}), wanted), IsEmpty());
  auto used = physical("a", {500});
  used.active = true;
  EXPECT_THAT(steps(standby({used}), wanted), IsEmpty());
  EXPECT_THAT(steps(standby({physical("a", {})}), wanted), ElementsAre("drop a", "create a"))
      << "it holds no WAL";
}

TEST(SlotSteps, logical_slots_of_a_standby_follow_the_primary_s) {
  const SlotsWanted wanted{.slots = {wanted_logical("l", {900})}};
  EXPECT_THAT(steps(standby({logical("l", {500})}), wanted), ElementsAre("advance logical l to 900"));
  EXPECT_THAT(steps(standby({logical("l", {900})}), wanted), IsEmpty());
  EXPECT_THAT(steps(primary({logical("l", {500})}), wanted), IsEmpty());
}

TEST(SlotSteps, a_server_before_11_advances_nothing) {
  Probe old = standby({physical("a", {500})});
  old.server_version = 100000;
  auto frozen = physical("b");
  frozen.xmin = 700;
  old.slots.push_back(frozen);
  EXPECT_THAT(steps(old, {.slots = {{.name = "a", .advance_to = {900}, .expected_active = false},
                                    {.name = "b", .expected_active = false},
                                    wanted_logical("l")}}),
              IsEmpty());
}

TEST(SlotSteps, a_standby_copies_what_it_lacks_and_the_primary_has) {
  const SlotsWanted wanted{.slots = {wanted_logical("l", {900}), wanted_logical("m"), {.name = "a"}}};
  const auto missing = slots_to_copy(standby({}), wanted);
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_EQ(missing[0].name, "l");
  EXPECT_THAT(slots_to_copy(primary({}), wanted), IsEmpty());
  EXPECT_THAT(slots_to_copy(standby({logical("l")}), wanted), IsEmpty());
}

TEST(IgnoredSlots, fit_what_has_all_that_they_name) {
  const auto ignored = [](const SlotSeen& slot, config::SlotMatcher matcher) {
    return is_ignored(slot, {std::move(matcher)});
  };
  EXPECT_TRUE(ignored(physical("a"), {}));
  EXPECT_TRUE(ignored(physical("a"), {.name = "a"}));
  EXPECT_FALSE(ignored(physical("a"), {.name = "b"}));
  EXPECT_FALSE(ignored(physical("a"), {.name = ""}));
  EXPECT_TRUE(ignored(physical("a"), {.type = "physical"}));
  EXPECT_FALSE(ignored(physical("a"), {.type = "logical"}));
  EXPECT_TRUE(ignored(logical("l"), {.database = "app", .plugin = "pgoutput", .type = "logical"}));
  EXPECT_FALSE(ignored(logical("l"), {.database = "app", .plugin = "wal2json"}));
}

}  // namespace
}  // namespace tanist::postgres
