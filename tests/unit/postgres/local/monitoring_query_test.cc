#include "postgres/local/monitoring_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tanist::postgres {
namespace {

using testing::HasSubstr;

TEST(MonitoringQuery, times_look_as_python_prints_them) {
  EXPECT_EQ(python_time("2031-03-04 05:06:07.89+00"), "2031-03-04 05:06:07.890000+00:00");
  EXPECT_EQ(python_time("2031-03-04 05:06:07+05:30"), "2031-03-04 05:06:07+05:30");
}

TEST(MonitoringQuery, speaks_the_language_of_old_servers) {
  EXPECT_THAT(monitoring_query(90600), HasSubstr("pg_last_xlog_replay_location()"));
  EXPECT_THAT(monitoring_query(150000), HasSubstr("pg_last_wal_replay_lsn()"));
  EXPECT_THAT(monitoring_query(150000), HasSubstr("w.replay_lag"));
  EXPECT_THAT(monitoring_query(90600), testing::Not(HasSubstr("w.replay_lag")));
  EXPECT_THAT(monitoring_query(90300), testing::Not(HasSubstr("json_build_object")));
  EXPECT_THAT(monitoring_query(90300), testing::Not(HasSubstr("pg_stat_get_wal_receiver")));
}

TEST(MonitoringQuery, asks_of_slots_what_the_version_knows) {
  for (const int version : {90400, 90600, 100000, 110000, 120000})
    EXPECT_THAT(monitoring_query(version), testing::Not(HasSubstr("s.wal_status"))) << version;
  EXPECT_THAT(monitoring_query(90600), testing::Not(HasSubstr("s.temporary")));
  EXPECT_THAT(monitoring_query(100000), HasSubstr("s.temporary"));
  EXPECT_THAT(monitoring_query(120000), testing::Not(HasSubstr("max_slot_wal_keep_size")));
  for (const int version : {130000, 160000, 170000, 180000}) {
    EXPECT_THAT(monitoring_query(version), HasSubstr("s.wal_status")) << version;
    EXPECT_THAT(monitoring_query(version), HasSubstr("max_slot_wal_keep_size")) << version;
  }
  EXPECT_THAT(monitoring_query(160000), testing::Not(HasSubstr("s.synced")));
  EXPECT_THAT(monitoring_query(170000), HasSubstr("s.synced"));
}

TEST(MonitoringQuery, keeps_slots_apart_that_are_the_servers_own_business) {
  Row row(24);
  row[1] = "f";
  row[3] = "0/3000000";
  row[17] = R"([{"slot_name":"dwh","slot_type":"physical","active":true,"restart_lsn":"0/1000000",
                 "wal_status":"unreserved"},
                {"slot_name":"backup","slot_type":"physical","restart_lsn":"0/2000000","temporary":true},
                {"slot_name":"feed","slot_type":"logical","failover":true,"synced":true},
                {"slot_name":"own","slot_type":"logical","failover":true,"synced":false}])";
  row[22] = "67108864";
  const auto answer = parse_monitoring_answer({row});
  ASSERT_TRUE(answer);
  const Probe& probe = answer->probe;
  ASSERT_EQ(probe.slots.size(), 2u);
  EXPECT_EQ(probe.slots[0].wal_status, "unreserved");
  EXPECT_EQ(probe.slots[1].name, "own");
  ASSERT_EQ(probe.other_slots.size(), 2u);
  EXPECT_EQ(probe.other_slots[0].name, "backup");
  EXPECT_EQ(probe.other_slots[1].name, "feed");
  EXPECT_EQ(probe.slot_wal_keep_bytes, 64 << 20);
  row[22].reset();
  EXPECT_EQ(parse_monitoring_answer({row})->probe.slot_wal_keep_bytes, -1);
}

}  // namespace
}  // namespace tanist::postgres
