#include "postgres/whole/local_server.h"
#include "unit/postgres/server_fixture.h"

/// Scripts of the user that do not behave: nothing waits for them longer than it has to.
namespace tanist::postgres {
namespace {

Task<void> replace_script(Node* n, std::string before_stop, std::string pre_promote) {
  auto changed = std::make_shared<config::Settings>(*n->settings);
  changed->postgresql.scripts.before_stop = std::move(before_stop);
  changed->postgresql.scripts.pre_promote = std::move(pre_promote);
  Result applied = co_await n->server->apply(changed, Role::primary, false, n->in(10s));
  EXPECT_TRUE(applied) << text(applied);
}

Task<void> scripts_before_a_stop(Node* n, std::string root) {
  Result booted = co_await n->bootstrap();
  REQUIRE_OK(booted);
  const std::string mark = root + "/mark";

  // An exit code is told, and no more.
  co_await replace_script(n, "/bin/sh -c 'touch " + mark + "; exit 7'", "");
  co_await n->server->run_before_stop(n->in(10s));
  EXPECT_TRUE(fs::exists(mark));

  // One that forks and ends is over, whatever its children do with its output.
  Instant begin = n->clock.now();
  co_await replace_script(n, "/bin/sh -c 'sleep 30 & echo'", "");
  co_await n->server->run_before_stop(n->in(10s));
  EXPECT_LT(n->clock.now() - begin, 3s);

  // One that hangs is left behind at the deadline.
  co_await replace_script(n, "/bin/sh -c 'sleep 30'", "");
  begin = n->clock.now();
  co_await n->server->run_before_stop(n->in(400ms));
  EXPECT_GE(n->clock.now() - begin, 400ms);
  EXPECT_LT(n->clock.now() - begin, 2s);

  // PostgreSQL that ends by itself is not waited for by a script that wants to see it off.
  co_await replace_script(n, "/bin/sh -c 'sleep 30'", "");
  n->server->signal_stop(StopMode::immediate);
  begin = n->clock.now();
  co_await n->server->run_before_stop(n->in(25s));
  EXPECT_LT(n->clock.now() - begin, 8s);
  auto stopping = n->stop(StopMode::immediate);
  EXPECT_TRUE(co_await std::move(stopping));
}

TEST_F(ServerTest, a_script_before_the_stop_is_waited_for_until_its_deadline_only) {
  Node node(io_.get_executor(), clock_, disk_, settings("one"));
  run(then_end(scripts_before_a_stop(&node, root_), {&node}));
}

Task<Result> pre_promote(Node* n, std::string script) {
  co_await replace_script(n, "", std::move(script));
  co_return co_await n->server->run_pre_promote(n->in(30s));
}

Task<void> scripts_before_a_promotion(Node* n, std::string root) {
  Result opened = co_await n->server->open(n->settings);
  REQUIRE_OK(opened);
  auto none = pre_promote(n, "");
  EXPECT_TRUE(co_await std::move(none));
  auto fine = pre_promote(n, "/bin/true");
  EXPECT_TRUE(co_await std::move(fine));
  Result refused = co_await pre_promote(n, "/bin/sh -c 'exit 3'");
  EXPECT_THAT(text(refused), HasSubstr("exit code 3"));
  Result not_there = co_await pre_promote(n, "/no/such/script");
  EXPECT_THAT(text(not_there), HasSubstr("No such file or directory"));
  Result no_command = co_await pre_promote(n, "/bin/sh -c 'exit 0");
  EXPECT_FALSE(no_command);

  // The lock was lost: the script is ended with what it started.
  const std::string mark = root + "/pid";
  auto hanging = pre_promote(n, "/bin/sh -c 'sleep 60 & echo $! > " + mark + "; wait'");
  const auto cancelled = co_await with_deadline(n->clock, std::move(hanging), n->in(700ms));
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
    co_await n->clock.sleep_for(5ms);
  }
  EXPECT_TRUE(gone());
}

TEST_F(ServerTest, a_script_before_a_promotion_must_succeed_and_ends_with_the_lock) {
  Node node(io_.get_executor(), clock_, disk_, settings("one"));
  run(then_end(scripts_before_a_promotion(&node, root_), {&node}));
}

}  // namespace
}  // namespace tanist::postgres
