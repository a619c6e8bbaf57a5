#include "postgres/local/local_server.h"
#include "unit/postgres/server_fixture.h"

/// Scripts of the user that do not behave: nothing waits for them longer than it has to.
namespace tanist::postgres {
namespace {

Task<void> replace_script(Node* n, std::string before_stop, std::string pre_promote) {
  auto changed = std::make_shared<config::Settings>(*n->settings);
  changed->postgresql.before_stop = std::move(before_stop);
  changed->postgresql.pre_promote = std::move(pre_promote);
  auto applying = n->server->apply(changed, Role::primary, false, n->in(10s));
  Result applied = co_await std::move(applying);
  EXPECT_TRUE(applied) << text(applied);
}

Task<void> scripts_before_a_stop(Node* n, std::string root) {
  auto booting = n->bootstrap();
  Result booted = co_await std::move(booting);
  REQUIRE_OK(booted);
  const std::string mark = root + "/mark";

  // An exit code is told, and no more.
  auto failing = replace_script(n, "/bin/sh -c 'touch " + mark + "; exit 7'", "");
  co_await std::move(failing);
  auto run = n->server->run_before_stop(n->in(10s));
  co_await std::move(run);
  EXPECT_TRUE(fs::exists(mark));

  // One that forks and ends is over, whatever its children do with its output.
  Instant begin = n->clock.now();
  auto forking = replace_script(n, "/bin/sh -c 'sleep 30 & echo'", "");
  co_await std::move(forking);
  auto forked = n->server->run_before_stop(n->in(10s));
  co_await std::move(forked);
  EXPECT_LT(n->clock.now() - begin, 3s);

  // One that hangs is left behind at the deadline.
  auto hanging = replace_script(n, "/bin/sh -c 'sleep 30'", "");
  co_await std::move(hanging);
  begin = n->clock.now();
  auto hung = n->server->run_before_stop(n->in(400ms));
  co_await std::move(hung);
  EXPECT_GE(n->clock.now() - begin, 400ms);
  EXPECT_LT(n->clock.now() - begin, 2s);

  // PostgreSQL that ends by itself is not waited for by a script that wants to see it off.
  auto again = replace_script(n, "/bin/sh -c 'sleep 30'", "");
  co_await std::move(again);
  n->server->signal_stop(StopMode::immediate);
  begin = n->clock.now();
  auto pointless = n->server->run_before_stop(n->in(25s));
  co_await std::move(pointless);
  EXPECT_LT(n->clock.now() - begin, 8s);
  auto stopping = n->stop(StopMode::immediate);
  EXPECT_TRUE(co_await std::move(stopping));
}

TEST_F(ServerTest, a_script_before_the_stop_is_waited_for_until_its_deadline_only) {
  Node node(io_.get_executor(), clock_, disk_, settings("one"));
  run(then_end(scripts_before_a_stop(&node, root_), {&node}));
}

Task<Result> pre_promote(Node* n, std::string script) {
  auto replacing = replace_script(n, "", std::move(script));
  co_await std::move(replacing);
  auto running = n->server->run_pre_promote(n->in(30s));
  co_return co_await std::move(running);
}

Task<void> scripts_before_a_promotion(Node* n, std::string root) {
  auto opening = n->server->open(n->settings);
  Result opened = co_await std::move(opening);
  REQUIRE_OK(opened);
  auto none = pre_promote(n, "");
  EXPECT_TRUE(co_await std::move(none));
  auto fine = pre_promote(n, "/bin/true");
  EXPECT_TRUE(co_await std::move(fine));
  auto refusing = pre_promote(n, "/bin/sh -c 'exit 3'");
  Result refused = co_await std::move(refusing);
  EXPECT_THAT(text(refused), HasSubstr("exit code 3"));
  auto missing = pre_promote(n, "/no/such/script");
  Result not_there = co_await std::move(missing);
  EXPECT_THAT(text(not_there), HasSubstr("No such file or directory"));
  auto broken = pre_promote(n, "/bin/sh -c 'exit 0");
  Result no_command = co_await std::move(broken);
  EXPECT_FALSE(no_command);

  // The lock was lost: the script is ended with what it started.
  const std::string mark = root + "/pid";
  auto hanging = pre_promote(n, "/bin/sh -c 'sleep 60 & echo $! > " + mark + "; wait'");
  auto bounded = with_deadline(n->clock, std::move(hanging), n->in(700ms));
  const auto cancelled = co_await std::move(bounded);
  EXPECT_FALSE(cancelled.has_value());
  const auto written = blocking::read_file(mark);
  REQUIRE(written && *written);
  const pid_t child = std::stoi(**written);
  const auto gone = [child] {
    const auto seen = process::stat(child);
    return !seen || seen->dead();
  };
  // A SIGKILL is sent in no time, but obeyed when the kernel comes to it.
  for (const Instant limit = n->in(5s); !gone() && n->clock.now() < limit;) {
    auto nap = n->clock.sleep_for(5ms);
    co_await std::move(nap);
  }
  EXPECT_TRUE(gone());
}

TEST_F(ServerTest, a_script_before_a_promotion_must_succeed_and_ends_with_the_lock) {
  Node node(io_.get_executor(), clock_, disk_, settings("one"));
  run(then_end(scripts_before_a_promotion(&node, root_), {&node}));
}

}  // namespace
}  // namespace tanist::postgres
