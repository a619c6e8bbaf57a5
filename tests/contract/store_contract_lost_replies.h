#pragma once

#include "contract/store_contract_base.h"

/// The part of the contract about writes whose outcome is unknown.
namespace tanist::contract {

/// A write, what must be there for it, and how to see in the store whether it had its effect.
struct LostWrite {
  const char* name;
  std::function<void(StoreFixture&, Store&)> prepare;
  std::function<std::pair<Outcome, std::string>(StoreFixture&, Store&, Duration)> run;
  std::function<bool(const dcs::Cluster&)> effect;
};

inline std::vector<LostWrite> all_writes() {
  using C = dcs::Cluster;
  using F = StoreFixture;
  const auto pair_of = [](const auto& result) { return std::pair(result.outcome, result.detail); };
  const auto nothing = [](F&, Store&) {};
  const auto lead = [](F& w, Store& s) {
    ASSERT_EQ(w.get(s.acquire({}, std::nullopt, w.in(kBudget))).outcome, Outcome::done);
  };
  const auto begin = [](F& w, Store& s) { ASSERT_TRUE(w.get(s.begin_bootstrap({}, w.in(kBudget))).done()); };
  const auto sync = [](F& w, Store& s) {
    ASSERT_TRUE(w.get(s.write(SyncRecord{"x", {}, 0}, IfAbsent{}, w.in(kBudget))).done());
  };
  const auto member = [](F& w, Store& s) {
    ASSERT_TRUE(w.get(s.touch_member(Document::map({{"state", "running"}}), w.in(kBudget))).done());
  };
  const auto version_of_sync = [](F& w, Store& s) {
    return w.get(s.load(Read::watched, w.in(kBudget))).value()->sync.version;
  };
  return {
      {"acquire", nothing,
       [=](F& w, Store& s, Duration d) { return pair_of(w.get(s.acquire({}, std::nullopt, w.in(d)))); },
       [](const C& c) { return c.leader_name() == "a"; }},
      {"touch member", nothing,
       [=](F& w, Store& s, Duration d) {
         return pair_of(w.get(s.touch_member(Document::map({{"state", "lost"}}), w.in(d))));
       },
       [](const C& c) { return c.member("a") != nullptr && c.member("a")->state == "lost"; }},
      {"write always", nothing,
       [=](F& w, Store& s, Duration d) {
         return pair_of(w.get(s.write(ConfigRecord{Document::map({{"x", 1}})}, Always{}, w.in(d))));
       },
       [](const C& c) { return c.config.valid; }},
      {"write if absent", nothing,
       [=](F& w, Store& s, Duration d) {
         return pair_of(w.get(s.write(SyncRecord{"a", {}, 0}, IfAbsent{}, w.in(d))));
       },
       [](const C& c) { return c.sync.leader == "a"; }},
      {"begin bootstrap", nothing,
       [=](F& w, Store& s, Duration d) { return pair_of(w.get(s.begin_bootstrap({}, w.in(d)))); },
       [](const C& c) { return c.bootstrap_note.name == "a"; }},
      {"release", lead,
       [=](F& w, Store& s, Duration d) { return pair_of(w.get(s.release(Status{Lsn{8}, {}, {}}, w.in(d)))); },
       [](const C& c) { return !c.leader && c.status.optime.value == 8; }},
      {"remove member", member,
       [=](F& w, Store& s, Duration d) { return pair_of(w.get(s.remove_member(w.in(d)))); },
       [](const C& c) { return c.member("a") == nullptr; }},
      {"write if version", sync,
       [=](F& w, Store& s, Duration d) {
         return pair_of(w.get(s.write(SyncRecord{"y", {}, 0}, IfVersion{version_of_sync(w, s)}, w.in(d))));
       },
       [](const C& c) { return c.sync.leader == "y"; }},
      {"delete sync", sync,
       [=](F& w, Store& s, Duration d) {
         return pair_of(w.get(s.delete_sync(IfVersion{version_of_sync(w, s)}, w.in(d))));
       },
       [](const C& c) { return !c.sync.active(); }},
      {"finish bootstrap", begin,
       [=](F& w, Store& s, Duration d) {
         return pair_of(w.get(s.finish_bootstrap({"7512345678901234567", Document::map()}, w.in(d))));
       },
       [](const C& c) { return c.leader_name() == "a" && c.initialize.valid_system_id(); }},
      {"cancel bootstrap", begin,
       [=](F& w, Store& s, Duration d) { return pair_of(w.get(s.cancel_bootstrap(w.in(d)))); },
       [](const C& c) { return !c.initialize.present && !c.bootstrap_note.present(); }},
  };
}

TEST_P(StoreContract, a_reply_lost_after_the_effect_is_never_taken_for_a_refusal) {
  for (const auto& write : all_writes()) {
    SCOPED_TRACE(write.name);
    world = GetParam()();
    Store& a = open("a");
    write.prepare(*world, a);
    world->lose("a", Loss::after_effect);
    const auto [outcome, detail] = write.run(*world, a, kShortBudget);
    EXPECT_EQ(outcome, Outcome::unknown) << detail;
    world->lose("a", Loss::none);
    // Of several steps the first may be all that happened.
    if (a.traits().transactional) {
      EXPECT_TRUE(write.effect(*read(a))) << "it had its effect";
    }
    close("a");
  }
}

TEST_P(StoreContract, a_request_lost_before_its_effect_is_never_taken_for_done) {
  for (const auto& write : all_writes()) {
    SCOPED_TRACE(write.name);
    world = GetParam()();
    Store& a = open("a");
    write.prepare(*world, a);
    world->lose("a", Loss::before_effect);
    const auto [outcome, detail] = write.run(*world, a, kShortBudget);
    EXPECT_TRUE(outcome == Outcome::unknown || outcome == Outcome::unavailable) << detail;
    world->lose("a", Loss::none);
    EXPECT_FALSE(write.effect(*read(a)));
    close("a");
  }
}

TEST_P(StoreContract, one_lost_reply_is_resolved_or_unknown_and_the_effect_happens_once) {
  for (const auto loss : {Loss::before_effect, Loss::after_effect}) {
    for (const auto& write : all_writes()) {
      SCOPED_TRACE(write.name);
      world = GetParam()();
      Store& a = open("a");
      write.prepare(*world, a);
      world->lose("a", loss, 1);
      const auto [outcome, detail] = write.run(*world, a, kBudget);
      const bool effect = write.effect(*read(a));
      EXPECT_NE(outcome, Outcome::refused) << detail;
      if (outcome == Outcome::done) {
        EXPECT_TRUE(effect);
      }
      if (loss == Loss::after_effect && a.traits().transactional) {
        EXPECT_TRUE(effect);
      }
      close("a");
    }
  }
}

TEST_P(StoreContract, a_renewal_whose_reply_is_lost_proves_nothing) {
  Store& a = open("a");
  ASSERT_EQ(acquire(a).outcome, Outcome::done);
  for (const auto loss : {Loss::before_effect, Loss::after_effect}) {
    world->lose("a", loss);
    EXPECT_EQ(renew(a, status_at(4), kShortBudget).outcome, RenewOutcome::unproven);
  }
  world->lose("a", Loss::none);
  EXPECT_EQ(renew(a).outcome, RenewOutcome::proven);
}

TEST_P(StoreContract, a_cancelled_call_leaves_the_store_usable) {
  Store& a = open("a");
  ASSERT_EQ(acquire(a).outcome, Outcome::done);
  world->cut("a");
  struct Cut {
    static Task<void> off(Clock* clock, Store* store) {
      const auto result = co_await with_deadline(*clock, store->renew(std::nullopt, clock->now() + kBudget),
                                                 clock->now() + 50ms);
      EXPECT_TRUE(!result || result->outcome == RenewOutcome::unproven);
    }
  };
  const Instant begin = world->clock().now();
  world->run(Cut::off(&world->clock(), &a));
  EXPECT_LT(world->clock().now() - begin, 1s);
  world->heal("a");
  EXPECT_EQ(renew(a).outcome, RenewOutcome::proven);
}

}  // namespace tanist::contract
