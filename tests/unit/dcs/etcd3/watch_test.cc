#include "dcs/etcd3/watch.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

namespace tanist::dcs::etcd3 {
namespace {

/// The copy alone: what the stream brings is handed in.
class WatchTest : public ::testing::Test {
 protected:
  WatchTest() { watch.install({}, 10); }

  void put(const std::string& key, const std::string& value, std::int64_t revision) {
    watch.follow_events({{false, {"/s/x/" + key, {value, version_at(revision), ""}}}});
  }
  void erase(const std::string& key, std::int64_t revision) {
    watch.follow_events({{true, {"/s/x/" + key, {"", version_at(revision), ""}}}});
  }
  std::string value(const std::string& key) {
    const auto at = watch.tree().find(key);
    return at == watch.tree().end() ? "<absent>" : at->second.value;
  }

  boost::asio::io_context io{1};
  SystemClock clock;
  Client client{io.get_executor(), clock, {}, {}};
  int wakes = 0;
  int told = 0;
  Watch watch{client, clock, "/s/x/", "a", [this](Store::Change change) {
                ++told;
                wakes += change.wakes;
              }};
};

TEST_F(WatchTest, a_member_that_comes_is_told_and_wakes_nobody) {
  const int before = told;
  put("members/b", "{}", 11);
  EXPECT_EQ(told, before + 1);
  watch.wrote("members/a", KeyValue{"{}", version_at(12), "7"}, 12);
  put("members/a", "{}", 12);
  EXPECT_EQ(told, before + 1) << "an own write is no news";
  EXPECT_EQ(wakes, 0);
}

TEST_F(WatchTest, an_own_write_answered_late_does_not_bring_back_what_was_deleted_meanwhile) {
  put("failover", "{}", 11);
  erase("failover", 12);
  watch.wrote("failover", KeyValue{"{}", version_at(11), ""}, 11);
  EXPECT_EQ(value("failover"), "<absent>");
  // The same when the copy was read in between and never saw the key.
  watch.install({}, 20);
  watch.wrote("failover", KeyValue{"{}", version_at(15), ""}, 15);
  EXPECT_EQ(value("failover"), "<absent>");
}

TEST_F(WatchTest, an_own_deletion_answered_late_does_not_hide_what_was_written_meanwhile) {
  put("sync", "1", 11);
  erase("sync", 12);
  put("sync", "2", 13);
  watch.wrote("sync", std::nullopt, 12);
  EXPECT_EQ(value("sync"), "2");
  put("sync", "3", 14);
  EXPECT_EQ(value("sync"), "3");
}

TEST_F(WatchTest, what_a_refused_transaction_found_is_not_believed_over_a_newer_stream) {
  put("leader", "b", 11);
  erase("leader", 13);
  watch.found("leader", KeyValue{"b", version_at(11), "7"}, 12);
  EXPECT_EQ(value("leader"), "<absent>");
  watch.found("leader", KeyValue{"c", version_at(14), "8"}, 14);
  EXPECT_EQ(value("leader"), "c");
}

TEST_F(WatchTest, an_own_write_is_seen_before_the_stream_brings_it_and_wakes_nobody) {
  watch.wrote("sync", KeyValue{"1", version_at(11), ""}, 11);
  EXPECT_EQ(value("sync"), "1");
  put("sync", "1", 11);
  EXPECT_EQ(wakes, 0);
  erase("sync", 12);
  EXPECT_EQ(value("sync"), "<absent>");
  EXPECT_EQ(wakes, 1);
}

TEST_F(WatchTest, the_position_of_the_copy_is_the_streams_and_not_that_of_own_writes) {
  put("leader", "a", 11);
  watch.wrote("sync", KeyValue{"1", version_at(15), ""}, 15);
  watch.found("failover", KeyValue{"{}", version_at(14), ""}, 16);
  EXPECT_EQ(watch.streamed(), 11);
  put("sync", "1", 15);
  EXPECT_EQ(watch.streamed(), 15);
}

}  // namespace
}  // namespace tanist::dcs::etcd3
