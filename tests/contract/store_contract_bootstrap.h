#pragma once

#include "contract/store_contract_base.h"

/// The part of the contract about founding a cluster, and about which store it is that answers.
namespace tanist::contract {

// ---- bootstrap

TEST_P(StoreContract, one_wins_the_bootstrap_and_finishes_it_in_one_step) {
  Store& a = open("a");
  Store& b = open("b");
  const auto begun = world->get(a.begin_bootstrap({}, world->in(kBudget)));
  ASSERT_TRUE(begun.done()) << begun.detail;
  EXPECT_EQ(world->get(b.begin_bootstrap({}, world->in(kBudget))).outcome, Outcome::refused);
  auto view = read(b);
  EXPECT_TRUE(view->initialize.present);
  EXPECT_EQ(view->initialize.value, "");
  EXPECT_EQ(view->initialize.version, begun.version);
  EXPECT_TRUE(view->initialize.by_tanist);
  EXPECT_EQ(view->bootstrap_note.name, "a");
  EXPECT_EQ(view->bootstrap_note.incarnation, "first");
  EXPECT_EQ(view->bootstrap_note.claim, a.claim());
  EXPECT_EQ(world->get(b.finish_bootstrap({"1", Document::map()}, world->in(kBudget))).outcome,
            Outcome::refused);
  EXPECT_EQ(world->get(b.cancel_bootstrap(world->in(kBudget))).outcome, Outcome::refused);
  const auto done = world->get(
      a.finish_bootstrap({"7512345678901234567", Document::map({{"ttl", 30}})}, world->in(kBudget)));
  ASSERT_EQ(done.outcome, Outcome::done) << done.detail;
  EXPECT_EQ(done.proof.valid_for, a.lease_length());
  view = read(b);
  EXPECT_EQ(view->initialize.value, "7512345678901234567");
  EXPECT_TRUE(view->initialize.by_tanist);
  EXPECT_TRUE(view->config.valid);
  EXPECT_EQ(view->leader_name(), "a");
  EXPECT_FALSE(view->bootstrap_note.present());
  EXPECT_EQ(renew(a).outcome, RenewOutcome::proven);
}

TEST_P(StoreContract, an_abandoned_bootstrap_is_taken_over_once_its_note_is_gone) {
  Store& a = open("a");
  Store& b = open("b");
  const auto begun = world->get(a.begin_bootstrap({}, world->in(kBudget)));
  ASSERT_TRUE(begun.done());
  EXPECT_EQ(world->get(b.begin_bootstrap(begun.version, world->in(kBudget))).outcome, Outcome::refused)
      << "its winner still lives";
  pass_a_lease();
  EXPECT_FALSE(read(b)->bootstrap_note.present());
  EXPECT_EQ(world->get(b.begin_bootstrap(dcs::Version(), world->in(kBudget))).outcome, Outcome::refused);
  const auto taken = world->get(b.begin_bootstrap(begun.version, world->in(kBudget)));
  ASSERT_TRUE(taken.done()) << taken.detail;
  EXPECT_EQ(world->get(a.finish_bootstrap({"1234567890", Document::map()}, world->in(kBudget))).outcome,
            Outcome::refused);
  const auto view = read(a);
  EXPECT_EQ(view->bootstrap_note.name, "b");
  EXPECT_EQ(view->initialize.version, taken.version);
  EXPECT_TRUE(view->initialize.by_tanist);
  EXPECT_TRUE(view->unlocked());
}

TEST_P(StoreContract, a_restarted_winner_takes_over_its_own_note) {
  Store& before = open("a", "first");
  const auto begun = world->get(before.begin_bootstrap({}, world->in(kBudget)));
  ASSERT_TRUE(begun.done());
  const auto claim = before.claim();
  close("a", "first");
  Store& after = open("a", "second", claim);
  const auto taken = world->get(after.begin_bootstrap(begun.version, world->in(kBudget)));
  ASSERT_TRUE(taken.done()) << taken.detail;
  EXPECT_EQ(read(after)->bootstrap_note.incarnation, "second");
}

TEST_P(StoreContract, a_cancelled_bootstrap_leaves_nothing) {
  Store& a = open("a");
  ASSERT_TRUE(world->get(a.begin_bootstrap({}, world->in(kBudget))).done());
  EXPECT_TRUE(world->get(a.cancel_bootstrap(world->in(kBudget))).done());
  EXPECT_TRUE(read(a)->empty());
}

// ---- which store

TEST_P(StoreContract, answers_of_another_store_are_not_believed) {
  Store& a = open("a");
  Store& b = open("b");
  ASSERT_EQ(acquire(a).outcome, Outcome::done);
  ASSERT_TRUE(touch(a, "running").done());
  read(a, Read::watched);
  EXPECT_EQ(a.store_id(), b.store_id());
  int leaders = 0;
  a.on_change([&](Store::Change change) { leaders += change.leader_changed; });
  world->lead_elsewhere("a", true);
  const auto renewal = renew(a, {}, kShortBudget);
  EXPECT_EQ(renewal.outcome, RenewOutcome::unproven);
  EXPECT_NE(renewal.detail.find(a.store_id()), std::string::npos) << "both are named: " << renewal.detail;
  EXPECT_EQ(read(b)->leader_name(), "a");
  const auto view = world->get(a.load(Read::linearizable, world->in(kShortBudget)));
  EXPECT_FALSE(view);
  EXPECT_NE(world->get(a.keep_claim(world->in(kShortBudget))).outcome, Outcome::done);
  EXPECT_NE(touch(a, "stopping", kShortBudget).outcome, Outcome::done);
  EXPECT_NE(acquire(a, {}, kShortBudget).outcome, Outcome::done);
  EXPECT_NE(release(a, {}, kShortBudget).outcome, Outcome::done);
  EXPECT_EQ(leaders, 0);
  world->lead_elsewhere("a", false);
  pass_a_lease();
  EXPECT_EQ(acquire(a).outcome, Outcome::done);
  EXPECT_TRUE(sees(a, [](const auto& c) { return c.leader_name() == "a"; }));
}

TEST_P(StoreContract, a_restarted_member_insists_on_the_store_of_before_until_nothing_depends_on_it) {
  Store& before = open("a", "first");
  ASSERT_TRUE(touch(before, "running").done());
  dcs::Identity identity{"a", "second", {before.claim()}, before.store_id()};
  ASSERT_NE(identity.store_id, "");
  close("a", "first");
  world->lead_elsewhere("a", true);
  Store& after = *(stores["a/second"] = world->make(identity));
  struct Opening {
    static Task<void> run(Clock* clock, Store* store, dcs::Identity identity) {
      const auto insisted =
          co_await with_deadline(*clock, opened(store, std::move(identity)), clock->now() + 1500ms);
      EXPECT_FALSE(insisted) << "only another store answers";
    }
    static Task<bool> opened(Store* store, dcs::Identity identity) {
      co_await store->open(std::move(identity));
      co_return true;
    }
  };
  world->run(Opening::run(&world->clock(), &after, identity));
  after.take_any_store();
  world->run(after.open(identity));
  EXPECT_NE(after.store_id(), identity.store_id);
  EXPECT_TRUE(touch(after, "running").done());
  EXPECT_EQ(read(after)->member("a")->claim, after.claim());
}

}  // namespace tanist::contract
