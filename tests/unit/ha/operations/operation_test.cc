#include "unit/ha/operations/operation_fixture.h"

namespace tanist::ha::operation_test {
namespace {

TEST_F(RunningOperations, a_fast_stop_takes_the_time_it_needs) {
  server.fast = 90s;
  host.settings_.dynamic.primary_stop_timeout = 5s;  // counts in synchronous mode only
  begin(OperationKind::shutdown, operations::shutdown(runner, false));
  EXPECT_GE(finish(), 90s);
  EXPECT_TRUE(result().ok());
  EXPECT_EQ(server.stops, std::vector<StopMode>{StopMode::fast});
}

TEST_F(RunningOperations, in_synchronous_mode_a_stop_that_takes_too_long_becomes_an_immediate_one) {
  synchronous(5s);
  server.fast.reset();
  begin(OperationKind::shutdown, operations::shutdown(runner, false));
  const Duration took = finish();
  EXPECT_GE(took, 5s);
  EXPECT_LT(took, 6s);
  EXPECT_EQ(server.stops, (std::vector{StopMode::fast, StopMode::immediate}));
  EXPECT_EQ(server.kills, 0);
  EXPECT_TRUE(std::ranges::count(logged, "Timeout during postmaster stop, aborting Postgres."));
}

TEST_F(RunningOperations, a_server_that_does_not_even_stop_immediately_is_killed) {
  synchronous(5s);
  server.fast.reset();
  server.immediate.reset();
  begin(OperationKind::shutdown, operations::shutdown(runner, false));
  const Duration took = finish();
  EXPECT_GE(took, 10s);
  EXPECT_LT(took, 11s);
  EXPECT_EQ(server.kills, 1);
  EXPECT_TRUE(result().ok());
}

TEST_F(RunningOperations, an_immediate_demotion_that_hangs_is_killed_after_five_seconds) {
  server.immediate.reset();
  begin(OperationKind::demote, operations::demote(runner, DemoteMode::immediate_nolock));
  EXPECT_LT(finish(), 6s);
  EXPECT_EQ(server.kills, 1);
  EXPECT_FALSE(server.script_was_given) << "no script holds up the stop of a primary without the lock";
}

intent::Clone copy_asked_for() {
  return {.source = postgres::Upstream{.member = "n2", .host = "n2", .slot = {}},
          .source_name = "n2",
          .from_leader = true,
          .why_removal_allowed = "asked for",
          .basebackup_only = false,
          .order = 7};
}

TEST_F(RunningOperations, a_copy_that_was_asked_for_removes_nothing_before_its_verdict) {
  begin(OperationKind::clone, operations::clone(runner, copy_asked_for()));
  clock.advance(5s);
  ASSERT_TRUE(runner.view());
  EXPECT_EQ(server.stops, std::vector<StopMode>{StopMode::immediate});
  EXPECT_EQ(runner.view()->phase, Phase::awaiting_go);
  EXPECT_TRUE(runner.view()->awaits_verdict);
  EXPECT_EQ(server.removals, 0);
  const Instant good_until = clock.now() + 5s;
  runner.advance({.now = true, .good_until = good_until});
  finish();
  EXPECT_TRUE(result().ok());
  EXPECT_EQ(server.removal_begins_by, good_until);
  EXPECT_EQ(server.copies, 1);
}

TEST_F(RunningOperations, a_copy_without_a_verdict_in_time_keeps_the_data) {
  begin(OperationKind::clone, operations::clone(runner, copy_asked_for()));
  EXPECT_LT(finish(), 1min);
  EXPECT_EQ(result().ending, Ending::failed);
  EXPECT_EQ(server.removals + server.copies, 0);
}

TEST_F(RunningOperations, a_copy_on_a_verdict_that_is_too_old_keeps_the_data) {
  begin(OperationKind::clone, operations::clone(runner, copy_asked_for()));
  clock.advance(5s);
  runner.advance({.now = true, .good_until = clock.now()});
  finish();
  EXPECT_EQ(result().ending, Ending::failed);
  EXPECT_EQ(server.removals + server.copies, 0);
}

TEST_F(RunningOperations, a_copy_is_given_up_at_once_while_it_waits_for_its_verdict) {
  begin(OperationKind::clone, operations::clone(runner, copy_asked_for()));
  clock.advance(5s);
  runner.preempt("the leader is gone");
  clock.settle();
  EXPECT_FALSE(runner.busy());
  EXPECT_EQ(result().ending, Ending::cancelled);
  EXPECT_EQ(server.removals + server.copies, 0);
}

TEST_F(RunningOperations, a_copy_because_of_diverged_timelines_asks_nobody) {
  auto diverged = copy_asked_for();
  diverged.order.reset();
  begin(OperationKind::clone, operations::clone(runner, std::move(diverged)));
  finish();
  EXPECT_EQ(server.removals, 1);
  EXPECT_EQ(server.copies, 1);
}

TEST_F(RunningOperations, a_stop_tells_the_role_that_the_server_had) {
  begin(OperationKind::demote, operations::demote(runner, DemoteMode::immediate_nolock));
  finish();
  EXPECT_EQ(host.told, Texts{"on_stop primary"});
  EXPECT_EQ(host.role(), Role::demoted);
}

TEST_F(RunningOperations, a_demotion_after_which_the_key_went_early_tells_so) {
  lead();
  server.shuts_down_cleanly = true;
  server.fast = 3s;
  begin(OperationKind::demote, operations::demote(runner, DemoteMode::graceful));
  ASSERT_TRUE(runner.view()->awaits_verdict);
  EXPECT_EQ(runner.view()->checkpoint_lsn.value, 100u);
  runner.advance({.now = true});
  finish();
  ASSERT_TRUE(host.released_at);
  EXPECT_LT(*host.released_at - began, 1s) << "before PostgreSQL was down";
  EXPECT_EQ(host.told, Texts{"on_stop demoted"});
}

TEST_F(RunningOperations, a_demotion_that_was_asked_for_stops_nothing_before_it_is_told_to) {
  lead();
  begin(OperationKind::demote, operations::demote(runner, DemoteMode::graceful, true));
  ASSERT_TRUE(runner.view()->awaits_verdict);
  EXPECT_EQ(runner.view()->phase, Phase::awaiting_go);
  EXPECT_EQ(runner.view()->cancel, Cancel::free);
  EXPECT_EQ(host.state_, postgres::State::running);
  EXPECT_EQ(host.ends_of_writes, 0);
  runner.preempt("the candidate is gone");
  finish();
  EXPECT_EQ(result().ending, Ending::cancelled);
  EXPECT_EQ(server.state.process, postgres::Process::running);
  EXPECT_EQ(host.role(), Role::primary);
  EXPECT_EQ(host.told, Texts{});
}

TEST_F(RunningOperations, a_demotion_that_was_asked_for_gives_the_key_to_who_has_everything) {
  lead();
  server.shuts_down_cleanly = true;
  server.fast = 3s;
  begin(OperationKind::demote, operations::demote(runner, DemoteMode::graceful, true));
  runner.advance({.now = true});
  clock.settle();
  ASSERT_TRUE(runner.view());
  EXPECT_EQ(runner.view()->phase, Phase::awaiting_release);
  EXPECT_EQ(host.ends_of_writes, 1);
  runner.advance({.now = true});
  finish();
  EXPECT_TRUE(result().ok());
  ASSERT_TRUE(host.released_at);
  EXPECT_LT(*host.released_at - began, 1s) << "before PostgreSQL was down";
}

TEST_F(RunningOperations, a_demotion_that_was_asked_for_keeps_the_key_where_nobody_has_everything) {
  for (const bool clean : {true, false}) {
    lead();
    server.shuts_down_cleanly = clean;
    server.fast = 3s;
    server.state.process = postgres::Process::running;
    begin(OperationKind::demote, operations::demote(runner, DemoteMode::graceful, true));
    runner.advance({.now = true});
    finish();
    EXPECT_EQ(result().ending, Ending::failed);
    EXPECT_FALSE(host.released_at);
    EXPECT_EQ(host.state_, postgres::State::stopped);
  }
}

TEST_F(RunningOperations, a_stop_without_an_early_release_releases_once_it_is_down) {
  lead();
  server.fast = 3s;
  begin(OperationKind::shutdown, operations::shutdown(runner, false));
  finish();
  ASSERT_TRUE(host.released_at);
  EXPECT_GE(*host.released_at - began, 3s);
  EXPECT_EQ(host.told, Texts{"on_stop primary"});
}

TEST_F(RunningOperations, a_server_that_did_not_run_was_not_stopped) {
  server.state.process = postgres::Process::none;
  begin(OperationKind::demote, operations::demote(runner, DemoteMode::immediate));
  // It is down already.
  server.signal_stop(StopMode::immediate);
  finish();
  EXPECT_TRUE(result().ok());
  EXPECT_EQ(host.told, Texts{});
}

TEST_F(RunningOperations, while_the_lease_runs_out_the_script_leaves_time_for_the_stop) {
  lead();
  clock.advance(20s);
  const Duration left = keeper.deadlines().kill_at - clock.now();
  begin(OperationKind::demote, operations::demote(runner, DemoteMode::offline));
  finish();
  ASSERT_TRUE(server.script_was_given);
  EXPECT_LE(*server.script_was_given, left / 2);
  EXPECT_FALSE(host.released_at);
}

TEST_F(RunningOperations, a_script_before_the_stop_gets_the_stop_timeout_where_there_is_one) {
  synchronous(7s);
  begin(OperationKind::shutdown, operations::shutdown(runner, false));
  finish();
  EXPECT_EQ(server.script_was_given, Duration(7s));
}

TEST_F(RunningOperations, a_former_primary_that_starts_as_a_standby_tells_its_new_role) {
  for (const auto& [told_before, expected] :
       {std::pair(true, "on_role_change replica"), std::pair(false, "on_start replica")}) {
    host.told.clear();
    host.told_before = told_before;
    host.role_ = Role::demoted;
    server.state.process = postgres::Process::none;
    begin(OperationKind::start, operations::start(runner, intent::Start{}));
    finish();
    EXPECT_EQ(host.told, Texts{expected});
  }
}

TEST_F(RunningOperations, a_replica_that_starts_again_tells_a_start) {
  host.told_before = true;
  host.role_ = Role::replica;
  server.state.process = postgres::Process::none;
  begin(OperationKind::start, operations::start(runner, intent::Start{}));
  finish();
  EXPECT_EQ(host.told, Texts{"on_start replica"});
}

TEST_F(RunningOperations, a_server_that_dies_while_it_starts_is_told) {
  server.state.process = postgres::Process::none;
  server.started = postgres::StartOutcome::died;
  begin(OperationKind::start, operations::start(runner, intent::Start{}));
  finish();
  EXPECT_FALSE(result().ok());
  EXPECT_EQ(host.state_, postgres::State::start_failed);
  EXPECT_TRUE(std::ranges::count(logged, "postmaster is not running"));
  EXPECT_EQ(host.told, Texts{});
}

TEST_F(RunningOperations, a_rewind_stops_what_runs_and_tells_it) {
  host.role_ = Role::replica;
  begin(OperationKind::rewind, operations::rewind(runner, intent::Rewind{.source = {}, .leader = "n2"}));
  finish();
  EXPECT_TRUE(result().ok());
  EXPECT_EQ(host.told, Texts{"on_stop replica"});
  EXPECT_EQ(server.rewinds, 1);
}

TEST_F(RunningOperations, data_are_not_replaced_while_a_note_would_speak_of_them) {
  host.role_ = Role::replica;
  host.forgets_branch = false;
  begin(OperationKind::rewind, operations::rewind(runner, intent::Rewind{.source = {}, .leader = "n2"}));
  finish();
  EXPECT_EQ(result().ending, Ending::source_lost) << "nothing was tried that could fail for good";
  auto diverged = copy_asked_for();
  diverged.order.reset();
  begin(OperationKind::clone, operations::clone(runner, std::move(diverged)));
  finish();
  EXPECT_FALSE(result().ok());
  EXPECT_EQ(server.rewinds + server.removals + server.copies, 0);
  EXPECT_EQ(host.branches_forgotten, 2);
}

TEST_F(RunningOperations, a_rewind_whose_source_was_lost_says_so) {
  server.state.process = postgres::Process::none;
  server.rewound = std::unexpected(postgres::Failure{"no connection", true});
  begin(OperationKind::rewind, operations::rewind(runner, intent::Rewind{.source = {}, .leader = "n2"}));
  finish();
  EXPECT_FALSE(result().ok());
  EXPECT_EQ(result().ending, Ending::source_lost);
}

TEST_F(RunningOperations, a_source_without_its_checkpoint_is_not_rewound_from) {
  server.source_checkpointed = std::unexpected(postgres::Failure{"it is in recovery"});
  begin(OperationKind::rewind,
        operations::rewind(runner, intent::Rewind{.source = {}, .leader = "n2", .checkpoint_source = true}));
  finish();
  EXPECT_EQ(result().ending, Ending::source_lost) << "still needed";
  EXPECT_EQ(server.rewinds, 0);
  EXPECT_EQ(server.state.process, postgres::Process::running) << "nothing was stopped for it";
  EXPECT_TRUE(std::ranges::count(logged, "Waiting for checkpoint on n2 before rewind"));
}

TEST_F(RunningOperations, a_pre_promote_script_that_fails_prevents_the_promotion) {
  lead();
  server.pre_promote = std::unexpected(postgres::Failure{"exit code 1"});
  begin(OperationKind::promote, operations::promote(runner));
  finish();
  EXPECT_EQ(result().ending, Ending::pre_promote_failed);
  EXPECT_EQ(result().detail, "pre_promote: exit code 1");
  EXPECT_EQ(server.promotions, 0);
}

TEST_F(RunningOperations, a_pre_promote_script_is_ended_when_the_lock_is_lost) {
  lead();
  server.pre_promote_takes = 60s;
  begin(OperationKind::promote, operations::promote(runner));
  clock.advance(5s);
  runner.preempt("lost leader before promote");
  clock.settle();
  EXPECT_FALSE(runner.busy());
  EXPECT_EQ(result().ending, Ending::cancelled);
  EXPECT_EQ(server.promotions, 0);
}

TEST_F(RunningOperations, a_lease_that_ran_out_while_the_promotion_was_noted_promotes_nobody) {
  keeper.won({clock.now(), 30s});
  host.noting_takes = 29s;
  begin(OperationKind::promote, operations::promote(runner));
  clock.advance(30s);
  EXPECT_EQ(result().detail, "PostgreSQL promote cancelled.");
  EXPECT_EQ(server.promotions, 0);
  EXPECT_EQ(host.promotions_begun, 1);
  EXPECT_EQ(host.promotions_forgotten, 1);
}

TEST_F(RunningOperations,
       a_promotion_that_was_told_before_is_told_again_without_its_script_and_not_forgotten) {
  host.pending = true;
  lead();
  server.pre_promote_takes = 60s;
  begin(OperationKind::promote, operations::promote(runner));
  clock.advance(1s);
  EXPECT_EQ(server.promotions, 1);
  clock.settle();

  keeper.won({clock.now(), 30s});
  host.noting_takes = 29s;
  begin(OperationKind::promote, operations::promote(runner));
  clock.advance(30s);
  EXPECT_EQ(server.promotions, 1) << "the lease ran out meanwhile";
  EXPECT_EQ(host.promotions_forgotten, 0);
}

TEST_F(RunningOperations, a_server_that_comes_back_as_a_standby_is_told_again_to_promote_itself) {
  lead();
  server.promotions_lost = 2;
  server.state.accepting = postgres::Accepting::accepting;
  server.state.probe = postgres::Probe{.in_recovery = true};
  begin(OperationKind::promote, operations::promote(runner));
  clock.advance(9s);
  EXPECT_EQ(server.promotions, 1);
  clock.advance(2s);
  EXPECT_EQ(server.promotions, 2);
  keeper.won({clock.now(), 30s});
  clock.advance(10s);
  EXPECT_EQ(server.promotions, 3);
  EXPECT_TRUE(result().ok());
  EXPECT_EQ(host.told, Texts{"on_role_change primary"}) << "once";
}

TEST_F(RunningOperations, a_server_that_does_not_answer_or_that_the_lease_does_not_cover_is_not_told_again) {
  for (const bool answers : {false, true}) {
    lead();
    server.promotions = 0;
    server.promotions_lost = 9;
    server.state.accepting = answers ? postgres::Accepting::accepting : postgres::Accepting::rejecting;
    server.state.probe = postgres::Probe{.in_recovery = true};
    begin(OperationKind::promote, operations::promote(runner));
    clock.advance(answers ? 40s : 15s);
    EXPECT_EQ(server.promotions, answers ? 3 : 1);
    server.state.process = postgres::Process::none;
    clock.advance(10s);
    EXPECT_FALSE(runner.busy());
    server.state.process = postgres::Process::running;
  }
}

TEST_F(RunningOperations, a_lease_that_ran_out_during_the_script_promotes_nobody) {
  lead();
  server.pre_promote_takes = 29s;
  begin(OperationKind::promote, operations::promote(runner));
  finish();
  EXPECT_EQ(result().detail, "PostgreSQL promote cancelled.");
  EXPECT_EQ(server.promotions, 0);
}

}  // namespace
}  // namespace tanist::ha::operation_test
