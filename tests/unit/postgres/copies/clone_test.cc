#include "unit/postgres/server_fixture.h"

namespace tanist::postgres {
namespace {

Task<void> replication(Node* a, Node* b) {
  Result booted = co_await a->bootstrap();
  REQUIRE_OK(booted);
  co_await a->sql("CREATE TABLE t (x int); INSERT INTO t SELECT generate_series(1, 1000)");

  SlotsWanted wanted{.slots = {{.name = "b"}, {.name = "old", .expected_active = false}}};
  co_await a->server->sync_slots(wanted, a->in(5s));
  auto count = a->sql("SELECT string_agg(slot_name, ',' ORDER BY slot_name) FROM pg_replication_slots");
  EXPECT_EQ(co_await std::move(count), "b,old");
  wanted.slots.pop_back();
  co_await a->server->sync_slots(wanted, a->in(5s));
  auto fewer = a->sql("SELECT string_agg(slot_name, ',') FROM pg_replication_slots");
  EXPECT_EQ(co_await std::move(fewer), "b");

  Result opened = co_await b->server->open(b->settings);
  REQUIRE_OK(opened);
  EXPECT_EQ(b->server->facts().data_directory, DataDirectory::empty);

  // A wrong password: a clear error, and nothing is left.
  auto wrong_settings = std::make_shared<config::Settings>(*b->settings);
  wrong_settings->postgresql.accounts.replication.password = Secret("wrong");
  co_await b->server->apply(wrong_settings, Role::replica, false, b->in(5s));
  auto failing = b->server->create_replica({a->upstream(), false, {}}, {}, b->in(30s));
  Result failed = co_await std::move(failing);
  EXPECT_FALSE(failed);
  EXPECT_THAT(text(failed), HasSubstr("password authentication failed"));
  EXPECT_EQ(b->server->facts().data_directory, DataDirectory::empty);
  EXPECT_FALSE(fs::exists(b->settings->postgresql.data_dir + ".clone"));
  co_await b->server->apply(b->settings, Role::replica, false, b->in(5s));

  Progress last;
  auto cloning =
      b->server->create_replica({a->upstream(), false, {}}, [&last](Progress p) { last = p; }, b->in(60s));
  Result cloned = co_await std::move(cloning);
  REQUIRE_OK(cloned);
  EXPECT_GT(last.total_bytes, 1000000);
  EXPECT_EQ(last.done_bytes, last.total_bytes);
  EXPECT_EQ(b->server->facts().system_identifier, a->server->facts().system_identifier);

  Result started = co_await b->start_replica(a->upstream("b"));
  REQUIRE_OK(started);
  auto streaming = b->until([](const Facts& f) { return f.probe && f.probe->receiver_state == "streaming"; });
  EXPECT_TRUE(co_await std::move(streaming));
  const auto& facts = b->server->facts();
  REQUIRE(facts.probe.has_value());
  EXPECT_TRUE(facts.probe->in_recovery);
  EXPECT_EQ(facts.probe->effective_timeline.value, 1u);
  EXPECT_EQ(facts.probe->receiver_slot, "b");
  EXPECT_EQ(facts.probe->replication_state(), "streaming");
  EXPECT_EQ(b->server->recovery_difference(a->upstream("b"), Role::replica), RecoveryDifference::none);
  EXPECT_EQ(b->server->recovery_difference(a->upstream("c"), Role::replica), RecoveryDifference::reload);
  EXPECT_EQ(b->server->recovery_difference(std::nullopt, Role::replica), RecoveryDifference::reload);
  // Settings that are applied to a standby do not cut it off from its source.
  auto changed = std::make_shared<config::Settings>(*b->settings);
  changed->postgresql.parameters["work_mem"] = "9MB";
  Result reloaded = co_await b->server->apply(changed, Role::replica, false, b->in(5s));
  EXPECT_TRUE(reloaded) << text(reloaded);
  auto mem = b->sql("SHOW work_mem");
  EXPECT_EQ(co_await std::move(mem), "9MB");
  EXPECT_EQ(b->server->recovery_difference(a->upstream("b"), Role::replica), RecoveryDifference::none);

  auto seen = a->until([](const Facts& f) { return f.probe && f.probe->wal_senders.size() == 1; });
  EXPECT_TRUE(co_await std::move(seen));
  if (a->server->facts().probe && a->server->facts().probe->wal_senders.size() == 1) {
    const auto& sender = a->server->facts().probe->wal_senders.front();
    EXPECT_EQ(sender.application_name, "two");
    EXPECT_EQ(sender.client_addr, "127.0.0.1");
    EXPECT_EQ(sender.usename, "replicator");
  }

  // Following nobody and back again, by reload.
  Result left = co_await b->server->follow_by_reload(std::nullopt, Role::replica, b->in(5s));
  EXPECT_TRUE(left) << text(left);
  auto alone = b->until([](const Facts& f) { return f.probe && f.probe->receiver_pid == 0; });
  EXPECT_TRUE(co_await std::move(alone));
  EXPECT_TRUE(b->saw(ServerEvent::receiver_ended));
  EXPECT_EQ(facts.probe->effective_timeline.value, 1u);
  EXPECT_EQ(b->server->recovery_difference(std::nullopt, Role::replica), RecoveryDifference::none);
  co_await b->server->follow_by_reload(a->upstream("b"), Role::replica, b->in(5s));
  auto back = b->until([](const Facts& f) { return f.probe && f.probe->receiver_state == "streaming"; });
  EXPECT_TRUE(co_await std::move(back));

  // The stream's end is noticed at once.
  b->events.clear();
  a->server->signal_stop(StopMode::immediate);
  auto a_down = a->server->wait_down(a->in(10s));
  EXPECT_TRUE(co_await std::move(a_down));
  auto lost = b->until([b](const Facts&) { return b->saw(ServerEvent::receiver_ended); }, 2s);
  EXPECT_TRUE(co_await std::move(lost));

  // The upstream is back: told to look, it streams long before wal_retrieve_retry_interval is over.
  auto early =
      b->until([](const Facts& f) { return f.probe && f.probe->receiver_state == "streaming"; }, 300ms);
  EXPECT_FALSE(co_await std::move(early));
  Result a_started = co_await a->start_primary();
  REQUIRE_OK(a_started);
  b->events.clear();
  const Instant told = b->clock.now();
  b->server->look_for_wal();
  auto streams =
      b->until([](const Facts& f) { return f.probe && f.probe->receiver_state == "streaming"; }, 3s);
  EXPECT_TRUE(co_await std::move(streams));
  EXPECT_LT(b->clock.now() - told, 2s);
  EXPECT_TRUE(b->saw(ServerEvent::started_streaming));
  a->server->signal_stop(StopMode::immediate);
  auto a_ended = a->server->wait_down(a->in(10s));
  EXPECT_TRUE(co_await std::move(a_ended));

  // b takes over; a, which went on in its own way, is compared and rewound.
  b->events.clear();
  const Instant begin = b->clock.now();
  Result promoted = co_await b->server->promote(b->in(10s));
  REQUIRE_OK(promoted);
  auto writable = b->server->wait_promoted(b->in(10s));
  EXPECT_TRUE(co_await std::move(writable));
  EXPECT_LT(b->clock.now() - begin, 2s);
  EXPECT_FALSE(facts.probe->in_recovery);
  EXPECT_EQ(facts.probe->timeline.value, 2u);
  EXPECT_TRUE(b->saw(ServerEvent::role_changed));
  co_await b->sql("INSERT INTO t VALUES (0)");
  co_await b->server->checkpoint(b->in(10s));
  auto reading = b->server->history({2}, "two", b->in(5s));
  auto lines = co_await std::move(reading);
  REQUIRE(lines.size() == 1);
  EXPECT_EQ(lines[0].parent.value, 1u);
  EXPECT_EQ(lines[0].new_leader, "two");
  EXPECT_THAT(lines[0].timestamp, HasSubstr("T"));

  Result restarted = co_await a->start_primary();
  EXPECT_TRUE(restarted) << text(restarted);
  co_await a->sql("INSERT INTO t SELECT generate_series(5000, 6000)");
  a->server->signal_stop(StopMode::immediate);
  co_await a->server->wait_down(a->in(10s));
  Result recovered = co_await a->server->crash_recover(a->in(30s));
  EXPECT_TRUE(recovered) << text(recovered);
  REQUIRE(a->server->facts().control.has_value());
  EXPECT_EQ(a->server->facts().control->cluster_state, "shut down");
  const auto answer = co_await a->server->compare_with(b->upstream(), a->in(10s));
  EXPECT_EQ(answer.verdict, Divergence::diverged) << answer.detail;
  EXPECT_EQ(answer.leader_timeline.value, 2u);
  auto rewinding = a->server->rewind(b->upstream(), {}, a->in(60s));
  Result rewound = co_await std::move(rewinding);
  REQUIRE_OK(rewound);
  Result followed = co_await a->start_replica(b->upstream());
  REQUIRE_OK(followed);
  auto joined = a->until([](const Facts& f) {
    return f.probe && f.probe->receiver_state == "streaming" && f.probe->effective_timeline.value == 2;
  });
  EXPECT_TRUE(co_await std::move(joined));
  auto same = a->sql("SELECT count(*) FROM t");
  EXPECT_EQ(co_await std::move(same), "1001");
  // A standby on the leader's timeline has not diverged.
  const auto fine = co_await a->server->compare_with(b->upstream(), a->in(10s));
  EXPECT_EQ(fine.verdict, Divergence::none) << fine.detail;
}

TEST_F(ServerTest, a_replica_is_cloned_streams_is_promoted_and_the_old_primary_is_rewound) {
  Node a(io_.get_executor(), clock_, disk_, settings("one"));
  Node b(io_.get_executor(), clock_, disk_, settings("two"));
  run(then_end(replication(&a, &b), {&a, &b}));
}

Task<void> cancel_a_clone(Node* a, Node* b) {
  Result booted = co_await a->bootstrap();
  REQUIRE_OK(booted);
  Result opened = co_await b->server->open(b->settings);
  REQUIRE_OK(opened);
  // Throttled, so that it is under way when it is given up.
  auto slow = std::make_shared<config::Settings>(*b->settings);
  slow->postgresql.tools.basebackup_options = {{"max-rate", "1M"}};
  co_await b->server->apply(slow, Role::replica, false, b->in(5s));
  auto cloning = b->server->create_replica({a->upstream(), false, {}}, {}, b->in(60s));
  const auto result = co_await with_deadline(b->clock, std::move(cloning), b->in(1500ms));
  EXPECT_FALSE(result.has_value());
  EXPECT_FALSE(fs::exists(b->settings->postgresql.data_dir + ".clone"));
  EXPECT_FALSE(fs::exists(b->settings->state_dir + "/clone"));
  co_await b->server->refresh(0s, b->in(5s));
  EXPECT_EQ(b->server->facts().data_directory, DataDirectory::empty);
}

TEST_F(ServerTest, a_clone_that_is_given_up_leaves_nothing) {
  Node a(io_.get_executor(), clock_, disk_, settings("one"));
  Node b(io_.get_executor(), clock_, disk_, settings("two"));
  run(then_end(cancel_a_clone(&a, &b), {&a, &b}));
}

}  // namespace
}  // namespace tanist::postgres
