#include "ha/model/member_record.h"

#include <gtest/gtest.h>

#include "core/version.h"
#include "unit/ha/view_builder.h"

/// The member key to the letter: peers of other implementations read it.
namespace tanist::ha {
namespace {

using namespace std::chrono_literals;
using testing::kHere;
using testing::ViewBuilder;
using namespace std::chrono_literals;

struct MemberRecord : ::testing::Test {
  MemberRecord() {
    b.settings.postgresql.connect_address = {"10.0.0.1", 5432};
    b.settings.postgresql.database = "postgres";
    b.settings.restapi.connect_address = {"fd00::1", 8008};
  }
  std::string record() const { return to_json(member_record(b.build(), b.settings, progress)); }
  static std::string begins(const std::string& state, const std::string& role) {
    return R"({"conn_url":"postgres://10.0.0.1:5432/postgres","api_url":"http://[fd00::1]:8008/patroni","state":")" +
           state + R"(","role":")" + role + R"(","version":"4.1.4","tanist_version":")" + version() + "\"";
  }

  ViewBuilder b;
  std::optional<postgres::Progress> progress;
};

TEST_F(MemberRecord, of_a_primary) {
  b.as_leader();
  b.view.postgres.facts.probe->timeline = b.view.postgres.facts.probe->effective_timeline = {3};
  EXPECT_EQ(record(), begins("running", "primary") + R"(,"xlog_location":83886080,"timeline":3})");
}

TEST_F(MemberRecord, of_a_primary_whose_checkpoint_after_promotion_is_not_done) {
  b.as_leader();
  b.view.memory.promotion.checkpoint_done = false;
  EXPECT_EQ(record(), begins("running", "primary") +
                          R"(,"checkpoint_after_promote":false,"xlog_location":83886080,"timeline":1})");
}

TEST_F(MemberRecord, of_a_replica_that_streams) {
  b.as_replica();
  b.view.postgres.facts.probe->replay = Lsn{kHere.value - 16};
  EXPECT_EQ(record(), begins("running", "replica") +
                          R"(,"xlog_location":83886080,"replay_lsn":83886064,)"
                          R"("receive_lsn":83886080,"replication_state":"streaming","timeline":1})");
}

TEST_F(MemberRecord, positions_are_left_out_where_postgresql_does_not_tell_them) {
  b.as_leader();
  b.view.postgres.facts.failing_since = b.view.now - 1s;
  EXPECT_EQ(record(), begins("running", "primary") + "}");
  b.view.postgres.facts.failing_since.reset();
  b.operation(OperationKind::demote);
  EXPECT_EQ(record(), begins("running", "primary") + "}");
}

TEST_F(MemberRecord, of_a_clone_that_runs) {
  b.without_data();
  b.operation(OperationKind::clone);
  b.view.postgres.state = postgres::State::creating_replica;
  b.view.postgres.role = postgres::Role::uninitialized;
  progress = {.done_bytes = 500, .total_bytes = 2000, .bytes_per_second = 100, .seconds_left = 15};
  EXPECT_EQ(record(), begins("creating replica", "uninitialized") +
                          R"(,"tanist_progress":{"done_bytes":500,"total_bytes":2000,)"
                          R"("bytes_per_second":100,"seconds_left":15}})");
}

TEST_F(MemberRecord, all_that_may_be_added) {
  b.as_leader();
  b.view.postgres.facts.failing_since = b.view.now - 1s;
  b.settings.restapi.tls.cert_file = "/cert.pem";
  b.settings.postgresql.proxy_address = config::HostPort{"10.0.0.1", 6432};
  b.settings.tags.published = Document::map({{"nofailover", true}, {"site", "east"}});
  b.settings.dynamic.pause = true;
  b.view.postgres.facts.pending_restart = {{"max_connections", {.old_value = "100", .new_value = "200"}}};
  ScheduledRestart planned;
  planned.shown.set("schedule", "2031-03-04T05:06:07+00:00");
  planned.postmaster_start_time = "2031-03-04 05:06:07.891234+00:00";
  b.view.commands.scheduled_restart = planned;
  EXPECT_EQ(
      record(),
      R"({"conn_url":"postgres://10.0.0.1:5432/postgres","api_url":"https://[fd00::1]:8008/patroni",)"
      R"("state":"running","role":"primary","version":"4.1.4","tanist_version":")" +
          std::string(version()) +
          R"(",)"
          R"("proxy_url":"postgres://10.0.0.1:6432/postgres","tags":{"nofailover":true,"site":"east"},)"
          R"("pending_restart":true,"pending_restart_reason":{"max_connections":)"
          R"({"old_value":"100","new_value":"200"}},"scheduled_restart":{"schedule":"2031-03-04T05:06:07+00:00",)"
          R"("postmaster_start_time":"2031-03-04 05:06:07.891234+00:00"},"pause":true})");
}

}  // namespace
}  // namespace tanist::ha
