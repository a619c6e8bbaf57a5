#include "dcs/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <time.h>

#include "core/format.h"
#include "log/log.h"

namespace tanist::dcs {
namespace {

using ::testing::ElementsAre;

KeyValue at(std::string value, int version = 7, Claim claim = {}) {
  return {std::move(value), Version(std::to_string(version)), std::move(claim)};
}

Cluster read(Tree tree) {
  return decode(tree).cluster;
}

/// The value must read as `what` and be named as broken.
std::string why_broken(const std::string& key, const std::string& value) {
  const auto decoded = decode(Tree{{key, at(value)}});
  if (decoded.broken.size() != 1) return fmt::format("{} broken keys", decoded.broken.size());
  EXPECT_EQ(decoded.broken[0].key, key);
  EXPECT_EQ(decoded.broken[0].version, Version("7"));
  return decoded.broken[0].why;
}

WallTime utc(int year, unsigned month, unsigned day, int hour = 0, int minute = 0, int second = 0,
             int micros = 0) {
  using namespace std::chrono;
  return WallTime(sys_days(std::chrono::year(year) / month / day) + hours(hour) + minutes(minute) +
                  std::chrono::seconds(second) + microseconds(micros));
}

TEST(Decode, the_groups_of_a_scope_are_trees_of_their_own) {
  Tree scope;
  for (const char* key : {"0/leader", "0/members/a", "12/leader", "leader", "01/leader", "+1/leader",
                          "-1/leader", "1x/leader", "99999999999999/leader", "members/7", "3"})
    scope.emplace(key, at(key));
  const auto groups = split_groups(scope);
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups.at(0).size(), 2u);
  EXPECT_EQ(groups.at(0).at("members/a").value, "0/members/a");
  EXPECT_EQ(groups.at(12).at("leader").value, "12/leader");
}

TEST(Decode, an_empty_tree_is_an_empty_cluster) {
  const auto cluster = read({});
  EXPECT_TRUE(cluster.empty());
  EXPECT_TRUE(cluster.unlocked());
  EXPECT_EQ(cluster.history.cluster_timeline().value, 0u);
  EXPECT_FALSE(cluster.initialize.present);
}

TEST(Decode, initialize_distinguishes_absent_empty_and_an_identifier) {
  EXPECT_TRUE(read({{"initialize", at("")}}).initialize.present);
  EXPECT_FALSE(read({{"initialize", at("")}}).initialize.valid_system_id());
  const auto cluster = read({{"initialize", at("7512345678901234567", 12)}});
  EXPECT_EQ(cluster.initialize.value, "7512345678901234567");
  EXPECT_EQ(cluster.initialize.version, Version("12"));
  EXPECT_TRUE(cluster.initialize.valid_system_id());
  EXPECT_FALSE(read({{"initialize", at("123456789")}}).initialize.valid_system_id());
  EXPECT_FALSE(read({{"initialize", at("12345678901x")}}).initialize.valid_system_id());
}

TEST(Decode, a_broken_configuration_is_not_valid_and_keeps_its_version) {
  const auto good = read({{"config", at(R"({"ttl":30,"x":{"y":null}})", 3)}}).config;
  EXPECT_TRUE(good.valid);
  EXPECT_EQ(good.version, Version("3"));
  EXPECT_EQ(good.data.find("ttl")->as_int(), 30);
  for (const char* broken : {"{", "[]", "", "1"}) {
    const auto config = read({{"config", at(broken, 3)}}).config;
    EXPECT_FALSE(config.valid) << broken;
    EXPECT_EQ(config.version, Version("3"));
    EXPECT_EQ(config.data.size(), 0u);
    EXPECT_NE(why_broken("config", broken), "") << broken;
  }
}

TEST(Decode, who_led_last_is_told_also_when_nobody_leads) {
  const auto cluster = read({{"tanist/leadership", at(encode_leadership("pg-a", {}), 5)}});
  EXPECT_TRUE(cluster.unlocked());
  EXPECT_EQ(cluster.leadership_name, "pg-a");
  EXPECT_EQ(cluster.leadership_version, Version("5"));
  EXPECT_FALSE(cluster.led_from);
  EXPECT_EQ(read({}).leadership_name, "");
}

TEST(Decode, what_the_last_leader_led_from_is_told_whole) {
  const LedFrom from{
      .timeline = {3}, .position = Lsn{0x5000100}, .replayed = Lsn{0x5000000}, .optime = Lsn{0x6000000}};
  const std::string text = encode_leadership("pg-a", from);
  EXPECT_EQ(text,
            R"({"name":"pg-a","timeline":3,"position":83886336,"replayed":83886080,"optime":100663296})");
  const auto cluster = read({{"tanist/leadership", at(text, 5)}});
  EXPECT_EQ(cluster.leadership_name, "pg-a");
  ASSERT_TRUE(cluster.led_from);
  EXPECT_EQ(cluster.led_from->timeline, from.timeline);
  EXPECT_EQ(cluster.led_from->position, from.position);
  EXPECT_EQ(cluster.led_from->replayed, from.replayed);
  EXPECT_EQ(cluster.led_from->optime, from.optime);
}

TEST(Decode, which_timeline_was_led_from_and_which_comes_next_is_told_where_it_is_known) {
  const LedFrom from{.timeline = {3},
                     .position = Lsn{500},
                     .replayed = Lsn{400},
                     .optime = Lsn{900},
                     .branch = "1f-2",
                     .next = "3a-1"};
  const std::string text = encode_leadership("pg-a", from);
  EXPECT_EQ(
      text,
      R"({"name":"pg-a","timeline":3,"position":500,"replayed":400,"optime":900,"branch":"1f-2","next":"3a-1"})");
  const auto cluster = read({{"tanist/leadership", at(text, 5)}});
  ASSERT_TRUE(cluster.led_from);
  EXPECT_EQ(cluster.led_from->branch, from.branch);
  EXPECT_EQ(cluster.led_from->next, from.next);
}

TEST(Decode, a_broken_note_of_the_last_leader_still_tells_that_there_was_one) {
  for (const char* broken : {"pg-a", "[]", "7", "", "{\"name\": 7}", "{\"timeline\": 3}"}) {
    const auto cluster = read({{"tanist/leadership", at(broken, 5)}});
    EXPECT_EQ(cluster.leadership_version, Version("5")) << broken;
    EXPECT_TRUE(cluster.leadership_name.empty() || cluster.leadership_name == "7") << broken;
  }
}

TEST(Decode, the_leader_may_be_a_member_that_has_no_key) {
  const auto cluster = read({{"leader", at("pg-a", 5, "123")}});
  ASSERT_TRUE(cluster.leader);
  EXPECT_EQ(cluster.leader->name, "pg-a");
  EXPECT_EQ(cluster.leader->claim, "123");
  EXPECT_EQ(cluster.leader->version, Version("5"));
  EXPECT_FALSE(cluster.unlocked());
  EXPECT_EQ(cluster.leader_member(), nullptr);
  EXPECT_TRUE(read({{"leader", at("")}}).unlocked());
}

TEST(Decode, status_in_all_its_forms) {
  const auto golden = read({{"status", at(R"({"optime":67108864,"slots":{"pg_a":67108864,"pg_b":67108800},)"
                                          R"("retain_slots":["pg_b"]})")}});
  EXPECT_TRUE(golden.status_present);
  EXPECT_EQ(golden.status.optime.value, 67108864u);
  EXPECT_EQ(golden.status.slots.at("pg_b").value, 67108800u);
  EXPECT_THAT(golden.status.retain_slots, ElementsAre("pg_b"));

  const auto nested = read({{"status", at(R"({"optime":"10","slots":"{\"a\":\"5\",\"b\":\"x\"}",)"
                                          R"("retain_slots":"[\"s\"]"})")}});
  EXPECT_EQ(nested.status.optime.value, 10u);
  EXPECT_EQ(nested.status.slots.at("a").value, 5u);
  EXPECT_EQ(nested.status.slots.at("b").value, 0u);
  EXPECT_THAT(nested.status.retain_slots, ElementsAre("s"));

  EXPECT_EQ(read({{"status", at("67108864")}}).status.optime.value, 67108864u);
  EXPECT_EQ(read({{"status", at("not json")}}).status, Status());
  EXPECT_EQ(read({{"status", at(R"({"optime":[]})")}}).status.optime.value, 0u);
  EXPECT_NE(why_broken("status", "[1]"), "");

  EXPECT_EQ(read({{"optime/leader", at("99")}}).status.optime.value, 99u);
  EXPECT_EQ(read({{"optime/leader", at("x")}}).status.optime.value, 0u);
  EXPECT_EQ(read({{"optime/leader", at("99")}, {"status", at(R"({"optime":5})")}}).status.optime.value, 5u);
}

TEST(Decode, a_member_of_today) {
  const std::string value =
      R"({"conn_url":"postgres://10.0.0.2:5432/postgres","api_url":"http://10.0.0.2:8008/patroni","state":"running",)"
      R"("role":"replica","version":"4.1.4","xlog_location":67108864,"replay_lsn":67108860,"receive_lsn":67108864,)"
      R"("replication_state":"streaming","timeline":3,"tags":{"nofailover":true,"x":[1]},"pause":true,)"
      R"("pending_restart":true,"pending_restart_reason":{"a":{"old_value":"1","new_value":"2"}},)"
      R"("checkpoint_after_promote":false,"proxy_url":"postgres://p:6432/postgres","tanist_version":"0.1"})";
  const auto cluster =
      read({{"members/pg-b", at(value, 9, "77")}, {"members/x/y", at("{}")}, {"members/", at("{}")}});
  ASSERT_EQ(cluster.members.size(), 1u);
  const Member& m = *cluster.member("pg-b");
  EXPECT_EQ(m.name, "pg-b");
  EXPECT_EQ(m.claim, "77");
  EXPECT_EQ(m.version, Version("9"));
  EXPECT_EQ(m.state, "running");
  EXPECT_EQ(m.role, "replica");
  EXPECT_EQ(m.patroni_version, "4.1.4");
  EXPECT_EQ(m.xlog_location.value, 67108864u);
  EXPECT_EQ(m.replay_lsn.value, 67108860u);
  EXPECT_EQ(m.receive_lsn.value, 67108864u);
  EXPECT_EQ(m.replication_state, "streaming");
  EXPECT_EQ(m.timeline.value, 3u);
  EXPECT_TRUE(m.pause && m.pending_restart && m.checkpoint_after_promote_pending && m.nofailover());
  EXPECT_EQ(m.proxy_url, "postgres://p:6432/postgres");
  EXPECT_EQ(to_json(m.raw), value) << "unknown fields and their order are kept";
  EXPECT_EQ(m.host_port(), (std::pair<std::string, int>("10.0.0.2", 5432)));
}

TEST(Decode, members_of_yesterday_and_broken_ones) {
  const auto cluster =
      read({{"members/old", at("postgres://u:p@h:5433/db?application_name=http%3A%2F%2Fh%3A8008%2Fpatroni")},
            {"members/text",
             at(R"({"conn_url":"postgres://[::1]/x","role":"master","xlog_location":"12","timeline":"2"})")},
            {"members/broken", at("{")}});
  EXPECT_EQ(cluster.member("old")->api_url, "http://h:8008/patroni");
  EXPECT_EQ(cluster.member("old")->conn_url, "postgres://u:p@h:5433/db");
  EXPECT_EQ(cluster.member("old")->host_port()->second, 5433);
  EXPECT_EQ(cluster.member("text")->role, "primary");
  EXPECT_EQ(cluster.member("text")->xlog_location.value, 12u);
  EXPECT_EQ(cluster.member("text")->timeline.value, 2u);
  EXPECT_EQ(cluster.member("text")->host_port(), (std::pair<std::string, int>("::1", 5432)));
  EXPECT_EQ(cluster.member("broken")->state, "unknown");
  EXPECT_EQ(cluster.member("broken")->host_port(), std::nullopt);
  EXPECT_NE(why_broken("members/broken", "[]"), "");
}

TEST(Decode, failover_in_all_its_forms) {
  const auto golden = read(
      {{"failover", at(R"({"leader":"pg-a","member":"pg-b","scheduled_at":"2031-05-01T10:00:00+00:00"})")}});
  EXPECT_EQ(golden.failover.leader, "pg-a");
  EXPECT_EQ(golden.failover.candidate, "pg-b");
  EXPECT_EQ(golden.failover.scheduled_at, utc(2031, 5, 1, 10));
  EXPECT_FALSE(read({{"failover", at("{}", 4)}}).failover.present());
  EXPECT_EQ(read({{"failover", at("{}", 4)}}).failover.version, Version("4"));
  EXPECT_FALSE(read({{"failover", at("[]")}}).failover.present());
  const auto legacy = read({{"failover", at(" pg-a : pg-b ")}}).failover;
  EXPECT_EQ(legacy.leader, "pg-a");
  EXPECT_EQ(legacy.candidate, "pg-b");
  EXPECT_EQ(read({{"failover", at("pg-a")}}).failover.leader, "pg-a");
  EXPECT_EQ(read({{"failover", at("")}}).failover.present(), false);
}

TEST(Decode, a_schedule_that_cannot_be_read_does_not_fail_the_view) {
  for (const char* schedule : {"\"tomorrow\"", "\"2031-05-01T10:00:00\"", "\"2031-13-01T10:00:00Z\"", "17"}) {
    const auto decoded =
        decode(Tree{{"failover", at(fmt::format(R"({{"leader":"a","scheduled_at":{}}})", schedule))},
                    {"leader", at("a")}});
    EXPECT_EQ(decoded.cluster.failover.leader, "a");
    EXPECT_FALSE(decoded.cluster.failover.scheduled_at);
    EXPECT_FALSE(decoded.cluster.failover.invalid_schedule.empty()) << schedule;
    EXPECT_EQ(decoded.cluster.leader_name(), "a");
    EXPECT_EQ(decoded.broken.size(), 1u);
  }
}

TEST(Decode, times_with_any_offset) {
  EXPECT_EQ(parse_iso8601("2031-05-01T10:00:00Z"), utc(2031, 5, 1, 10));
  EXPECT_EQ(parse_iso8601("2031-05-01 10:00+02"), utc(2031, 5, 1, 8));
  EXPECT_EQ(parse_iso8601("2031-05-01T10:00:00.120000-0530"), utc(2031, 5, 1, 15, 30, 0, 120000));
  EXPECT_EQ(parse_iso8601("2031-05-01T10:00:00.5+00:00"), utc(2031, 5, 1, 10, 0, 0, 500000));
  // The other ways to write it down (rest-api.md §9.2).
  for (const char* same : {"2031-05-01T10:00:00+00", "2031-05-01t10:00:00z", "2031-05-01 10:00:00 UTC",
                           "2031-05-01 10:00 GMT", "20310501T100000Z", "20310501T1000+0000", "2031-05-01T10Z",
                           "2031-05-01T10:00:00,0Z", "  2031-05-01T12:00+02:00 "})
    EXPECT_EQ(parse_iso8601(same), utc(2031, 5, 1, 10)) << same;
  EXPECT_EQ(parse_iso8601("2031-05-01Z"), utc(2031, 5, 1, 0));
  EXPECT_EQ(parse_iso8601("2031-05-01+02:00"), parse_iso8601("2031-04-30T22:00Z"));
  for (const char* bad : {"2031-05-01T10:00:60Z", "2031-05-01T10:00+24:00", "2031-05-01T10:00+01:60",
                          "2031-05-01T10:00+01:", "2031-05Z", "2031-05-01TZ", "2031-05-01T1:00Z", "Z",
                          "2031-05-01", "2031-05-01T10:00", "2031-05-01T10:00 CET", "05/01/2031 10:00Z",
                          "tomorrow", "2031-0501T10:00Z", "1930000000"})
    EXPECT_EQ(parse_iso8601(bad), std::nullopt) << bad;
  for (const char* bad : {"", "2031", "2031-02-30T10:00:00Z", "2031-05-01T24:00:00Z", "2031-05-01T10:00:00.Z",
                          "2031-05-01T10:00:00+0", "2031-05-01T10:00:00Z trailing"}) {
    EXPECT_EQ(parse_iso8601(bad), std::nullopt) << bad;
  }
}

TEST(Decode, sync_and_its_names) {
  const auto sync =
      read({{"sync", at(R"({"leader":"pg-a","quorum":1,"sync_standby":"pg-b, PG-C,,"})", 8)}}).sync;
  EXPECT_TRUE(sync.active());
  EXPECT_EQ(sync.version, Version("8"));
  EXPECT_EQ(sync.quorum, 1);
  EXPECT_THAT(sync.voters, ElementsAre("pg-b", "PG-C"));
  EXPECT_TRUE(sync.is_voter("pg-c"));
  EXPECT_FALSE(sync.is_voter("pg-a"));
  EXPECT_TRUE(sync.is_member("PG-A"));
  const auto off = read({{"sync", at(R"({"leader":null,"quorum":2,"sync_standby":null})")}}).sync;
  EXPECT_FALSE(off.active());
  EXPECT_EQ(off.quorum, 0);
  EXPECT_EQ(read({{"sync", at("broken", 8)}}).sync.version, Version("8"));
  EXPECT_FALSE(read({{"sync", at("broken", 8)}}).sync.active());
}

TEST(Decode, history_tells_the_timeline) {
  const auto golden =
      read(
          {{"history",
            at(R"([[1,25165984,"no recovery target specified","2031-05-01T10:00:00.120000+00:00","pg-b"]])")}})
          .history;
  ASSERT_EQ(golden.lines.size(), 1u);
  EXPECT_EQ(golden.lines[0].switch_lsn.value, 25165984u);
  EXPECT_EQ(golden.lines[0].new_leader, "pg-b");
  EXPECT_EQ(golden.cluster_timeline().value, 2u);
  EXPECT_FALSE(golden.incomplete);
  EXPECT_TRUE(read({{"history", at(R"([[1,2,"x"]])")}}).history.incomplete);
  EXPECT_EQ(read({{"history", at("[]")}}).history.cluster_timeline().value, 1u);
  EXPECT_EQ(read({{"history", at("{}")}}).history.cluster_timeline().value, 0u);
  EXPECT_EQ(read({{"history", at(R"([["x",1,"y"]])")}}).history.cluster_timeline().value, 0u);
}

TEST(Decode, failsafe_and_the_bootstrap_note) {
  const auto cluster = read({{"failsafe", at(R"({"pg-a":"http://10.0.0.1:8008/patroni"})", 3)},
                             {"tanist/bootstrap", at(R"({"name":"pg-a","incarnation":"i1"})", 4, "9")},
                             {"tanist/initialized_by", at("pg-a", 4)},
                             {"initialize", at("", 4)}});
  EXPECT_EQ(cluster.failsafe->at("pg-a"), "http://10.0.0.1:8008/patroni");
  EXPECT_EQ(cluster.failsafe_version, Version("3"));
  EXPECT_TRUE(cluster.bootstrap_note.present());
  EXPECT_EQ(cluster.bootstrap_note.incarnation, "i1");
  EXPECT_EQ(cluster.bootstrap_note.claim, "9");
  EXPECT_TRUE(cluster.initialize.by_tanist);
  EXPECT_FALSE(
      read({{"initialize", at("", 5)}, {"tanist/initialized_by", at("pg-a", 4)}}).initialize.by_tanist)
      << "written over by another";
  EXPECT_FALSE(read({{"initialize", at("", 5)}}).initialize.by_tanist);
  const auto broken = read({{"failsafe", at("[1]")}});
  EXPECT_TRUE(broken.failsafe_broken);
  EXPECT_FALSE(broken.failsafe);
}

TEST(Encode, every_key_byte_for_byte) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  const auto value = [](Record record) {
    const auto encoded = encode(record);
    return encoded.key + " " + encoded.value;
  };
  Document config = Document::map();
  config.set("ttl", 30);
  config.set("name", "gr\xc3\xbc\xc3\x9f");
  EXPECT_EQ(value(ConfigRecord{config}), R"(config {"ttl":30,"name":"gr\u00fc\u00df"})");
  Status status;
  status.optime = Lsn{67108864};
  EXPECT_EQ(value(StatusRecord{status}), R"(status {"optime":67108864})");
  status.slots = {{"pg_a", Lsn{67108864}}, {"pg_b", Lsn{67108800}}};
  status.retain_slots = {"pg_c", "pg_b"};
  EXPECT_EQ(
      value(StatusRecord{status}),
      R"(status {"optime":67108864,"slots":{"pg_a":67108864,"pg_b":67108800},"retain_slots":["pg_b","pg_c"]})");
  EXPECT_EQ(value(LegacyOptimeRecord{Lsn{5}}), "optime/leader 5");
  EXPECT_EQ(value(FailoverRecord{}), "failover {}");
  EXPECT_EQ(value(FailoverRecord{"pg-a", "pg-b", utc(2031, 5, 1, 10)}),
            R"(failover {"leader":"pg-a","member":"pg-b","scheduled_at":"2031-05-01T10:00:00+00:00"})");
  EXPECT_EQ(value(SyncRecord{"pg-a", {"pg-c", "pg-b"}, 0}),
            R"(sync {"leader":"pg-a","quorum":0,"sync_standby":"pg-b,pg-c"})");
  EXPECT_EQ(value(SyncRecord{"pg-a", {}, 0}), R"(sync {"leader":"pg-a","quorum":0,"sync_standby":null})");
  HistoryLine full{Timeline{1}, Lsn{25165984}, "no recovery target specified",
                   "2031-05-01T10:00:00.120000+00:00", "pg-b"};
  HistoryLine bare{Timeline{2}, Lsn{25165990}, "x", "", ""};
  EXPECT_EQ(
      value(HistoryRecord{{full, bare}}),
      R"(history [[1,25165984,"no recovery target specified","2031-05-01T10:00:00.120000+00:00","pg-b"],)"
      R"([2,25165990,"x"]])");
  EXPECT_EQ(value(HistoryRecord{}), "history []");
  EXPECT_EQ(value(FailsafeRecord{
                {{"pg-a", "http://10.0.0.1:8008/patroni"}, {"pg-b", "http://10.0.0.2:8008/patroni"}}}),
            R"(failsafe {"pg-a":"http://10.0.0.1:8008/patroni","pg-b":"http://10.0.0.2:8008/patroni"})");
  EXPECT_EQ(value(InitializeRecord{"7512345678901234567"}), "initialize 7512345678901234567");
  EXPECT_EQ(encode_bootstrap_note("pg-a", "i1"), R"({"name":"pg-a","incarnation":"i1"})");
}

TEST(Encode, what_is_written_reads_back) {
  Status status{Lsn{0x7fffffffffffffff}, {{"a", Lsn{1}}}, {"b"}};
  EXPECT_EQ(read({{"status", at(encode_status(status))}}).status, status);
}

TEST(BrokenKeyLog, a_broken_value_is_logged_once) {
  std::vector<std::string> lines;
  log::redirect([&](log::Level, const std::string& line) { lines.push_back(line); });
  BrokenKeyLog log;
  log.report({{"config", Version("7"), "invalid JSON"}});
  log.report({{"config", Version("7"), "invalid JSON"}, {"sync", Version("3"), "no"}});
  log.report({{"config", Version("8"), "invalid JSON"}, {"sync", Version("3"), "no"}});
  log::redirect({});
  EXPECT_THAT(
      lines, ElementsAre("cannot read /config (version 7): invalid JSON", "cannot read /sync (version 3): no",
                         "cannot read /config (version 8): invalid JSON"));
}

}  // namespace
}  // namespace tanist::dcs
