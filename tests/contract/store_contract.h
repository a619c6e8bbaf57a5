#pragma once

#include "config/settings.h"
#include "contract/store_contract_base.h"
#include "contract/store_contract_bootstrap.h"
#include "contract/store_contract_lost_replies.h"

/// What every store promises, whatever it is made of. Include it where a backend is instantiated:
///   INSTANTIATE_TEST_SUITE_P(Etcd3, StoreContract, ::testing::Values(MakeFixture(make_etcd3_fixture)));
namespace tanist::contract {

// ---- views and single keys

TEST_P(StoreContract, what_is_written_is_read_back_by_another_member) {
  Store& a = open("a");
  Store& b = open("b");
  EXPECT_TRUE(read(a)->empty());
  const auto written = write(a, ConfigRecord{Document::map({{"ttl", 30}})});
  ASSERT_TRUE(written.done()) << written.detail;
  const auto view = read(b);
  EXPECT_TRUE(view->config.valid);
  EXPECT_EQ(view->config.version, written.version);
  EXPECT_TRUE(view->linearizable);
}

TEST_P(StoreContract, a_write_with_a_condition_changes_nothing_when_it_does_not_hold) {
  Store& a = open("a");
  const auto first = write(a, sync_of("a"), IfAbsent{});
  ASSERT_TRUE(first.done());
  EXPECT_EQ(write(a, sync_of("x"), IfAbsent{}).outcome, Outcome::refused);
  EXPECT_EQ(write(a, sync_of("x"), IfVersion{}).outcome, Outcome::refused) << "it is not absent";
  EXPECT_EQ(read(a)->sync.leader, "a");
  const auto second = write(a, sync_of("b"), IfVersion{first.version});
  ASSERT_TRUE(second.done());
  EXPECT_NE(second.version, first.version);
  EXPECT_EQ(read(a)->sync.version, second.version);
  EXPECT_EQ(write(a, sync_of("c"), IfVersion{first.version}).outcome, Outcome::refused);
  EXPECT_EQ(world->get(a.delete_sync(IfVersion{first.version}, world->in(kBudget))).outcome,
            Outcome::refused);
  EXPECT_TRUE(world->get(a.delete_sync(IfVersion{second.version}, world->in(kBudget))).done());
  const auto after = read(a)->sync;
  EXPECT_FALSE(after.active());
  EXPECT_EQ(write(a, sync_of("d"), IfVersion{second.version}).outcome, Outcome::refused);
  EXPECT_TRUE(write(a, sync_of("d"), IfVersion{after.version}).done()) << "also where it is absent";
}

TEST_P(StoreContract, an_own_write_is_in_the_watched_copy_at_once_and_wakes_nobody_here) {
  Store& a = open("a");
  read(a, Read::watched);
  int wakes = 0;
  a.on_change([&](Store::Change change) { wakes += change.wakes; });
  const auto written = write(a, ConfigRecord{Document::map({{"ttl", 31}})});
  ASSERT_TRUE(a.watched());
  EXPECT_EQ(a.watched()->config.version, written.version);
  world->pass(50ms);
  EXPECT_EQ(wakes, 0);
}

TEST_P(StoreContract, the_watched_copy_costs_no_request) {
  Store& a = open("a");
  read(a, Read::watched);
  ASSERT_TRUE(touch(a, "running").done());
  world->requests("a");
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(read(a, Read::watched)->member("a"));
  EXPECT_TRUE(touch(a, "running").done());
  EXPECT_EQ(world->requests("a"), 0) << "a view and an unchanged member value need no request";
}

TEST_P(StoreContract, others_changes_wake_by_what_they_are) {
  Store& a = open("a");
  Store& b = open("b");
  read(b, Read::watched);
  int told = 0;
  int wakes = 0;
  int leaders = 0;
  b.on_change([&](Store::Change change) {
    ++told;
    wakes += change.wakes;
    leaders += change.leader_changed;
  });
  ASSERT_TRUE(touch(a, "running").done());
  ASSERT_TRUE(sees(b, [](const auto& c) { return c.member("a") != nullptr; }));
  EXPECT_EQ(wakes, 0) << "a member's value wakes nobody";
  EXPECT_GT(told, 0) << "but a leader wants to know of new members";
  ASSERT_TRUE(write(a, FailoverRecord{"a", "b", {}}).done());
  ASSERT_TRUE(sees(b, [](const auto& c) { return c.failover.present(); }));
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(leaders, 0);
  ASSERT_EQ(acquire(a).outcome, Outcome::done);
  ASSERT_TRUE(sees(b, [](const auto& c) { return c.leader_name() == "a"; }));
  EXPECT_EQ(leaders, 1);
  EXPECT_EQ(wakes, 2);
  ASSERT_EQ(renew(a, status_at(100)).outcome, RenewOutcome::proven);
  ASSERT_TRUE(sees(b, [](const auto& c) { return c.status.optime.value == 100; }));
  EXPECT_EQ(wakes, 3);
}

TEST_P(StoreContract, a_cut_member_reads_nothing_linearizably_and_catches_up_when_healed) {
  Store& a = open("a");
  Store& b = open("b");
  read(b, Read::watched);
  world->cut("b");
  ASSERT_TRUE(write(a, ConfigRecord{Document::map({{"x", 1}})}).done());
  const Instant begin = world->clock().now();
  EXPECT_FALSE(world->get(b.load(Read::linearizable, world->in(kShortBudget))));
  EXPECT_LT(world->clock().now() - begin, kShortBudget + 500ms) << "a deadline is kept";
  EXPECT_EQ(write(b, sync_of("b"), Always{}, kShortBudget).outcome, Outcome::unknown);
  world->heal("b");
  EXPECT_EQ(read(b)->config.data.find("x")->as_int(), 1);
  EXPECT_TRUE(sees(b, [](const auto& c) { return c.config.valid; }));
}

TEST_P(StoreContract, the_copy_comes_back_after_its_stream_was_lost_and_history_compacted) {
  Store& a = open("a");
  Store& b = open("b");
  ASSERT_TRUE(write(a, sync_of("old")).done());
  ASSERT_TRUE(sees(b, [](const auto& c) { return c.sync.leader == "old"; }));
  for (int i = 0; i < 3; ++i) {
    world->break_watch("b");
    ASSERT_TRUE(write(a, sync_of("new" + std::to_string(i))).done());
    world->compact();
    EXPECT_TRUE(sees(b, [&](const auto& c) { return c.sync.leader == "new" + std::to_string(i); }));
  }
  ASSERT_TRUE(world->get(a.delete_sync(Always{}, world->in(kBudget))).done());
  EXPECT_TRUE(sees(b, [](const auto& c) { return !c.sync.active(); }));
}

// ---- claims and member keys

TEST_P(StoreContract, a_claim_is_recorded_before_anything_is_bound_to_it) {
  dcs::Identity identity{"a", "first", {}};
  auto& store = stores["a/first"];
  store = world->make(identity);
  std::vector<std::string> recorded;
  struct Recorder {
    static Task<void> record(std::vector<std::string>* into, StoreFixture* world, dcs::Claim claim) {
      EXPECT_EQ(world->value_by_hand("members/a"), std::nullopt);
      into->push_back(std::move(claim));
      co_return;
    }
  };
  store->on_claim(
      [&](dcs::Claim claim) { return Recorder::record(&recorded, world.get(), std::move(claim)); });
  world->run(store->open(identity));
  EXPECT_EQ(recorded.size(), has_claims(*store) ? 0u : 1u);
  EXPECT_EQ(store->claim(), "");
  ASSERT_TRUE(touch(*store, "running").done());
  ASSERT_EQ(recorded.size(), 1u);
  EXPECT_EQ(recorded[0], store->claim());
  EXPECT_EQ(recorded[0].empty(), !has_claims(*store));
  EXPECT_EQ(read(*store)->member("a")->claim, store->claim());
}

TEST_P(StoreContract, a_member_key_goes_with_its_lease_and_is_written_anew) {
  Store& a = open("a");
  Store& b = open("b");
  ASSERT_TRUE(touch(a, "running").done());
  const auto claim = a.claim();
  pass_a_lease();
  EXPECT_EQ(read(b)->member("a"), nullptr);
  ASSERT_TRUE(touch(a, "running").done());
  EXPECT_EQ(a.claim() != claim, has_claims(a));
  ASSERT_NE(read(b)->member("a"), nullptr);
  EXPECT_EQ(read(b)->member("a")->claim, a.claim());
}

TEST_P(StoreContract, a_kept_claim_outlives_its_ttl) {
  Store& a = open("a");
  ASSERT_TRUE(touch(a, "running").done());
  for (Duration passed{}; passed < 2 * world->ttl(); passed += world->ttl() / 3) {
    world->pass(world->ttl() / 3);
    ASSERT_TRUE(world->get(a.keep_claim(world->in(kBudget))).done());
  }
  EXPECT_NE(read(a)->member("a"), nullptr);
}

TEST_P(StoreContract, a_member_key_erased_by_hand_is_written_again) {
  Store& a = open("a");
  ASSERT_TRUE(touch(a, "running").done());
  world->erase_by_hand("members/a");
  ASSERT_TRUE(sees(a, [](const auto& c) { return c.member("a") == nullptr; }));
  ASSERT_TRUE(touch(a, "running").done());
  EXPECT_NE(read(a)->member("a"), nullptr);
}

TEST_P(StoreContract, a_clean_end_removes_the_member_key) {
  Store& a = open("a");
  ASSERT_TRUE(touch(a, "running").done());
  EXPECT_TRUE(world->get(a.remove_member(world->in(kBudget))).done());
  EXPECT_EQ(read(a)->member("a"), nullptr);
}

// ---- the leader key

TEST_P(StoreContract, only_one_takes_the_leader_key_and_has_a_proof) {
  Store& a = open("a");
  Store& b = open("b");
  const Instant before = world->clock().now();
  const auto mine = acquire(a);
  ASSERT_EQ(mine.outcome, Outcome::done) << mine.detail;
  EXPECT_GE(mine.proof.sent_at, before);
  EXPECT_LE(mine.proof.sent_at, world->clock().now());
  EXPECT_EQ(mine.proof.valid_for, a.lease_length());
  EXPECT_EQ(acquire(b).outcome, Outcome::refused);
  EXPECT_EQ(acquire(a).outcome, Outcome::refused) << "what is held is renewed, not taken again";
  const auto view = read(b);
  EXPECT_EQ(view->leader_name(), "a");
  EXPECT_EQ(view->leader->claim, a.claim());
}

TEST_P(StoreContract, the_leader_key_is_taken_only_on_what_was_decided_on) {
  Store& a = open("a");
  const auto old_sync = write(a, sync_of("w"));
  const auto sync = write(a, sync_of("x"));
  const auto old_config = write(a, ConfigRecord{Document::map({{"x", 0}})});
  const auto config = write(a, ConfigRecord{Document::map({{"x", 1}})});
  AcquireConditions conditions;
  conditions.sync = sync.version;
  conditions.config = config.version;
  conditions.failsafe.emplace();
  conditions.failover.emplace();
  conditions.initialize.emplace();
  const auto with = [&](std::optional<dcs::Version> AcquireConditions::* field, dcs::Version version) {
    auto changed = conditions;
    changed.*field = version;
    return changed;
  };
  EXPECT_EQ(acquire(a, with(&AcquireConditions::sync, old_sync.version)).outcome, Outcome::refused);
  EXPECT_EQ(acquire(a, with(&AcquireConditions::sync, dcs::Version())).outcome, Outcome::refused);
  EXPECT_EQ(acquire(a, with(&AcquireConditions::config, old_config.version)).outcome, Outcome::refused);
  EXPECT_EQ(acquire(a, with(&AcquireConditions::failover, sync.version)).outcome, Outcome::refused);
  EXPECT_EQ(acquire(a, with(&AcquireConditions::failsafe, sync.version)).outcome, Outcome::refused);
  EXPECT_EQ(acquire(a, with(&AcquireConditions::initialize, sync.version)).outcome, Outcome::refused);
  EXPECT_TRUE(read(a)->unlocked());
  EXPECT_EQ(acquire(a, conditions).outcome, Outcome::done);
}

TEST_P(StoreContract, the_leader_key_is_not_taken_on_a_view_from_before_another_leadership) {
  Store& a = open("a");
  Store& b = open("b");
  ASSERT_EQ(acquire(b).outcome, Outcome::done);
  ASSERT_TRUE(release(b, status_at(10)).done());
  const auto seen = read(a);
  EXPECT_FALSE(seen->leadership_version.absent());
  EXPECT_EQ(seen->leadership_name, "b");
  EXPECT_FALSE(seen->led_from);
  AcquireConditions conditions;
  conditions.leadership = seen->leadership_version;
  // It leads and goes, and writes no word of it but the key itself.
  ASSERT_EQ(acquire(b).outcome, Outcome::done);
  ASSERT_TRUE(release(b).done());
  EXPECT_EQ(read(a)->status_version, seen->status_version);
  EXPECT_EQ(acquire(a, conditions).outcome, Outcome::refused);
  EXPECT_TRUE(read(a)->unlocked());
  conditions.leadership = read(a)->leadership_version;
  EXPECT_EQ(acquire(a, conditions).outcome, Outcome::done);
  EXPECT_EQ(renew(a).outcome, RenewOutcome::proven);
}

TEST_P(StoreContract, what_a_leader_led_from_stays_when_it_is_gone) {
  Store& a = open("a");
  const dcs::LedFrom from{.timeline = {3},
                          .position = Lsn{500},
                          .replayed = Lsn{400},
                          .optime = Lsn{900},
                          .branch = "1f-2",
                          .next = "3a-1"};
  ASSERT_EQ(acquire(a, {}, kBudget, from).outcome, Outcome::done);
  ASSERT_TRUE(release(a).done());
  const auto seen = read(open("b"));
  ASSERT_TRUE(seen->led_from);
  EXPECT_EQ(seen->led_from->timeline, from.timeline);
  EXPECT_EQ(seen->led_from->position, from.position);
  EXPECT_EQ(seen->led_from->replayed, from.replayed);
  EXPECT_EQ(seen->led_from->optime, from.optime);
  const bool whole = a.traits().transactional;
  EXPECT_EQ(seen->led_from->branch, whole ? from.branch : std::string());
  EXPECT_EQ(seen->led_from->next, whole ? from.next : std::string());
  ASSERT_EQ(acquire(open("c")).outcome, Outcome::done);
  EXPECT_FALSE(read(a)->led_from) << "of another";
}

TEST_P(StoreContract, the_leader_key_is_not_taken_on_a_view_from_before_a_status_of_another_leader) {
  Store& a = open("a");
  ASSERT_TRUE(write(a, dcs::StatusRecord{status_at(10)}).done());
  AcquireConditions conditions;
  conditions.status = read(a)->status_version;
  // As a member that writes nothing else.
  ASSERT_TRUE(write(a, dcs::StatusRecord{status_at(20)}).done());
  EXPECT_EQ(acquire(a, conditions).outcome, Outcome::refused);
  conditions.status = read(a)->status_version;
  EXPECT_EQ(acquire(a, conditions).outcome, Outcome::done);
}

TEST_P(StoreContract, a_leadership_that_lasts_is_one_whatever_is_renewed_and_moved) {
  Store& before = open("a", "first");
  ASSERT_EQ(acquire(before).outcome, Outcome::done);
  const auto version = read(before)->leadership_version;
  const auto claim = before.claim();
  const bool transactional = before.traits().transactional;
  ASSERT_EQ(renew(before, status_at(1)).outcome, RenewOutcome::proven);
  EXPECT_EQ(read(before)->leadership_version, version);
  close("a", "first");
  Store& after = open("a", "second", claim);
  ASSERT_EQ(renew(after, status_at(1)).outcome, RenewOutcome::proven);
  // Without transactions nothing tells a new daemon whether the last one came so far.
  if (!transactional) return;
  EXPECT_NE(read(after)->leader->claim, claim);
  EXPECT_EQ(read(after)->leadership_version, version);
}

TEST_P(StoreContract, a_renewal_proves_and_carries_the_status) {
  Store& a = open("a");
  ASSERT_EQ(acquire(a).outcome, Outcome::done);
  world->pass(a.lease_length() / 2);
  const Instant before = world->clock().now();
  const auto renewal = renew(a, status_at(77));
  ASSERT_EQ(renewal.outcome, RenewOutcome::proven) << renewal.detail;
  EXPECT_GE(renewal.proof.sent_at, before);
  EXPECT_LE(renewal.proof.sent_at, world->clock().now());
  EXPECT_EQ(renewal.proof.valid_for, a.lease_length());
  EXPECT_TRUE(renewal.status_written);
  const auto view = read(a);
  EXPECT_EQ(view->status.optime.value, 77u);
  world->pass(a.lease_length() * 3 / 4);
  EXPECT_EQ(read(a)->leader_name(), "a") << "renewed before its first end";
  const auto without = renew(a);
  EXPECT_EQ(without.outcome, RenewOutcome::proven);
  EXPECT_FALSE(without.status_written);
}

TEST_P(StoreContract, the_copy_is_never_older_than_a_proof) {
  for (const bool founding : {false, true}) {
    SCOPED_TRACE(founding ? "finish_bootstrap" : "acquire");
    world = GetParam()();
    Store& a = open("a");
    if (founding && !a.traits().transactional) return;
    if (founding) {
      ASSERT_TRUE(world->get(a.begin_bootstrap({}, world->in(kBudget))).done());
    }
    read(a, Read::watched);
    world->hold_watch("a", true);
    world->lose("a", Loss::after_effect);
    if (founding) {
      auto finished =
          world->get(a.finish_bootstrap({"7512345678901234567", Document::map()}, world->in(200ms)));
      EXPECT_EQ(finished.outcome, Outcome::unknown);
    } else {
      EXPECT_EQ(acquire(a, {}, 200ms).outcome, Outcome::unknown);
    }
    world->lose("a", Loss::none);
    ASSERT_EQ(renew(a).outcome, RenewOutcome::proven);
    const ClusterPtr copy = a.watched();
    EXPECT_TRUE(!copy || copy->leader_name() == "a") << "it would be taken for a loss";
    EXPECT_EQ(read(a, Read::watched)->leader_name(), "a");
    world->hold_watch("a", false);
    EXPECT_TRUE(sees(a, [](const auto& c) { return c.leader_name() == "a"; }));
    close("a");
  }
}

TEST_P(StoreContract, versions_of_a_key_that_is_back_are_told_as_they_are) {
  Store& a = open("a");
  const auto first = world->get(a.begin_bootstrap({}, world->in(kBudget)));
  ASSERT_TRUE(first.done());
  EXPECT_FALSE(first.version.absent());
  ASSERT_TRUE(world->get(a.cancel_bootstrap(world->in(kBudget))).done());
  const auto second = world->get(a.begin_bootstrap({}, world->in(kBudget)));
  ASSERT_TRUE(second.done());
  EXPECT_EQ(first.version == second.version, a.traits().versions_recur);
}

TEST_P(StoreContract, a_renewal_never_creates_the_key) {
  Store& a = open("a");
  const auto nothing = renew(a, status_at(1));
  EXPECT_EQ(nothing.outcome, RenewOutcome::lost);
  EXPECT_FALSE(nothing.status_written);
  EXPECT_FALSE(read(a)->leader);
  EXPECT_FALSE(read(a)->status_present);
  ASSERT_EQ(acquire(a).outcome, Outcome::done);
  world->erase_by_hand("leader");
  EXPECT_EQ(renew(a).outcome, RenewOutcome::lost);
  EXPECT_FALSE(read(a)->leader);
  world->put_by_hand("leader", "b");
  EXPECT_EQ(renew(a, status_at(1)).outcome, RenewOutcome::lost);
  EXPECT_EQ(read(a)->leader_name(), "b");
  EXPECT_FALSE(read(a)->status_present);
}

TEST_P(StoreContract, the_end_of_a_lease_frees_the_key_no_earlier_than_proven) {
  Store& a = open("a");
  Store& b = open("b");
  const auto mine = acquire(a);
  ASSERT_EQ(mine.outcome, Outcome::done);
  read(b, Read::watched);
  while (read(b)->leader) world->pass(20ms);
  EXPECT_GE(world->clock().now(), mine.proof.sent_at + mine.proof.valid_for);
  EXPECT_LE(world->clock().now(), mine.proof.sent_at + world->ttl() + world->lease_slack());
  ASSERT_EQ(acquire(b).outcome, Outcome::done);
  EXPECT_EQ(renew(a).outcome, RenewOutcome::lost);
  EXPECT_EQ(release(a, status_at(5)).outcome, Outcome::refused);
  EXPECT_EQ(read(b)->leader_name(), "b");
  EXPECT_FALSE(read(b)->status_present);
}

TEST_P(StoreContract, a_leader_key_erased_by_hand_is_noticed_at_once) {
  Store& a = open("a");
  ASSERT_EQ(acquire(a).outcome, Outcome::done);
  read(a, Read::watched);
  Instant noticed{};
  a.on_change([&](Store::Change change) {
    if (change.leader_changed) noticed = world->clock().now();
  });
  world->erase_by_hand("leader");
  const Instant erased = world->clock().now();
  ASSERT_TRUE(sees(a, [](const auto& c) { return c.unlocked(); }));
  EXPECT_LT(noticed - erased, 200ms);
  EXPECT_NE(noticed, Instant());
  EXPECT_FALSE(a.watched()->leader);
}

TEST_P(StoreContract, a_release_writes_the_last_status_and_frees_the_key) {
  Store& a = open("a");
  Store& b = open("b");
  ASSERT_EQ(acquire(a).outcome, Outcome::done);
  EXPECT_EQ(release(b).outcome, Outcome::refused) << "another's";
  ASSERT_TRUE(release(a, status_at(42)).done());
  const auto view = read(b);
  EXPECT_FALSE(view->leader);
  EXPECT_EQ(view->status.optime.value, 42u);
  EXPECT_EQ(release(a).outcome, Outcome::refused) << "not mine any more";
  EXPECT_EQ(acquire(b).outcome, Outcome::done);
}

TEST_P(StoreContract, a_restarted_member_takes_its_leader_key_with_it) {
  Store& before = open("a", "first");
  ASSERT_EQ(acquire(before).outcome, Outcome::done);
  const auto claim = before.claim();
  close("a", "first");
  Store& after = open("a", "second", claim);
  const auto renewal = renew(after, status_at(9));
  ASSERT_EQ(renewal.outcome, RenewOutcome::proven) << renewal.detail;
  EXPECT_TRUE(renewal.status_written);
  const auto view = read(after);
  EXPECT_EQ(view->leader_name(), "a");
  EXPECT_EQ(view->leader->claim, after.claim());
  if (has_claims(after)) {
    EXPECT_NE(after.claim(), claim);
  }
  for (Duration passed{}; passed < world->ttl(); passed += after.lease_length() * 2 / 3) {
    ASSERT_EQ(renew(after).outcome, RenewOutcome::proven);
    world->pass(after.lease_length() * 2 / 3);
  }
  EXPECT_EQ(read(after)->leader_name(), "a") << "the end of the old session takes nothing away";
}

TEST_P(StoreContract, a_restarted_member_may_release_what_its_last_incarnation_held) {
  Store& before = open("a", "first");
  ASSERT_EQ(acquire(before).outcome, Outcome::done);
  const auto claim = before.claim();
  close("a", "first");
  Store& after = open("a", "second", claim);
  EXPECT_TRUE(release(after).done());
  EXPECT_FALSE(read(after)->leader);
}

TEST_P(StoreContract, my_name_with_a_foreign_claim_is_not_mine) {
  Store& mine = open("a", "first");
  ASSERT_EQ(acquire(mine).outcome, Outcome::done);
  Store& clone = open("a", "cloned host");
  if (!has_claims(clone)) {
    EXPECT_EQ(renew(clone).outcome, RenewOutcome::proven) << "whoever has my name is me";
    EXPECT_TRUE(clone.is_mine(read(mine)->leader->claim));
    return;
  }
  EXPECT_EQ(renew(clone, status_at(1)).outcome, RenewOutcome::lost);
  EXPECT_EQ(release(clone).outcome, Outcome::refused);
  EXPECT_EQ(acquire(clone).outcome, Outcome::refused);
  const auto view = read(mine);
  EXPECT_EQ(view->leader->claim, mine.claim());
  EXPECT_FALSE(view->status_present);
  EXPECT_EQ(renew(mine).outcome, RenewOutcome::proven);
}

TEST_P(StoreContract, a_new_ttl_moves_the_keys_to_a_lease_of_that_length) {
  Store& a = open("a");
  ASSERT_EQ(acquire(a).outcome, Outcome::done);
  ASSERT_TRUE(touch(a, "running").done());
  const auto claim = a.claim();
  a.set_timing({.ttl = 2 * world->ttl()});
  const auto renewal = renew(a);
  ASSERT_EQ(renewal.outcome, RenewOutcome::proven) << renewal.detail;
  EXPECT_EQ(a.lease_length(), 2 * world->ttl() / a.traits().ttl_parts);
  EXPECT_EQ(renewal.proof.valid_for, a.lease_length());
  EXPECT_EQ(a.claim() != claim, a.traits().moves_on_ttl_change);
  ASSERT_TRUE(touch(a, "running").done());
  // Past the end of the old ones, not of the new.
  world->pass(std::min(world->ttl() + world->lease_slack(), a.lease_length() - 50ms));
  const auto view = read(a);
  EXPECT_EQ(view->leader_name(), "a");
  EXPECT_EQ(view->leader->claim, a.claim());
  ASSERT_NE(view->member("a"), nullptr);
  EXPECT_EQ(view->member("a")->claim, a.claim());
}

TEST_P(StoreContract, a_cut_off_leader_gets_no_proof) {
  Store& a = open("a");
  Store& b = open("b");
  ASSERT_EQ(acquire(a).outcome, Outcome::done);
  world->cut("a");
  EXPECT_EQ(renew(a, status_at(3), kShortBudget).outcome, RenewOutcome::unproven);
  pass_a_lease();
  ASSERT_EQ(acquire(b).outcome, Outcome::done);
  world->heal("a");
  EXPECT_EQ(renew(a).outcome, RenewOutcome::lost);
  EXPECT_EQ(read(a)->leader_name(), "b");
}

}  // namespace tanist::contract
