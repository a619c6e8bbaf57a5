#include "postgres/local/monitor.h"

#include "unit/postgres/server_fixture.h"

/// What a standby tells of itself where nobody may ask it by the replication protocol.
namespace tanist::postgres {
namespace {

Task<void> follow_the_archive(Node* primary, Node* standby) {
  Result booted = co_await primary->bootstrap();
  REQUIRE_OK(booted);
  Result opened = co_await standby->server->open(standby->settings);
  REQUIRE_OK(opened);
  ReplicaRequest request;
  request.source = primary->upstream();
  request.basebackup_only = true;
  auto copying = standby->server->create_replica(request, {}, standby->in(60s));
  Result copied = co_await std::move(copying);
  REQUIRE_OK(copied);
  Result started = co_await standby->start_replica(std::nullopt);
  REQUIRE_OK(started);
  auto on_first =
      standby->until([](const Facts& f) { return f.probe && f.probe->effective_timeline == Timeline{1}; });
  const bool first = co_await std::move(on_first);
  REQUIRE(first);

  // The primary goes on on another timeline, which the standby knows of from the archive only.
  auto stopping = primary->stop();
  const bool stopped = co_await std::move(stopping);
  REQUIRE(stopped);
  Result again = co_await primary->start_replica(std::nullopt);
  REQUIRE_OK(again);
  Result promoted = co_await primary->server->promote(primary->in(10s));
  REQUIRE_OK(promoted);
  const bool writes = co_await primary->server->wait_promoted(primary->in(10s));
  REQUIRE(writes);
  co_await primary->sql("CREATE TABLE t AS SELECT generate_series(1, 10000)");
  co_await primary->sql("CHECKPOINT");
  co_await primary->sql("SELECT pg_switch_wal()");
  const Instant limit = standby->in(20s);
  Timeline seen;
  while (seen != Timeline{2} && standby->clock.now() < limit) {
    // What is replayed reaches the control file with a restartpoint.
    co_await standby->sql("CHECKPOINT");
    co_await standby->server->refresh(Duration::zero(), standby->in(5s));
    const auto& probe = standby->server->facts().probe;
    if (probe) seen = probe->effective_timeline;
  }
  EXPECT_EQ(seen, Timeline{2});
  // And how both have come to it.
  co_await primary->server->refresh(Duration::zero(), primary->in(5s));
  const auto& ours = standby->server->facts().history;
  const auto& theirs = primary->server->facts().history;
  REQUIRE(ours && theirs);
  EXPECT_EQ(ours->timeline, Timeline{2});
  EXPECT_EQ(ours->lines.size(), 1U);
  EXPECT_EQ(ours->lines, theirs->lines);
}

TEST_F(ServerTest, a_standby_that_replays_from_the_archive_knows_its_timeline_without_a_replication_login) {
  fs::create_directory(root_ + "/archive");
  auto first = settings("one");
  first.postgresql.parameters["archive_mode"] = "on";
  first.postgresql.parameters["archive_command"] = "cp %p " + root_ + "/archive/%f";
  auto second = settings("two");
  second.postgresql.recovery_conf["restore_command"] = "cp " + root_ + "/archive/%f %p";
  second.postgresql.pg_hba = {"host replication all all reject", "host all all 127.0.0.1/32 scram-sha-256"};
  Node primary(io_.get_executor(), clock_, disk_, first);
  Node standby(io_.get_executor(), clock_, disk_, second);
  run(then_end(follow_the_archive(&primary, &standby), {&standby, &primary}));
}

}  // namespace
}  // namespace tanist::postgres
