#include "postgres/local/slots.h"

#include "unit/postgres/server_fixture.h"

namespace tanist::postgres {
namespace {

WantedSlot feed(Lsn at = {}) {
  return {.name = "feed",
          .advance_to = at,
          .expected_active = false,
          .database = "postgres",
          .plugin = "test_decoding"};
}

const SlotSeen* slot_of(const Facts& facts, const std::string& name) {
  if (!facts.probe) return nullptr;
  const auto found = std::ranges::find(facts.probe->slots, name, &SlotSeen::name);
  return found == facts.probe->slots.end() ? nullptr : &*found;
}

Task<bool> has_slot(Node* n, std::string name, bool there = true) {
  return n->until([name, there](const Facts& f) { return (slot_of(f, name) != nullptr) == there; });
}

Task<void> sync(Node* n, SlotsWanted wanted) {
  return n->server->sync_slots(std::move(wanted), n->in(10s));
}

class SlotsTest : public ServerTest {
 protected:
  config::Settings logical(const std::string& name) {
    auto s = settings(name);
    s.postgresql.parameters["wal_level"] = "logical";
    s.postgresql.parameters["max_replication_slots"] = "250";
    return s;
  }
};

Task<void> physical_slots(Node* n) {
  Result booted = co_await n->bootstrap();
  REQUIRE_OK(booted);
  const Facts& facts = n->server->facts();
  const SlotsWanted both{.slots = {{.name = "dwh"}, {.name = "away", .expected_active = false}}};
  co_await sync(n, both);
  EXPECT_TRUE(co_await has_slot(n, "dwh"));
  EXPECT_TRUE(co_await has_slot(n, "away"));
  EXPECT_TRUE(slot_of(facts, "dwh")->restart_lsn) << "WAL is reserved";

  // One that nobody knows goes, unless it is ignored.
  auto foreign = n->sql("SELECT count(*) FROM (SELECT pg_create_physical_replication_slot('foreign')) x");
  co_await std::move(foreign);
  SlotsWanted ignoring = both;
  ignoring.ignored = {{.name = "foreign"}};
  co_await sync(n, ignoring);
  EXPECT_TRUE(co_await has_slot(n, "foreign"));
  co_await sync(n, both);
  EXPECT_TRUE(co_await has_slot(n, "foreign", false));

  // One for later is moved on, and never back.
  auto writing = n->sql("SELECT pg_switch_wal()::text FROM pg_create_restore_point('a')");
  co_await std::move(writing);
  co_await n->server->refresh(0s, n->in(5s));
  const Lsn here = facts.probe->wal;
  SlotsWanted ahead = both;
  ahead.slots[1].advance_to = here;
  co_await sync(n, ahead);
  co_await n->server->refresh(0s, n->in(5s));
  EXPECT_EQ(to_string(slot_of(facts, "away")->restart_lsn), to_string(here));
  EXPECT_TRUE(slot_steps(*facts.probe, ahead).empty());
  EXPECT_TRUE(slot_steps(*facts.probe, both).empty());
}

TEST_F(SlotsTest, physical_slots_come_advance_and_go) {
  Node node(io_.get_executor(), clock_, disk_, settings("one"));
  run(then_end(physical_slots(&node), {&node}));
}

Task<void> many_slots(Node* n) {
  Result booted = co_await n->bootstrap();
  REQUIRE_OK(booted);
  SlotsWanted wanted;
  for (int i = 0; i < 200; ++i)
    wanted.slots.push_back({.name = fmt::format("slot_{:03}", i), .expected_active = false});
  co_await sync(n, wanted);
  co_await n->server->refresh(0s, n->in(5s));
  const Facts& facts = n->server->facts();
  EXPECT_EQ(facts.probe->slots.size(), 200u);
  auto writing = n->sql("SELECT pg_switch_wal()::text FROM pg_create_restore_point('a')");
  co_await std::move(writing);
  co_await n->server->refresh(0s, n->in(5s));
  for (auto& slot : wanted.slots) slot.advance_to = facts.probe->wal;
  auto before = n->sql("SELECT calls::text FROM (SELECT 1 AS calls) x");
  co_await std::move(before);
  const Instant begun = n->clock.now();
  co_await sync(n, wanted);
  const Duration took = n->clock.now() - begun;
  co_await n->server->refresh(0s, n->in(5s));
  EXPECT_TRUE(slot_steps(*facts.probe, wanted).empty());
  EXPECT_LT(took, 1s) << "all of them at once";
}

TEST_F(SlotsTest, two_hundred_are_advanced_at_once) {
  Node node(io_.get_executor(), clock_, disk_, logical("one"));
  run(then_end(many_slots(&node), {&node}));
}

/// What a primary in use does all the time, and its consumer.
Task<void> use_primary(Node* primary) {
  auto change = primary->sql("CREATE TABLE u (n int); DROP TABLE u");
  co_await std::move(change);
  auto checkpoint = primary->sql("CHECKPOINT");
  co_await std::move(checkpoint);
  auto consuming = primary->sql("SELECT count(*) FROM pg_logical_slot_get_changes('feed', NULL, NULL)");
  co_await std::move(consuming);
  co_await primary->server->refresh(0s, primary->in(5s));
}

Task<void> logical_slots(Node* primary, Node* standby) {
  Result booted = co_await primary->bootstrap();
  REQUIRE_OK(booted);
  const Facts& leads = primary->server->facts();
  const Facts& follows = standby->server->facts();
  const SlotsWanted on_primary{.slots = {{.name = "two"}, feed()}};
  co_await sync(primary, on_primary);
  EXPECT_TRUE(co_await has_slot(primary, "feed"));
  EXPECT_TRUE(co_await has_slot(primary, "two"));
  EXPECT_EQ(slot_of(leads, "feed")->database, "postgres");
  EXPECT_EQ(slot_of(leads, "feed")->plugin, "test_decoding");

  // A standby that is to keep it, too.
  Result opened = co_await standby->server->open(standby->settings);
  REQUIRE_OK(opened);
  standby->server->force_feedback(true);
  ReplicaRequest clone;
  clone.source = primary->upstream();
  auto cloned = co_await standby->server->create_replica(std::move(clone), {}, standby->in(60s));
  REQUIRE_OK(cloned);
  auto started = co_await standby->start_replica(primary->upstream("two"));
  REQUIRE_OK(started);
  auto forced = standby->sql("SHOW hot_standby_feedback");
  EXPECT_EQ(co_await std::move(forced), "on");
  auto table = primary->sql("CREATE TABLE t (n int)");
  co_await std::move(table);
  auto wanted_here = [&](Lsn at) {
    SlotsWanted wanted{.slots = {feed(at)}};
    wanted.leader = primary->upstream();
    wanted.own_slot = "two";
    return wanted;
  };
  // A copy is of use once the standby has the WAL that the slot needs.
  const Lsn begins = follows.probe->replay;
  for (int i = 0; i < 40 && slot_of(leads, "feed")->restart_lsn < begins; ++i) {
    auto use = use_primary(primary);
    co_await std::move(use);
  }
  EXPECT_EQ(slots_to_copy(*follows.probe, wanted_here(slot_of(leads, "feed")->confirmed_flush_lsn)).size(),
            1u);
  auto fetching = standby->server->fetch_slots(primary->upstream(), {feed()}, standby->in(10s));
  auto fetched = co_await std::move(fetching);
  REQUIRE(fetched && fetched->size() == 1);
  EXPECT_NE(fetched->front().catalog_xmin, 0u);
  auto too_early = co_await standby->server->write_slots(*fetched, standby->in(10s));
  EXPECT_FALSE(too_early) << "it runs";
  auto stopped = standby->stop();
  EXPECT_TRUE(co_await std::move(stopped));
  auto written = co_await standby->server->write_slots(*fetched, standby->in(10s));
  REQUIRE_OK(written);
  started = co_await standby->start_replica(primary->upstream("two"));
  REQUIRE_OK(started);
  EXPECT_TRUE(co_await has_slot(standby, "feed"));
  EXPECT_EQ(follows.unready_slots, std::vector<std::string>{"feed"});

  // It follows the one on the primary, and is ready once vacuum there is known to leave what it needs.
  Lsn target;
  const Instant patience = standby->in(30s);
  while (standby->clock.now() < patience) {
    auto use = use_primary(primary);
    co_await std::move(use);
    target = slot_of(leads, "feed")->confirmed_flush_lsn;
    auto replayed = standby->until([target](const Facts& f) { return f.probe && f.probe->replay >= target; });
    EXPECT_TRUE(co_await std::move(replayed));
    co_await sync(standby, wanted_here(target));
    co_await standby->clock.sleep_for(300ms);
    co_await standby->server->refresh(0s, standby->in(5s));
    const SlotSeen* here = slot_of(follows, "feed");
    if (here != nullptr && here->confirmed_flush_lsn >= target && follows.unready_slots.empty()) break;
  }
  REQUIRE(slot_of(follows, "feed") != nullptr);
  EXPECT_GE(slot_of(follows, "feed")->confirmed_flush_lsn.value, target.value);
  EXPECT_EQ(follows.unready_slots, std::vector<std::string>{});
  EXPECT_EQ(follows.broken_slots, std::vector<std::string>{});

  // The promoted standby goes on where the consumer was.
  auto row = primary->sql("INSERT INTO t VALUES (42) RETURNING n");
  co_await std::move(row);
  auto position = primary->sql("SELECT pg_current_wal_lsn()::text");
  const Lsn last = parse_lsn(co_await std::move(position)).value_or(Lsn{});
  auto received = standby->until([last](const Facts& f) { return f.probe && f.probe->replay >= last; });
  EXPECT_TRUE(co_await std::move(received));
  co_await primary->stop();
  Result promoted = co_await standby->server->promote(standby->in(10s));
  REQUIRE_OK(promoted);
  auto waiting = standby->server->wait_promoted(standby->in(20s));
  EXPECT_TRUE(co_await std::move(waiting));
  auto changes = standby->sql(
      "SELECT string_agg(data, '|') FROM pg_logical_slot_get_changes('feed', NULL, NULL) "
      "WHERE data LIKE '%INSERT%'");
  EXPECT_THAT(co_await std::move(changes), HasSubstr("n[integer]:42"));
}

TEST_F(SlotsTest, a_logical_slot_is_copied_to_a_standby_and_lives_on_after_its_promotion) {
  Node primary(io_.get_executor(), clock_, disk_, logical("one"));
  Node standby(io_.get_executor(), clock_, disk_, logical("two"));
  run(then_end(logical_slots(&primary, &standby), {&standby, &primary}));
}

Task<void> where_it_would_not_start(Node* n) {
  Result booted = co_await n->bootstrap();
  REQUIRE_OK(booted);
  auto fetching = n->server->fetch_slots(n->upstream(), {feed()}, n->in(10s));
  auto fetched = co_await std::move(fetching);
  REQUIRE(!fetched);
  EXPECT_THAT(fetched.error().detail, HasSubstr("wal_level is replica here"));
}

TEST_F(SlotsTest, nothing_is_copied_to_a_server_that_would_not_start_with_it) {
  Node node(io_.get_executor(), clock_, disk_, settings("one"));
  run(then_end(where_it_would_not_start(&node), {&node}));
}

}  // namespace
}  // namespace tanist::postgres
