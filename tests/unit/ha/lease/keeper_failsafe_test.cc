#include <gtest/gtest.h>

#include "unit/ha/lease/keeper_fixture.h"

namespace tanist::ha {
namespace {

/// In failsafe mode, of three members.
class failsafe_keeper : public lease_keeper {
 protected:
  failsafe_keeper() {
    store.length = 30s;
    win();
  }
  /// Decisions say so each second.
  void decide_for(Duration time) {
    for (const Instant end = clock.now() + time; clock.now() < end;) {
      Mandate mandate{.kind = Mandate::Kind::keep, .good_until = clock.now() + 30s};
      mandate.failsafe = FailsafeTerms{.members = {{"n2", "http://n2"}, {"n3", "http://n3"}},
                                       .question = {.leader = "n1", .valid_for = 30s}};
      keeper.mandate(std::move(mandate), std::nullopt);
      clock.advance(1s);
    }
  }
};

TEST_F(failsafe_keeper, nobody_is_asked_while_the_store_proves_the_lease) {
  decide_for(60s);
  EXPECT_TRUE(peers.questions.empty());
  EXPECT_FALSE(keeper.lease().promised);
}

TEST_F(failsafe_keeper, the_members_are_asked_at_once_and_then_as_often_as_a_lease_is_renewed) {
  store.outcome = dcs::RenewOutcome::unproven;
  decide_for(11s);
  ASSERT_EQ(peers.questions.size(), 1u) << "with the first renewal that failed";
  EXPECT_EQ(peers.questions[0].leader, "n1");
  EXPECT_TRUE(keeper.lease().promised);
  decide_for(120s);
  EXPECT_TRUE(keeper.lease().held(clock.now()));
  EXPECT_TRUE(server.stops.empty());
  EXPECT_GE(peers.questions.size(), 12u);
  EXPECT_LE(peers.questions.size(), 14u);
}

TEST_F(failsafe_keeper, one_that_does_not_agree_is_enough_and_is_asked_again) {
  store.outcome = dcs::RenewOutcome::unproven;
  decide_for(40s);
  peers.against["n3"] = "no answer";
  const Instant end = keeper.lease().until;
  const auto before = peers.questions.size();
  decide_for(15s);
  EXPECT_EQ(keeper.lease().until, end);
  EXPECT_GT(peers.questions.size(), before + 10);
  peers.against.clear();
  decide_for(60s);
  EXPECT_TRUE(server.stops.empty());
  peers.against["n3"] = "no answer";
  decide_for(40s);
  ASSERT_FALSE(server.stops.empty());
  EXPECT_EQ(server.stops[0], postgres::StopMode::fast);
  EXPECT_GE(server.kills, 1);
}

TEST_F(failsafe_keeper, what_they_promise_counts_from_before_they_were_asked) {
  peers.before_replies = [this] { clock.jump(1500ms); };
  store.outcome = dcs::RenewOutcome::unproven;
  const Instant begun = clock.now();
  decide_for(11s);
  ASSERT_TRUE(keeper.lease().promised);
  EXPECT_LE(keeper.lease().proven_at, begun + 10s + 100ms);
  EXPECT_EQ(keeper.lease().length(), 30s - 30ms);
}

/// A key that has run out is nobody's, and nobody takes it.
TEST_F(failsafe_keeper, the_end_of_the_key_is_no_loss_while_a_promise_holds_but_another_holder_is) {
  store.outcome = dcs::RenewOutcome::unproven;
  decide_for(20s);
  ASSERT_TRUE(keeper.lease().promised);
  keeper.lost("the leader key is gone", true);
  decide_for(1s);
  EXPECT_TRUE(keeper.lease().held(clock.now()));
  EXPECT_TRUE(server.stops.empty());
  keeper.lost("it names n2", false);
  EXPECT_FALSE(keeper.lease().held(clock.now()));
  ASSERT_EQ(server.stops.size(), 1u);
  EXPECT_EQ(server.stops[0], postgres::StopMode::immediate);
}

TEST_F(failsafe_keeper, a_proof_of_the_store_ends_it) {
  store.outcome = dcs::RenewOutcome::unproven;
  decide_for(40s);
  store.outcome = dcs::RenewOutcome::proven;
  decide_for(15s);
  const auto asked = peers.questions.size();
  EXPECT_FALSE(keeper.lease().promised);
  decide_for(60s);
  EXPECT_EQ(peers.questions.size(), asked);
  // Without a promise its end is a loss again.
  keeper.lost("the leader key is gone", true);
  EXPECT_FALSE(keeper.lease().held(clock.now()));
}

TEST_F(failsafe_keeper, without_decisions_nobody_is_asked_any_more) {
  store.outcome = dcs::RenewOutcome::unproven;
  decide_for(20s);
  clock.advance(60s);
  EXPECT_FALSE(server.stops.empty());
  EXPECT_FALSE(keeper.lease().held(clock.now()));
}

/// The answers come when the lease was given up already.
TEST_F(failsafe_keeper, an_answer_that_comes_too_late_gives_nothing) {
  store.outcome = dcs::RenewOutcome::unproven;
  peers.before_replies = [this] { keeper.lost("it names n2", false); };
  decide_for(11s);
  EXPECT_EQ(peers.questions.size(), 1u);
  EXPECT_FALSE(keeper.lease().held(clock.now()));
}

}  // namespace
}  // namespace tanist::ha
