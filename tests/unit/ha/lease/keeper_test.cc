#include <gtest/gtest.h>

#include <deque>

#include "unit/ha/lease/keeper_fixture.h"

namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

TEST_F(lease_keeper, without_a_mandate_nothing_is_renewed) {
  clock.advance(60s);
  EXPECT_EQ(store.renewals, 0);
  EXPECT_FALSE(keeper.lease().held(clock.now()));
}

TEST_F(lease_keeper, a_won_lease_is_renewed_each_loop_wait_while_decisions_say_keep) {
  win();
  for (int i = 0; i < 6; ++i) {
    keep();
    clock.advance(10s);
  }
  EXPECT_EQ(store.renewals, 6);
  EXPECT_TRUE(keeper.lease().held(clock.now()));
}

TEST_F(lease_keeper, the_smallest_margin_is_what_was_left_at_the_latest_renewal) {
  EXPECT_FALSE(keeper.smallest_margin());
  win();
  keep();
  EXPECT_FALSE(keeper.smallest_margin()) << "it was won, not renewed";
  clock.advance(11s);
  ASSERT_TRUE(keeper.smallest_margin());
  EXPECT_GT(*keeper.smallest_margin(), 19s);
  EXPECT_LT(*keeper.smallest_margin(), 20s);
  store.delay = 3s;
  keep();
  clock.advance(14s);
  EXPECT_LT(*keeper.smallest_margin(), 18s);
  EXPECT_GT(*keeper.smallest_margin(), 16s);
  store.outcome = dcs::RenewOutcome::unproven;
  may_write = false;
  clock.advance(60s);
  EXPECT_EQ(*keeper.smallest_margin(), 0s) << "it ended";
}

TEST_F(lease_keeper, the_first_status_of_a_leadership_does_not_wait_for_the_rhythm) {
  win();
  keeper.mandate({Mandate::Kind::keep, clock.now() + 30s}, dcs::Status{.optime = Lsn{1}});
  clock.advance(1s);
  EXPECT_EQ(store.statuses_written, 1);
  EXPECT_EQ(store.renewals, 1);
  keeper.mandate({Mandate::Kind::keep, clock.now() + 30s}, dcs::Status{.optime = Lsn{2}});
  clock.advance(5s);
  EXPECT_EQ(store.statuses_written, 1) << "the next one comes with the next renewal";
  clock.advance(6s);
  EXPECT_EQ(store.statuses_written, 2);
  EXPECT_EQ(store.renewals, 2);
}

TEST_F(lease_keeper, what_the_watch_shows_of_another_takes_the_lease_at_once) {
  win();
  EXPECT_TRUE(keeper.lease().held(clock.now()));
  keeper.seen_lost("it names b", false);
  EXPECT_FALSE(keeper.lease().held(clock.now()));
  EXPECT_EQ(server.stops.size(), 1u);
}

TEST_F(lease_keeper, a_mandate_that_is_not_renewed_ends_the_renewals) {
  win();
  keep();
  clock.advance(61s);
  EXPECT_LE(store.renewals, 3);
  EXPECT_FALSE(keeper.lease().held(clock.now()));
}

TEST_F(lease_keeper, a_mandate_that_is_given_again_after_it_had_run_out_begins_the_renewals_again) {
  win();
  keep();
  clock.advance(45s);
  ASSERT_TRUE(keeper.lease().held(clock.now())) << "the last renewal was within the mandate";
  const int before = store.renewals;
  keep();
  clock.advance(1s);
  EXPECT_GT(store.renewals, before) << "as after a start that took longer than the ttl";
}

TEST_F(lease_keeper, a_store_that_holds_it_for_longer_than_was_asked_is_told_of_once) {
  std::vector<std::string> lines;
  log::redirect([&](log::Level level, const std::string& line) {
    if (level == log::Level::warning) lines.push_back(line);
  });
  keeper.set_timing({.ttl = 4s, .loop_wait = 1s, .retry_timeout = 1s});
  store.length = 6s;
  keeper.won({clock.now(), 6s});
  for (int i = 0; i < 5; ++i) {
    keep();
    clock.advance(1s);
  }
  log::redirect([](log::Level, const std::string&) {});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(
      lines[0],
      "the store holds the lease for 6 s although 4 s were asked for: a lost host is replaced no sooner");
}

TEST_F(lease_keeper, the_lease_counts_from_before_the_request) {
  store.delay = 2s;
  win();
  keep();
  const Instant sent = clock.now() + (keeper.lease().until - keeper.lease().proven_at) / 3;
  clock.advance(12s);
  ASSERT_EQ(store.renewals, 1);
  EXPECT_EQ(keeper.lease().proven_at, sent);
}

TEST_F(lease_keeper, without_proof_postgresql_is_stopped_and_then_killed_before_the_end) {
  win();
  store.outcome = dcs::RenewOutcome::unproven;
  const Instant won_at = clock.now();
  const auto at = keeper.deadlines();
  for (int i = 0; i < 29; ++i) {
    keep();
    clock.advance(1s);
    if (clock.now() < at.stop_at) {
      EXPECT_TRUE(server.stops.empty()) << seconds(clock.now() - won_at);
    }
  }
  ASSERT_EQ(server.stops.size(), 1u);
  EXPECT_EQ(server.stops[0], postgres::StopMode::fast);
  EXPECT_EQ(server.kills, 0);
  clock.advance(900ms);
  EXPECT_GE(server.kills, 1);
  EXPECT_LT(clock.now(), at.until);
}

TEST_F(lease_keeper, what_may_write_is_killed_until_it_is_gone_also_after_the_end) {
  win();
  store.outcome = dcs::RenewOutcome::unproven;
  clock.advance(31s);
  const int kills = server.kills;
  clock.advance(1s);
  EXPECT_GT(server.kills, kills);
  may_write = false;
  clock.advance(1s);
  const int after = server.kills;
  clock.advance(10s);
  EXPECT_EQ(server.kills, after);
}

TEST_F(lease_keeper, a_replica_is_neither_stopped_nor_killed) {
  may_write = false;
  win();
  store.outcome = dcs::RenewOutcome::unproven;
  clock.advance(60s);
  EXPECT_TRUE(server.stops.empty());
  EXPECT_EQ(server.kills, 0);
}

TEST_F(lease_keeper, in_pause_nothing_is_stopped_at_the_deadlines) {
  keeper.set_paused(true);
  win();
  store.outcome = dcs::RenewOutcome::unproven;
  clock.advance(60s);
  EXPECT_TRUE(server.stops.empty());
  EXPECT_EQ(server.kills, 0);
}

TEST_F(lease_keeper, a_definite_loss_stops_at_once_in_immediate_mode) {
  win();
  keep();
  store.outcome = dcs::RenewOutcome::lost;
  clock.advance(11s);
  ASSERT_EQ(server.stops.size(), 1u);
  EXPECT_EQ(server.stops[0], postgres::StopMode::immediate);
  EXPECT_FALSE(keeper.lease().held(clock.now()));
  EXPECT_GE(changes, 1);
}

TEST_F(lease_keeper, a_vanished_key_stops_postgresql_unless_it_is_won_again_at_once) {
  win();
  keeper.lost("deleted by hand", true);
  EXPECT_FALSE(keeper.lease().held(clock.now()));
  EXPECT_TRUE(server.stops.empty());
  clock.advance(50ms);
  win();
  clock.advance(1s);
  EXPECT_TRUE(server.stops.empty());

  // Whoever takes the key instead waits 100 ms for the answers of members that are gone, then promotes.
  keeper.lost("deleted by hand", true);
  clock.advance(99ms);
  EXPECT_TRUE(server.stops.empty());
  clock.advance(2ms);
  ASSERT_EQ(server.stops.size(), 1u);
  EXPECT_EQ(server.stops[0], postgres::StopMode::immediate);
}

/// One that is frozen ends by no stop, and may write for a moment when it goes on.
TEST_F(lease_keeper, what_does_not_stop_when_the_key_is_lost_is_killed) {
  win();
  keeper.lost("it names n2", false);
  ASSERT_EQ(server.stops.size(), 1u);
  clock.advance(900ms);
  EXPECT_EQ(server.kills, 0);
  clock.advance(200ms);
  EXPECT_GE(server.kills, 1);
  EXPECT_EQ(server.stops.size(), 1u);
}

TEST_F(lease_keeper, a_daemon_that_did_not_run_past_the_end_takes_nothing_back) {
  win();
  keep();
  clock.jump(40s);
  keeper.lost("the leader key was deleted", true);
  clock.advance(1ms);
  EXPECT_GE(server.kills, 1);
}

/// To its peers it is a standby: another may be writable before the key could be taken back.
TEST_F(lease_keeper, a_vanished_key_stops_a_promotion_at_once) {
  win();
  promoting = true;
  keeper.lost("deleted by hand", true);
  ASSERT_EQ(server.stops.size(), 1u);
  EXPECT_EQ(server.stops[0], postgres::StopMode::immediate);
}

TEST_F(lease_keeper, a_proof_after_failures_prolongs_and_nothing_is_stopped) {
  win();
  store.outcome = dcs::RenewOutcome::unproven;
  for (int i = 0; i < 20; ++i) {
    keep();
    clock.advance(1s);
  }
  EXPECT_TRUE(keeper.failing_since().has_value());
  store.outcome = dcs::RenewOutcome::proven;
  for (int i = 0; i < 20; ++i) {
    keep();
    clock.advance(1s);
  }
  EXPECT_FALSE(keeper.failing_since().has_value());
  EXPECT_TRUE(server.stops.empty());
}

TEST_F(lease_keeper, with_the_lease_its_failures_are_over) {
  win();
  store.outcome = dcs::RenewOutcome::unproven;
  for (int i = 0; i < 20; ++i) {
    keep();
    clock.advance(1s);
  }
  EXPECT_TRUE(keeper.failing_since().has_value());
  may_write = false;
  keeper.mandate({Mandate::Kind::lapse, {}}, std::nullopt);
  clock.advance(20s);
  EXPECT_EQ(keeper.lease().until, Instant{});
  EXPECT_FALSE(keeper.failing_since().has_value());
}

Task<void> give_up_into(LeaseKeeper& keeper, bool& done) {
  co_await keeper.give_up();
  done = true;
}

TEST_F(lease_keeper, giving_up_awaits_the_request_under_way_and_its_answer_is_void) {
  store.delay = 3s;
  win();
  keep();
  clock.advance(11s);  // a renewal is under way
  bool done = false;
  scope.spawn("give up", give_up_into(keeper, done));
  clock.advance(1s);
  EXPECT_FALSE(done);
  clock.advance(2s);
  EXPECT_TRUE(done);
  EXPECT_EQ(keeper.lease().until, Instant{});
  clock.advance(60s);
  EXPECT_EQ(store.renewals, 1);
}

Task<void> prove_into(LeaseKeeper& keeper, bool& proven) {
  proven = co_await keeper.prove();
}

TEST_F(lease_keeper, a_proof_asked_for_counts_without_a_mandate) {
  bool proven = false;
  scope.spawn("prove", prove_into(keeper, proven));
  clock.settle();
  clock.advance(1ms);
  EXPECT_TRUE(proven);
  EXPECT_TRUE(keeper.lease().held(clock.now()));
}

TEST_F(lease_keeper, a_proof_asked_for_is_void_once_the_lease_is_given_up) {
  win();
  store.delay = 3s;
  bool proven = false, done = false;
  scope.spawn("prove", prove_into(keeper, proven));
  clock.advance(1s);
  scope.spawn("give up", give_up_into(keeper, done));
  clock.advance(3s);
  ASSERT_TRUE(done);
  EXPECT_EQ(fence.prolonged.size(), 1u) << "when it was won";
}

TEST_F(lease_keeper, a_changed_status_is_carried_by_one_renewal) {
  win();
  dcs::Status status;
  status.optime = Lsn{100};
  keeper.mandate({Mandate::Kind::keep, clock.now() + 30s}, status);
  clock.advance(10s);
  keeper.mandate({Mandate::Kind::keep, clock.now() + 30s}, status);
  clock.advance(10s);
  EXPECT_EQ(store.statuses_written, 1);
}

TEST_F(lease_keeper, what_is_lost_while_a_request_is_under_way_is_not_counted_on_when_it_is_answered) {
  store.delay = 3s;
  win();
  keep();
  clock.advance(11s);  // a renewal is under way
  ASSERT_EQ(store.renewals, 1);
  keeper.lost("it names n2", false);
  keep();
  clock.advance(2s);
  EXPECT_FALSE(keeper.lease().held(clock.now())) << "the proof is older than the loss";
}

TEST_F(lease_keeper, a_lease_that_is_let_go_is_not_prolonged_by_the_answer_under_way) {
  store.delay = 3s;
  win();
  keep();
  const Instant until = keeper.lease().until;
  clock.advance(11s);  // a renewal is under way
  ASSERT_EQ(store.renewals, 1);
  keeper.mandate({Mandate::Kind::lapse, clock.now() + 30s}, std::nullopt);
  clock.advance(3s);
  EXPECT_EQ(keeper.lease().until, until);
}

TEST_F(lease_keeper, a_lease_that_was_won_is_kept_until_the_next_decision) {
  win();
  clock.advance(11s);
  EXPECT_EQ(store.renewals, 1);
}

/// Consul: half of ttl. With a rhythm made from ttl a healthy primary would be stopped every ten seconds.
TEST_F(lease_keeper, a_lease_that_is_shorter_than_ttl_is_renewed_in_time) {
  for (const Duration length : {15s, 10s, 2s}) {
    store.length = length;
    win();
    for (int i = 0; i < 120; ++i) {
      keep();
      clock.advance(500ms);
      ASSERT_TRUE(keeper.lease().held(clock.now())) << seconds(length);
    }
    EXPECT_TRUE(server.stops.empty()) << seconds(length);
  }
}

TEST_F(lease_keeper, a_lost_renewal_of_a_short_lease_is_made_up_for) {
  store.length = 15s;
  win();
  keep();
  store.outcome = dcs::RenewOutcome::unproven;
  store.delay = 3600ms;  // as late as it may be
  clock.advance(8s);
  store.outcome = dcs::RenewOutcome::proven;
  for (int i = 0; i < 10; ++i) {
    keep();
    clock.advance(1s);
  }
  EXPECT_TRUE(server.stops.empty());
  EXPECT_TRUE(keeper.lease().held(clock.now()));
}

class found_server : public lease_keeper {
 protected:
  LeaseDeadlines in(Duration stop, Duration kill, Duration until) {
    return {.stop_at = clock.now() + stop, .kill_at = clock.now() + kill, .until = clock.now() + until};
  }
};

TEST_F(found_server, is_stopped_and_killed_at_its_deadlines) {
  keeper.guard_found(in(5s, 6s, 7s));
  EXPECT_EQ(keeper.kill_at(), clock.now() + 6s);
  clock.advance(4900ms);
  EXPECT_TRUE(server.stops.empty());
  clock.advance(200ms);
  ASSERT_EQ(server.stops.size(), 1u);
  EXPECT_EQ(server.stops[0], postgres::StopMode::fast);
  EXPECT_EQ(server.kills, 0);
  clock.advance(1s);
  EXPECT_GE(server.kills, 1);
  const int kills = server.kills;
  clock.advance(5s);
  EXPECT_GT(server.kills, kills) << "until it is gone";
}

TEST_F(found_server, goes_on_with_a_proof_and_has_its_lease_from_then_on) {
  keeper.guard_found(in(5s, 6s, 7s));
  clock.advance(4s);
  win();
  for (int i = 0; i < 10; ++i) {
    keep();
    clock.advance(5s);
  }
  EXPECT_TRUE(server.stops.empty());
  EXPECT_EQ(server.kills, 0);
}

TEST_F(found_server, that_shows_only_later_is_stopped_then) {
  may_write = false;
  keeper.guard_found(in(1s, 2s, 3s));
  clock.advance(10s);
  EXPECT_EQ(server.kills, 0);
  may_write = true;
  clock.advance(300ms);
  EXPECT_GE(server.kills, 1);
}

TEST_F(found_server, that_was_told_to_stop_is_killed_in_time_whatever_the_store_tells_meanwhile) {
  keeper.guard_found(in(1s, 2s, 3s));
  clock.advance(1500ms);
  EXPECT_EQ(server.stops.size(), 1u);
  keeper.hurry_found(in(1s, 2s, 3s));
  clock.advance(600ms);
  EXPECT_GE(server.kills, 1);
}

TEST_F(found_server, has_no_more_time_than_the_store_leaves_it) {
  keeper.guard_found(in(20s, 25s, 26s));
  keeper.hurry_found(in(1s, 2s, 3s));
  clock.advance(2100ms);
  EXPECT_GE(server.kills, 1);
}

TEST_F(found_server, that_is_none_is_not_looked_for_for_ever) {
  may_write = false;
  keeper.guard_found(in(1s, 2s, 3s));
  keeper.found_settled();
  may_write = true;
  clock.advance(10s);
  EXPECT_TRUE(server.stops.empty());
  EXPECT_EQ(server.kills, 0);
}

TEST_F(found_server, is_stopped_at_once_when_the_key_names_another) {
  keeper.guard_found(in(20s, 25s, 26s));
  keeper.lost("it names n2", false);
  ASSERT_EQ(server.stops.size(), 1u);
  EXPECT_EQ(server.stops[0], postgres::StopMode::immediate);
}

TEST_F(found_server, is_left_alone_in_pause) {
  keeper.set_paused(true);
  keeper.guard_found(in(1s, 2s, 3s));
  clock.advance(10s);
  EXPECT_TRUE(server.stops.empty());
  EXPECT_EQ(server.kills, 0);
}

TEST_F(lease_keeper, what_was_won_again_after_the_end_is_not_killed) {
  win();
  store.outcome = dcs::RenewOutcome::unproven;
  clock.advance(30s - 30ms + 10ms);
  ASSERT_GE(server.kills, 1);
  EXPECT_FALSE(keeper.lease().held(clock.now()));
  win();
  const int kills = server.kills;
  clock.advance(1s);
  EXPECT_EQ(server.kills, kills);
}

TEST_F(lease_keeper, each_proof_prolongs_the_fence) {
  win();
  keep();
  clock.advance(11s);
  ASSERT_EQ(fence.prolonged.size(), 2u);
  EXPECT_EQ(fence.prolonged.back(), keeper.deadlines().kill_at);
  EXPECT_GT(fence.prolonged[1], fence.prolonged[0]);
}

TEST_F(lease_keeper, in_pause_the_loss_of_the_key_stops_nothing) {
  keeper.set_paused(true);
  win();
  keeper.lost("it names n2", false);
  clock.advance(5s);
  EXPECT_TRUE(server.stops.empty());
  EXPECT_EQ(server.kills, 0);
}

TEST_F(lease_keeper, a_status_of_an_earlier_leadership_is_told_anew) {
  const dcs::Status status{.optime = Lsn{100}};
  win();
  keeper.mandate({Mandate::Kind::keep, clock.now() + 30s}, status);
  clock.advance(1s);
  ASSERT_EQ(store.statuses_written, 1);
  bool done = false;
  scope.spawn("give up", give_up_into(keeper, done));
  clock.advance(1s);
  ASSERT_TRUE(done);
  win();
  keeper.mandate({Mandate::Kind::keep, clock.now() + 30s}, status);
  clock.advance(1s);
  EXPECT_EQ(store.statuses_written, 2) << "the store may have lost the old one";
}

/// The alarm of a server that was found has no say once there is a lease, nor when that is lost.
TEST_F(found_server, leaves_no_alarm_behind_its_proof) {
  for (const bool proof_first : {true, false}) {
    if (proof_first) win();
    keeper.guard_found(in(1s, 2s, 3s));
    if (!proof_first) win();
    keep();
    clock.advance(9s);
    keeper.lost("deleted by hand", true);
    clock.advance(50ms);
    EXPECT_TRUE(server.stops.empty()) << "the key may be taken back";
    EXPECT_EQ(server.kills, 0);
    win();
    bool done = false;
    scope.spawn("give up", give_up_into(keeper, done));
    clock.advance(1s);
    ASSERT_TRUE(done);
  }
}

}  // namespace
}  // namespace tanist::ha
