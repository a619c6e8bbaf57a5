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

}  // namespace
}  // namespace tanist::postgres
