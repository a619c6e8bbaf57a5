#include "postgres/slot_risk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/enum_names.h"
#include "core/format.h"

namespace tanist::postgres {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Risk = SlotRisk::Kind;

constexpr std::int64_t kMb = std::int64_t{1} << 20;
constexpr std::int64_t kEnd = 100'000 * kMb;

/// A slot that holds back so much WAL.
SlotSeen holding(const std::string& name, std::int64_t bytes, const std::string& status = "reserved") {
  return {.name = name, .restart_lsn = Lsn{static_cast<std::uint64_t>(kEnd - bytes)}, .wal_status = status};
}

Probe primary_with(std::vector<SlotSeen> slots, std::int64_t keep = -1) {
  Probe probe;
  probe.server_version = 150004;
  probe.wal = Lsn{static_cast<std::uint64_t>(kEnd)};
  probe.slots = std::move(slots);
  probe.slot_wal_keep_bytes = keep;
  return probe;
}

SlotLimits limits(std::int64_t warning, std::int64_t free) {
  return {.warning_bytes = warning, .wal_disk = DiskSpace{.free_bytes = free, .size_bytes = 4 * free}};
}

std::vector<std::string> told(const std::vector<SlotRisk>& risks) {
  std::vector<std::string> out;
  for (const auto& risk : risks)
    out.push_back(fmt::format("{} {} {}/{}", risk.name, enum_name(risk.kind), risk.retained_bytes / kMb,
                              risk.limit_bytes / kMb));
  return out;
}

std::vector<std::string> found(const Probe& probe, const SlotLimits& with,
                               const std::vector<SlotRisk>& before = {}) {
  return told(slots_at_risk(probe, with, before));
}

TEST(SlotRisk, a_slot_that_holds_more_than_the_warning_is_told_of) {
  const auto with = limits(1000 * kMb, 1'000'000 * kMb);
  EXPECT_THAT(found(primary_with({holding("a", 999 * kMb), holding("b", 1000 * kMb)}), with),
              ElementsAre("b limit 1000/1000"));
  EXPECT_THAT(found(primary_with({holding("b", 9000 * kMb)}), limits(0, 1'000'000 * kMb)), IsEmpty())
      << "0: never for its amount alone";
}

TEST(SlotRisk, a_standby_counts_from_what_it_has_received) {
  Probe standby = primary_with({holding("a", 1000 * kMb)});
  standby.in_recovery = true;
  standby.wal = {};
  standby.receive = Lsn{static_cast<std::uint64_t>(kEnd)};
  standby.replay = Lsn{static_cast<std::uint64_t>(kEnd - 500 * kMb)};
  EXPECT_THAT(found(standby, limits(1000 * kMb, 1'000'000 * kMb)), ElementsAre("a limit 1000/1000"));
}

TEST(SlotRisk, a_slot_that_holds_more_than_is_free_endangers_the_disk) {
  EXPECT_THAT(found(primary_with({holding("a", 800 * kMb)}), limits(1000 * kMb, 700 * kMb)),
              ElementsAre("a disk 800/700"));
  EXPECT_THAT(found(primary_with({holding("a", 60 * kMb)}), limits(1000 * kMb, 10 * kMb)), IsEmpty())
      << "so much each of them may hold for a moment";
  EXPECT_THAT(found(primary_with({holding("a", 800 * kMb)}), SlotLimits{.warning_bytes = 1000 * kMb}),
              IsEmpty())
      << "what is free is not known";
}

TEST(SlotRisk, a_slot_that_is_bounded_to_what_is_free_does_not_endanger_the_disk) {
  EXPECT_THAT(found(primary_with({holding("a", 800 * kMb)}, 1200 * kMb), limits(0, 700 * kMb)), IsEmpty());
  EXPECT_THAT(found(primary_with({holding("a", 800 * kMb)}, 1600 * kMb), limits(0, 700 * kMb)),
              ElementsAre("a disk 800/700"));
}

TEST(SlotRisk, a_slot_near_its_bound_is_about_to_lose_wal) {
  const auto with = limits(0, 1'000'000 * kMb);
  EXPECT_THAT(found(primary_with({holding("a", 899 * kMb), holding("b", 900 * kMb)}, 1000 * kMb), with),
              ElementsAre("b losing 900/1000"));
  EXPECT_THAT(found(primary_with({holding("a", 20 * kMb, "unreserved")}, 16 * kMb), with),
              ElementsAre("a losing 20/16"))
      << "its server says so";
  EXPECT_THAT(found(primary_with({holding("a", 1 * kMb)}, 1 * kMb), with), IsEmpty())
      << "less than a file of WAL says nothing";
}

TEST(SlotRisk, a_slot_that_has_lost_wal_needs_no_position) {
  SlotSeen lost{.name = "a", .wal_status = "lost"};
  EXPECT_THAT(found(primary_with({lost}), limits(1000 * kMb, 700 * kMb)), ElementsAre("a lost 0/0"));
  SlotSeen unused{.name = "b"};
  EXPECT_THAT(found(primary_with({unused}), limits(1, 1)), IsEmpty()) << "it holds nothing yet";
}

TEST(SlotRisk, the_gravest_comes_first_and_slots_of_the_server_itself_count) {
  Probe probe = primary_with({holding("small", 1000 * kMb),
                              holding("large", 3000 * kMb),
                              holding("soon", 500 * kMb, "unreserved"),
                              {.name = "gone", .wal_status = "lost"}});
  probe.other_slots = {holding("backup", 2000 * kMb)};
  EXPECT_THAT(found(probe, limits(1000 * kMb, 1'000'000 * kMb)),
              ElementsAre("gone lost 0/0", "soon losing 500/0", "large limit 3000/1000",
                          "backup limit 2000/1000", "small limit 1000/1000"));
}

TEST(SlotRisk, what_goes_up_and_down_around_an_edge_is_told_once) {
  const auto with = limits(1000 * kMb, 1'000'000 * kMb);
  const auto before = slots_at_risk(primary_with({holding("a", 1000 * kMb)}), with, {});
  EXPECT_THAT(found(primary_with({holding("a", 901 * kMb)}), with, before), ElementsAre("a limit 901/1000"));
  EXPECT_THAT(found(primary_with({holding("a", 899 * kMb)}), with, before), IsEmpty());
  EXPECT_THAT(found(primary_with({holding("a", 901 * kMb)}), with), IsEmpty()) << "one that was none";
}

TEST(SlotRisk, is_described_with_what_to_do) {
  SlotRisk risk{.name = "dwh", .kind = Risk::limit, .retained_bytes = 1536 * kMb, .limit_bytes = 1024 * kMb};
  EXPECT_THAT(describe(risk),
              HasSubstr("replication slot 'dwh', which nobody reads from, holds back 1.5 GB of "
                        "WAL, more than tanist.slot_wal_warning (1.0 GB)\nHINT: "));
  risk.active = true;
  risk.kind = Risk::disk;
  EXPECT_THAT(describe(risk),
              HasSubstr("'dwh' holds back 1.5 GB of WAL, and 1.0 GB are free where WAL is written"));
  risk.kind = Risk::losing;
  EXPECT_THAT(describe(risk), HasSubstr("max_slot_wal_keep_size is 1.0 GB"));
  risk.kind = Risk::lost;
  EXPECT_THAT(describe(risk), HasSubstr("has lost WAL that its consumer needs\nHINT: "));
}

}  // namespace
}  // namespace tanist::postgres
