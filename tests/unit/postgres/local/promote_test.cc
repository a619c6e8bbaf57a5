#include "unit/postgres/server_fixture.h"

/// Promotions that were given up do not happen later.
namespace tanist::postgres {
namespace {

Task<Result> standby_of_nobody(Node* n) {
  Result opened = co_await n->server->open(n->settings);
  if (!opened) co_return opened;
  Result made = co_await n->server->initdb(n->in(60s));
  if (!made) co_return made;
  co_return co_await n->start_replica(std::nullopt);
}

Task<void> hold_up_the_disk(DiskThread* disk, Clock* clock, std::string release) {
  auto holding = disk->run(
      "wait",
      [release] {
        while (!fs::exists(release)) ::usleep(1000);
      },
      clock->now() + 20s);
  auto held = co_await std::move(holding);
  EXPECT_TRUE(held);
}

Task<void> promote_into(Node* n, Duration limit, Result* result) {
  *result = co_await n->server->promote(n->in(limit));
}

Task<void> give_up_a_promotion(Node* n, DiskThread* disk, std::string root, bool by_cancelling) {
  Result made = co_await standby_of_nobody(n);
  REQUIRE_OK(made);
  const std::string release = root + "/release";
  TaskScope scope(co_await boost::asio::this_coro::executor);
  auto holding = scope.spawn("disk", hold_up_the_disk(disk, &n->clock, release));
  Result promoted = std::unexpected(Failure{"given up"});
  auto promoting =
      scope.spawn("promotion", promote_into(n, by_cancelling ? Duration(20s) : 100ms, &promoted));
  co_await n->clock.sleep_for(200ms);
  promoting.cancel();
  co_await promoting.join();
  EXPECT_FALSE(promoted);
  // The disk creates the file now, and takes it away again.
  (void)blocking::write_file(release, "", 0600);
  co_await holding.join();
  auto settling = disk->run("settle", [] {}, n->in(5s));
  co_await std::move(settling);
  EXPECT_FALSE(fs::exists(n->settings->postgresql.data_dir + "/promote"));
  auto asking = n->sql("SELECT pg_is_in_recovery()");
  EXPECT_EQ(co_await std::move(asking), "t");
  co_await scope.close();
}

TEST_F(ServerTest, a_promotion_that_the_disk_was_too_slow_for_does_not_happen_later) {
  Node node(io_.get_executor(), clock_, disk_, settings("one"));
  run(then_end(give_up_a_promotion(&node, &disk_, root_, false), {&node}));
}

TEST_F(ServerTest, a_promotion_that_was_cancelled_does_not_happen_later) {
  Node node(io_.get_executor(), clock_, disk_, settings("one"));
  run(then_end(give_up_a_promotion(&node, &disk_, root_, true), {&node}));
}

Task<void> find_a_trigger(Node* n, Node* later) {
  Result made = co_await standby_of_nobody(n);
  REQUIRE_OK(made);
  const std::string trigger = n->settings->postgresql.data_dir + "/promote";
  (void)blocking::write_file(trigger, "", 0600);
  Result opened = co_await later->server->open(later->settings);
  REQUIRE_OK(opened);
  EXPECT_FALSE(fs::exists(trigger));
}

TEST_F(ServerTest, a_trigger_that_an_earlier_daemon_left_promotes_nobody) {
  const auto common = settings("one");
  Node first(io_.get_executor(), clock_, disk_, common);
  Node second(io_.get_executor(), clock_, disk_, common);
  run(then_end(find_a_trigger(&first, &second), {&second, &first}));
}

/// A backend that hangs, and what it calls itself cannot be read: it may call itself the logger.
Task<void> kill_without_reading(Node* n, std::string root) {
  Result made = co_await standby_of_nobody(n);
  REQUIRE_OK(made);
  const pid_t postmaster = n->server->facts().postmaster_pid;
  pid_t logger = 0;
  for (const pid_t child : process::children(postmaster))
    if (process::title(child).find("logger") != std::string::npos) logger = child;
  REQUIRE(logger != 0);
  co_await n->clock.sleep_for(1500ms);
  process::Command command;
  // It hangs in a write to a pipe that nobody reads.
  fs::copy_file("/usr/bin/yes", root + "/postgres");
  command.directory = n->settings->postgresql.data_dir;
  command.argv = {"/bin/bash", "-c", "exec -a 'postgres: logger ' " + root + "/postgres"};
  auto other = process::Child::spawn(command);
  REQUIRE(other);
  co_await n->clock.sleep_for(100ms);
  ::kill(logger, SIGSTOP);
  n->server->kill_now();
  const auto stopped = process::stat(logger);
  EXPECT_TRUE(stopped && !stopped->dead()) << "the logger ends by itself";
  auto down = n->server->wait_down(n->in(5s));
  EXPECT_TRUE(co_await std::move(down));
  const Instant limit = n->in(5s);
  while (!other->pidfd().ended() && n->clock.now() < limit) {
    co_await n->clock.sleep_for(5ms);
  }
  EXPECT_TRUE(other->pidfd().ended()) << "whatever it calls itself";
  ::kill(logger, SIGKILL);
  other->signal_group(SIGKILL);
}

TEST_F(ServerTest, killing_everything_looks_into_no_process_and_spares_the_logger_it_knows) {
  auto s = settings("one");
  s.postgresql.parameters["logging_collector"] = "on";
  Node node(io_.get_executor(), clock_, disk_, s);
  run(then_end(kill_without_reading(&node, root_), {&node}));
}

}  // namespace
}  // namespace tanist::postgres
