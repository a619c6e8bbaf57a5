#include "api/health.h"

#include <gtest/gtest.h>

#include "unit/api/snapshots.h"

namespace tanist::api {
namespace {

using namespace test;
using postgres::Role;
using postgres::State;
using std::chrono::seconds;

int check(const ha::Snapshot& s, std::string_view target, Instant now = kNow) {
  return health_status(target, member_status(s, now));
}

struct Expectation {
  const char* target;
  int status;
};

void expect_all(const ha::Snapshot& s, std::initializer_list<Expectation> table, Instant now = kNow) {
  for (const auto& [target, status] : table) EXPECT_EQ(check(s, target, now), status) << target;
}

ha::Snapshot standby(config::Dynamic::SyncMode mode) {
  auto s = replica();
  change(s).dynamic.synchronous_mode = mode;
  auto& sync = change_view(s).sync;
  sync.leader = "pga";
  sync.voters = {"pgb"};
  return s;
}

TEST(Health, a_primary_that_refuses_connections_is_none) {
  auto s = primary();
  s.facts.accepting = postgres::Accepting::rejecting;
  s.facts.failing_since = kNow - seconds(1);
  expect_all(s, {{"/primary", 503}, {"/leader", 503}, {"/read-write", 503}, {"/read-only", 503}});
  auto stopping = primary();
  stopping.state = State::stopping;
  // A script that runs before the stop does not refuse anybody.
  expect_all(stopping, {{"/primary", 200}});
  stopping.facts.stopping = true;
  expect_all(stopping, {{"/primary", 503}, {"/leader", 503}, {"/read-write", 503}});
  auto held = primary();
  held.facts.clients_held = true;
  expect_all(held, {{"/primary", 503}, {"/leader", 503}, {"/read-write", 503}, {"/read-only", 503}});
}

TEST(Health, a_primary_with_the_lock) {
  expect_all(primary(), {{"/", 200},
                         {"/primary", 200},
                         {"/master", 200},
                         {"/leader", 200},
                         {"/read-write", 200},
                         {"/read-only", 200},
                         {"/health", 200},
                         {"/any/health/path", 200},
                         {"/replica", 503},
                         {"/standby_leader", 503},
                         {"/standby-leader", 503},
                         {"/sync", 503},
                         {"/synchronous", 503},
                         {"/async", 503},
                         {"/quorum", 503},
                         {"/read-only-sync", 200},
                         {"/read-only-synchronous", 200},
                         {"/read-only-quorum", 200},
                         {"/foo", 503},
                         {"/sync/x", 503},
                         {"//", 503}});
}

TEST(Health, a_streaming_replica) {
  expect_all(replica(), {{"/", 503},
                         {"/primary", 503},
                         {"/leader", 503},
                         {"/read-write", 503},
                         {"/standby-leader", 503},
                         {"/replica", 200},
                         {"/read-only", 200},
                         {"/health", 200},
                         {"/async", 200},
                         {"/asynchronous", 200},
                         {"/sync", 503},
                         {"/quorum", 503},
                         {"/read-only-sync", 503},
                         {"/read-only-quorum", 503}});
}

TEST(Health, a_synchronous_standby) {
  expect_all(standby(config::Dynamic::SyncMode::on), {{"/replica", 200},
                                                      {"/sync", 200},
                                                      {"/synchronous", 200},
                                                      {"/quorum", 503},
                                                      {"/async", 503},
                                                      {"/read-only-sync", 200},
                                                      {"/read-only-synchronous", 200},
                                                      {"/read-only-quorum", 503}});
}

TEST(Health, a_quorum_standby) {
  expect_all(standby(config::Dynamic::SyncMode::quorum), {{"/replica", 200},
                                                          {"/sync", 503},
                                                          {"/quorum", 200},
                                                          {"/async", 503},
                                                          {"/read-only-sync", 503},
                                                          {"/read-only-quorum", 200}});
}

TEST(Health, the_sync_checks_need_a_view) {
  auto s = standby(config::Dynamic::SyncMode::on);
  s.store_ok = false;
  expect_all(
      s, {{"/sync", 503}, {"/read-only-sync", 503}, {"/async", 503}, {"/replica", 200}, {"/read-only", 200}});
}

TEST(Health, the_holder_of_a_standby_clusters_lock) {
  auto s = replica();
  change(s).dynamic.standby_cluster = true;
  s.role = Role::standby_leader;
  s.lease_until = kNow + seconds(20);
  expect_all(s, {{"/leader", 200},
                 {"/standby-leader", 200},
                 {"/standby_leader", 200},
                 {"/primary", 503},
                 {"/read-write", 503},
                 {"/read-only", 200},
                 {"/replica", 503}});
  s.role = Role::replica;
  expect_all(s, {{"/standby-leader", 200}, {"/replica", 503}});
  s.role = Role::demoted;
  expect_all(s, {{"/standby-leader", 503}, {"/leader", 503}, {"/replica", 503}});
}

TEST(Health, the_primary_check_does_not_ask_postgresql) {
  auto s = primary();
  s.facts.failing_since = kNow;
  expect_all(s, {{"/primary", 200}, {"/leader", 200}, {"/health", 503}});
  s.facts.probe.reset();
  s.state = State::starting;
  expect_all(s, {{"/primary", 200}, {"/health", 503}});
}

TEST(Health, a_lock_without_the_primary_role_is_no_primary) {
  for (const Role role : {Role::demoted, Role::promoted, Role::replica, Role::uninitialized}) {
    auto s = primary();
    s.role = role;
    expect_all(s,
               {{"/", 503}, {"/primary", 503}, {"/leader", 503}, {"/read-write", 503}, {"/read-only", 503}});
  }
}

TEST(Health, nothing_says_writable_from_the_leases_end_on) {
  auto s = primary();
  const Instant end = s.lease_until;
  s.published_at = end - seconds(1);
  s.cluster_read_at = end - seconds(1);
  expect_all(s, {{"/primary", 200}, {"/leader", 200}, {"/read-write", 200}, {"/read-only", 200}},
             end - Duration(1));
  expect_all(s,
             {{"/primary", 503},
              {"/leader", 503},
              {"/read-write", 503},
              {"/read-only", 503},
              {"/read-only-sync", 503},
              {"/read-only-quorum", 503},
              {"/health", 200}},
             end);
}

TEST(Health, nothing_says_writable_in_a_stale_snapshot) {
  auto s = primary();
  change(s).dynamic.timing.retry_timeout = seconds(3);
  const Instant fresh = kNow + seconds(3);
  expect_all(s, {{"/primary", 200}, {"/leader", 200}, {"/read-only", 200}}, fresh);
  expect_all(s, {{"/primary", 503}, {"/leader", 503}, {"/read-write", 503}, {"/read-only", 503}, {"/", 503}},
             fresh + Duration(1));
}

TEST(Health, a_stale_standby_leader_is_none_and_no_replica_either) {
  auto s = replica();
  change(s).dynamic.standby_cluster = true;
  s.role = Role::standby_leader;
  s.lease_until = kNow + seconds(100);
  expect_all(s, {{"/leader", 503}, {"/standby-leader", 503}, {"/read-only", 503}, {"/replica", 503}},
             kNow + seconds(11));
}

TEST(Health, in_pause_without_a_view_the_role_decides) {
  auto s = primary();
  s.store_ok = false;
  s.lease_until = {};
  expect_all(s, {{"/primary", 503}, {"/leader", 503}});
  s.paused = true;
  expect_all(s, {{"/primary", 200}, {"/leader", 200}, {"/standby-leader", 503}, {"/read-only", 200}});
  expect_all(s, {{"/primary", 503}, {"/leader", 503}}, kNow + seconds(11));
  s.role = Role::standby_leader;
  expect_all(s, {{"/primary", 503}, {"/leader", 200}, {"/standby-leader", 200}});
  s.role = Role::replica;
  expect_all(s, {{"/primary", 503}, {"/leader", 503}, {"/standby-leader", 503}});
}

TEST(Health, in_pause_with_a_view_the_lock_decides) {
  auto s = primary();
  s.paused = true;
  s.lease_until = {};
  expect_all(s, {{"/primary", 503}, {"/leader", 503}});
}

TEST(Health, a_replica_must_run) {
  for (const State state :
       {State::starting, State::stopping, State::stopped, State::crashed, State::creating_replica}) {
    auto s = replica();
    s.state = state;
    expect_all(s, {{"/replica", 503}, {"/read-only", 503}, {"/health", 503}});
  }
}

TEST(Health, noloadbalance_keeps_readers_away) {
  auto s = replica();
  change(s).tags.noloadbalance = true;
  expect_all(s, {{"/replica", 503}, {"/read-only", 503}, {"/async", 503}, {"/health", 200}});
  auto p = primary();
  change(p).tags.noloadbalance = true;
  expect_all(p, {{"/primary", 200}, {"/read-only", 200}});
}

TEST(Health, the_lag_limit_compares_replay_with_the_leaders_position) {
  auto s = replica();
  change_view(s).status.optime = Lsn{117440512 + 1048576};
  expect_all(s, {{"/replica", 200},
                 {"/replica?lag=1048576", 200},
                 {"/replica?lag=1048575", 503},
                 {"/replica?lag=1MB", 200},
                 {"/replica?lag=1023kB", 503},
                 {"/replica?lag=0x100000", 200},
                 {"/replica?lag=0.5MB", 503},
                 {"/replica?lag=", 200},
                 {"/replica?lag=1M", 200},
                 {"/replica?lag=1KB", 200},
                 {"/replica?lag=abc", 200},
                 {"/replica?lag=1kB&lag=2MB", 503},
                 {"/replica?lag=2MB&lag=1kB", 200},
                 {"/read-only?lag=1kB", 503},
                 {"/async?lag=1kB", 503},
                 {"/replica?lag=-1", 503}});
}

TEST(Health, the_receivers_position_counts_where_it_is_ahead_of_the_store) {
  auto s = replica();
  s.facts.probe->latest_end = Lsn{117440512 + 2048};
  expect_all(s, {{"/replica?lag=2048", 200}, {"/replica?lag=2047", 503}});
}

TEST(Health, without_a_known_position_nothing_lags) {
  auto s = replica();
  change_view(s).status.optime = Lsn{};
  expect_all(s, {{"/replica?lag=0", 200}});
}

TEST(Health, the_replication_state_must_be_the_wanted_one) {
  auto s = replica();
  expect_all(s, {{"/replica?replication_state=streaming", 200},
                 {"/replica?replication_state=in+archive+recovery", 503},
                 {"/replica?replication_state=Streaming", 503}});
  s.facts.probe->receiver_state = "";
  s.facts.probe->restore_command = "cp %p %f";
  expect_all(s, {{"/replica?replication_state=in+archive%20recovery", 200},
                 {"/replica?replication_state=streaming", 503}});
}

TEST(Health, tag_filters_look_at_the_configured_tags) {
  expect_all(primary(), {{"/read-only?tag_zone=a", 200},
                         {"/read-only?tag_zone=A", 503},
                         {"/read-only?tag_rank=5", 200},
                         {"/read-only?tag_rank=5&tag_zone=b", 503},
                         {"/read-only?tag_gone=x", 503},
                         {"/read-only?tag_nosync=false", 200},
                         {"/read-only?tag_missing=1", 503},
                         {"/read-only?tag_missing=", 200},
                         {"/health?tag_zone=b", 503},
                         // Not applied to these.
                         {"/primary?tag_zone=b", 200},
                         {"/leader?tag_zone=b", 200},
                         {"/?tag_zone=b", 200}});
}

TEST(Liveness, goes_on_while_the_next_cycle_is_not_overdue) {
  auto s = primary();
  s.lease_until = kNow + seconds(1000);
  s.published_at = kNow + seconds(100);
  s.next_run = kNow + seconds(80);
  EXPECT_EQ(liveness(member_status(s, kNow + seconds(109)), kNow + seconds(109)).status, 200);
  EXPECT_EQ(liveness(member_status(s, kNow + seconds(110)), kNow + seconds(110)).status, 503);
  s.role = Role::replica;
  EXPECT_EQ(liveness(member_status(s, kNow + seconds(110)), kNow + seconds(110)).status, 200);
  s.next_run = kNow + seconds(50);
  EXPECT_EQ(liveness(member_status(s, kNow + seconds(110)), kNow + seconds(110)).status, 503);
  s.paused = true;
  EXPECT_EQ(liveness(member_status(s, kNow + seconds(110)), kNow + seconds(110)).status, 200);
}

TEST(Liveness, a_stale_snapshot_is_not_alive) {
  for (const bool paused : {false, true}) {
    auto s = replica();
    s.paused = paused;
    EXPECT_EQ(liveness(member_status(s, kNow + seconds(10)), kNow + seconds(10)).status, 200);
    const Verdict late = liveness(member_status(s, kNow + seconds(12)), kNow + seconds(12));
    EXPECT_EQ(late.status, 503);
    EXPECT_EQ(late.reason, "the control thread was last heard of 12.0 s ago");
  }
}

TEST(Liveness, ends_with_the_lease_that_control_did_not_speak_about) {
  auto s = primary();
  s.lease_until = kNow + seconds(2);
  EXPECT_EQ(liveness(member_status(s, kNow + seconds(2)), kNow + seconds(2)).status, 503);
}

TEST(Readiness, the_leader_is_ready_until_its_lease_ends) {
  auto s = primary();
  EXPECT_EQ(readiness("/readiness", member_status(s, kNow)).status, 200);
  EXPECT_EQ(readiness("/readiness", member_status(s, s.lease_until)).status, 503);
}

TEST(Readiness, a_replica_is_ready_when_it_streams_within_the_limit) {
  auto s = replica();
  change_view(s).status.optime = Lsn{117440512 + 1048576};
  const auto ready = [&](std::string_view target) {
    return readiness(target, member_status(s, kNow)).status;
  };
  EXPECT_EQ(ready("/readiness"), 200);
  EXPECT_EQ(ready("/readiness?lag=1048575"), 503);
  EXPECT_EQ(ready("/readiness?lag=1048575&mode=write"), 200);
  EXPECT_EQ(ready("/readiness?lag=nonsense"), 200);
  EXPECT_EQ(readiness("/readiness?lag=5", member_status(s, kNow)).reason,
            "replay is 1048576 bytes behind the leader, the limit is 5");
  s.facts.probe->receiver_state = "";
  EXPECT_EQ(ready("/readiness"), 503);
}

TEST(Readiness, needs_a_running_postgresql_and_a_known_position) {
  auto s = replica();
  s.state = State::starting;
  EXPECT_EQ(readiness("/readiness", member_status(s, kNow)).reason, "PostgreSQL is starting");
  s.state = State::running;
  s.store_ok = false;
  EXPECT_EQ(readiness("/readiness", member_status(s, kNow)).status, 503);
  s.facts.probe->latest_end = Lsn{117440664};
  EXPECT_EQ(readiness("/readiness", member_status(s, kNow)).status, 200);
}

}  // namespace
}  // namespace tanist::api
