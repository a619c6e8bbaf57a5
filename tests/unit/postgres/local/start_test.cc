#include <sys/inotify.h>
#include <sys/resource.h>

#include "process/proc.h"
#include "unit/postgres/server_fixture.h"

/// Starts that take long, that are not allowed, and that fail at the last moment.
namespace tanist::postgres {
namespace {

int lowest_free_descriptor() {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(fd);
  return fd;
}

Task<void> start_at_the_limits(Node* n) {
  Result booted = co_await n->bootstrap();
  REQUIRE_OK(booted);
  auto stopping = n->stop();
  REQUIRE(co_await std::move(stopping));

  StartRequest request;
  request.as_standby = false;
  request.role = Role::primary;
  int asked = 0;
  request.allowed = [&asked] {
    ++asked;
    return false;
  };
  Result refused = co_await n->server->start(request, n->in(10s));
  EXPECT_THAT(text(refused), HasSubstr("not starting as primary without the lease"));
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(n->server->facts().process, Process::none);

  // One descriptor is left when the postmaster is launched: it is spawned, and cannot be watched.
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  request.allowed = [before] {
    const rlimit tight{static_cast<rlim_t>(lowest_free_descriptor()) + 1, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &tight);
    return true;
  };
  Result started = co_await n->server->start(request, n->in(10s));
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_THAT(text(started), HasSubstr("Too many open files"));
  EXPECT_EQ(n->server->facts().process, Process::none);
  const Instant limit = n->in(5s);
  const auto alive = [] {
    for (const pid_t child : process::children(::getpid())) {
      const auto seen = process::stat(child);
      if (seen && !seen->dead()) return true;
    }
    return false;
  };
  while (alive() && n->clock.now() < limit) {
    co_await n->clock.sleep_for(5ms);
  }
  EXPECT_FALSE(alive()) << "a postmaster runs that nobody watches";
  request.allowed = [] { return true; };
  Result restarted = co_await n->start(request);
  EXPECT_TRUE(restarted) << text(restarted);
}

TEST_F(ServerTest, a_postmaster_that_may_not_run_or_cannot_be_watched_does_not_run) {
  Node node(io_.get_executor(), clock_, disk_, settings("one"));
  run(then_end(start_at_the_limits(&node), {&node}));
}

/// A daemon that is new has never asked the server, which was down or recovering ever since.
Task<void> started_by_the_next_daemon(Node* first, Node* second) {
  Result booted = co_await first->bootstrap();
  REQUIRE_OK(booted);
  Result set = co_await first->server->set_standby_names("two", Role::primary, first->in(10s));
  REQUIRE_OK(set);
  auto stopping = first->stop();
  REQUIRE(co_await std::move(stopping));
  Result opened = co_await second->server->open(second->settings);
  REQUIRE_OK(opened);
  EXPECT_EQ(second->server->facts().own_standby_names, std::nullopt);
  Result started = co_await second->start_primary();
  REQUIRE_OK(started);
  EXPECT_EQ(second->server->facts().own_standby_names, "two");
  auto names = second->sql("SHOW synchronous_standby_names");
  EXPECT_EQ(co_await std::move(names), "two");
}

TEST_F(ServerTest, commits_of_a_primary_wait_for_the_same_standbys_under_the_next_daemon) {
  auto synchronous = settings("one");
  synchronous.dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
  Node first(io_.get_executor(), clock_, disk_, synchronous);
  Node second(io_.get_executor(), clock_, disk_, synchronous);
  run(then_end(started_by_the_next_daemon(&first, &second), {&second, &first}));
}

/// How often a file is opened within `period`.
Task<int> count_looks(Node* n, std::string path, Duration period) {
  const int watch = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  ::inotify_add_watch(watch, path.c_str(), IN_OPEN);
  int count = 0;
  char buffer[65536];
  // Events of one kind become one while nobody takes them.
  for (const Instant end = n->in(period); n->clock.now() < end;) {
    co_await n->clock.sleep_for(2ms);
    if (::read(watch, buffer, sizeof buffer) > 0) ++count;
  }
  ::close(watch);
  co_return count;
}

Task<void> wait_for_start(Node* n, StartOutcome* outcome, Instant* when) {
  *outcome = co_await n->server->wait_started(n->in(30s));
  *when = n->clock.now();
}

Task<void> long_recovery(Node* n, DiskThread* disk, std::string flag) {
  Result opened = co_await n->server->open(n->settings);
  REQUIRE_OK(opened);
  Result made = co_await n->server->initdb(n->in(60s));
  REQUIRE_OK(made);
  Result started = co_await n->server->start(StartRequest(), n->in(10s));
  REQUIRE_OK(started);
  StartOutcome outcome = StartOutcome::timed_out;
  Instant when{};
  TaskScope scope(co_await boost::asio::this_coro::executor);
  auto waiting = scope.spawn("start", wait_for_start(n, &outcome, &when));
  // Past the time in which every start is looked at closely.
  co_await n->clock.sleep_for(5500ms);
  EXPECT_TRUE(waiting.running());
  const std::string pid_file = n->settings->postgresql.data_dir + "/postmaster.pid";
  const int looks = co_await count_looks(n, pid_file, 1s);
  EXPECT_GE(looks, 20) << "each 20 ms, on a machine that is busy";
  (void)blocking::write_file(flag, "", 0666);
  co_await waiting.join();
  EXPECT_EQ(outcome, StartOutcome::accepting);
  // What is done after a start is done before the directory goes.
  auto settling = disk->run("settle", [] {}, n->in(5s));
  co_await std::move(settling);
  co_await scope.close();
}

TEST_F(ServerTest, a_long_recovery_is_watched_closely_without_a_connection_each_time) {
  auto s = settings("one");
  const std::string flag = root_ + "/go on";
  const std::string log = root_ + "/log";
  s.postgresql.recovery_conf["restore_command"] =
      "while ! test -e \"" + flag + "\"; do sleep 0.02; done; false";
  s.postgresql.parameters["logging_collector"] = "on";
  s.postgresql.parameters["log_directory"] = log;
  s.postgresql.parameters["log_filename"] = "all";
  Node node(io_.get_executor(), clock_, disk_, s);
  run(then_end(long_recovery(&node, &disk_, flag), {&node}));
  const std::string lines = blocking::read_file(log + "/all").value_or(std::nullopt).value_or("");
  int refusals = 0;
  for (auto at = lines.find("starting up"); at != std::string::npos; at = lines.find("starting up", at + 1))
    ++refusals;
  EXPECT_LE(refusals, 15) << lines;
}

Task<void> grow_the_configuration(Node* n) {
  Result booted = co_await n->bootstrap();
  REQUIRE_OK(booted);
  auto stopping = n->stop();
  REQUIRE(co_await std::move(stopping));
  const auto with_connections = [n](const char* count) {
    auto changed = std::make_shared<config::Settings>(*n->settings);
    changed->postgresql.parameters["max_connections"] = count;
    return changed;
  };
  co_await n->server->apply(with_connections("30"), Role::replica, false, n->in(10s));
  Result started = co_await n->start_replica(std::nullopt);
  REQUIRE_OK(started);
  const auto& pending = n->server->facts().pending_restart;
  const PendingRestart raised{"50", "30"};
  REQUIRE(pending.contains("max_connections"));
  EXPECT_EQ(pending.at("max_connections"), raised);

  Result applied = co_await n->server->apply(with_connections("40"), Role::replica, false, n->in(10s));
  EXPECT_TRUE(applied) << text(applied);
  const PendingRestart other{"50", "40"};
  REQUIRE(pending.contains("max_connections"));
  EXPECT_EQ(pending.at("max_connections"), other);

  applied = co_await n->server->apply(with_connections("50"), Role::replica, false, n->in(10s));
  EXPECT_TRUE(applied) << text(applied);
  EXPECT_FALSE(pending.contains("max_connections"));
}

TEST_F(ServerTest, a_standby_that_runs_as_configured_by_now_waits_for_no_restart) {
  Node node(io_.get_executor(), clock_, disk_, settings("one"));
  run(then_end(grow_the_configuration(&node), {&node}));
}

}  // namespace
}  // namespace tanist::postgres
