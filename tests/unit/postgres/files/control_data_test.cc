#include "postgres/files/control_data.h"

#include <gtest/gtest.h>

namespace tanist::postgres {
namespace {

TEST(ControlData, is_read_from_pg_controldata) {
  const auto data = parse_control_data(
      "pg_control version number:            1300\n"
      "Database system identifier:           7240000000000000001\n"
      "Database cluster state:               shut down\n"
      "Latest checkpoint location:           0/14F8D38\n"
      "Latest checkpoint's REDO location:    0/14F8D38\n"
      "Latest checkpoint's TimeLineID:       3\n"
      "Minimum recovery ending location:     0/0\n"
      "Min recovery ending loc's timeline:   0\n"
      "wal_log_hints setting:                on\n"
      "max_connections setting:              100\n"
      "max_prepared_xacts setting:           5\n"
      "Data page checksum version:           0\n");
  ASSERT_TRUE(data);
  EXPECT_EQ(data->cluster_state, "shut down");
  EXPECT_EQ(data->system_identifier, "7240000000000000001");
  EXPECT_EQ(to_string(data->latest_checkpoint), "0/14F8D38");
  EXPECT_EQ(data->checkpoint_timeline.value, 3u);
  EXPECT_FALSE(data->min_recovery_end);
  EXPECT_TRUE(data->wal_log_hints);
  EXPECT_FALSE(data->data_checksums);
  EXPECT_EQ(data->required_settings.at("max_prepared_transactions"), 5);
  EXPECT_FALSE(parse_control_data("could not open file"));
}

TEST(WalRecord, a_shutdown_checkpoint_and_a_switch_are_recognised) {
  const auto record = parse_wal_record(
      "rmgr: XLOG        len (rec/tot):    114/   114, tx:          0, lsn: 0/014F8D38, prev 0/014F8D00, "
      "desc: "
      "CHECKPOINT_SHUTDOWN redo 0/14F8D38; tli 1; prev tli 1; fpw true; oldest running xid 0; shutdown\n");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->rmgr, "XLOG");
  EXPECT_EQ(to_string(record->lsn), "0/14F8D38");
  EXPECT_EQ(to_string(record->prev), "0/14F8D00");
  EXPECT_TRUE(record->is_shutdown_checkpoint());
  EXPECT_FALSE(record->is_switch());
  EXPECT_TRUE(parse_wal_record("rmgr: XLOG len (rec/tot): 24/ 24, tx: 0, lsn: 0/1, prev 0/0, desc: SWITCH")
                  ->is_switch());
  EXPECT_FALSE(parse_wal_record("pg_waldump: error: x"));
}

TEST(WalRecord, the_end_of_the_last_record_comes_from_the_error_that_follows_it) {
  const std::string one =
      "rmgr: XLOG len (rec/tot): 114/ 114, tx: 0, lsn: 0/014F8D38, prev 0/014F8D00, desc: x\n";
  const std::string error =
      "pg_waldump: error: error in WAL record at 0/14F8D38: invalid record length at 0/14F8DB0: wanted 24, "
      "got 0\n";
  EXPECT_EQ(to_string(end_of_last_record(one, error)), "0/14F8DB0");
  EXPECT_FALSE(end_of_last_record(one + one, error));
  EXPECT_FALSE(end_of_last_record(one, "pg_waldump: error: something else\n"));
  EXPECT_FALSE(end_of_last_record(one, error + error));
  // The daemon was started in a directory of somebody else, as by `sudo -u postgres` from /root.
  const std::string elsewhere = "could not change directory to \"/root\": Permission denied\n";
  EXPECT_EQ(to_string(end_of_last_record(one, elsewhere + error)), "0/14F8DB0");
  EXPECT_EQ(to_string(end_of_last_record(one, "pg_waldump: " + elsewhere + "\n" + error)), "0/14F8DB0");
  EXPECT_FALSE(end_of_last_record(one, elsewhere));
}

TEST(WalRecord, one_that_fills_its_page_ends_with_it_where_the_next_page_is_empty) {
  const std::string one =
      "rmgr: XLOG        len (rec/tot):    114/   114, tx:          0, lsn: 0/02001F88, prev 0/02000060, "
      "desc: "
      "CHECKPOINT_SHUTDOWN redo 0/2001F88; tli 1; shutdown\n";
  const std::string at = "pg_waldump: error: error in WAL record at 0/2001F88: ";
  const std::string where = " in log segment 000000010000000000000002, offset 8192\n";
  EXPECT_EQ(to_string(end_of_last_record(one, at + "invalid magic number 0000" + where)), "0/2002000");
  EXPECT_EQ(to_string(end_of_last_record(one, at + "unexpected pageaddr 0/1002000" + where)), "0/2002000");
  EXPECT_FALSE(end_of_last_record(one, at + "invalid magic number D110" + where));
  EXPECT_FALSE(end_of_last_record(one, at + "incorrect resource manager data checksum\n"));
  std::string earlier = one;
  earlier.replace(earlier.find("0/02001F88"), 10, "0/02001F80");
  EXPECT_FALSE(end_of_last_record(earlier, at + "invalid magic number 0000" + where))
      << "eight bytes are left";
}

}  // namespace
}  // namespace tanist::postgres
