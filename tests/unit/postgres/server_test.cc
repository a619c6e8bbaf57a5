#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "core/log.h"
#include "core/wait.h"
#include "postgres/local_server.h"
#include "process/signals.h"

/// The port against real PostgreSQL 15, in temporary directories.
namespace tanist::postgres {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr const char* kBinaries = "/usr/lib/postgresql/15/bin";

#define REQUIRE(condition)             \
  if (!(condition)) {                  \
    ADD_FAILURE() << #condition;       \
    co_return;                         \
  }
#define REQUIRE_OK(result)             \
  if (!(result)) {                     \
    ADD_FAILURE() << text(result);     \
    co_return;                         \
  }

std::string text(const Result& result) { return result ? "" : result.error().detail; }

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  socklen_t length = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  ::close(fd);
  return ntohs(address.sin_port);
}

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::access((std::string(kBinaries) + "/postgres").c_str(), X_OK) != 0) GTEST_SKIP() << "no PostgreSQL 15";
    if (::geteuid() == 0) GTEST_SKIP() << "PostgreSQL does not run as root, and there is no user postgres";
    std::string pattern = "/tmp/tanist-pg-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override {
    if (!root_.empty()) fs::remove_all(root_);
  }

  config::Settings settings(const std::string& name) {
    config::Settings s;
    s.scope = "test";
    s.name = name;
    auto& pg = s.postgresql;
    pg.listen_addresses = "127.0.0.1";
    pg.port = free_port();
    pg.data_dir = root_ + "/" + name;
    pg.bin_dir = kBinaries;
    pg.pgpass = root_ + "/" + name + ".pgpass";
    pg.superuser = {"postgres", Secret("super's"), {}};
    pg.replication = {"replicator", Secret("rep\\pass"), {}};
    pg.rewind = {"rewinder", Secret("rewind"), {}};
    pg.parameters = {{"wal_level", "hot_standby"}, {"hot_standby", "on"}, {"max_connections", "50"},
                     {"max_wal_senders", "5"}, {"wal_log_hints", "on"}, {"fsync", "off"},
                     {"unix_socket_directories", root_}, {"no_such_parameter", "1"},
                     {"max_replication_slots", "5"}, {"shared_buffers", "16MB"}};
    pg.pg_hba = {"local all all trust", "host all all 127.0.0.1/32 scram-sha-256",
                 "host replication replicator 127.0.0.1/32 scram-sha-256"};
    pg.use_pg_rewind = true;
    s.bootstrap.present = true;
    s.bootstrap.initdb = {{"encoding", "UTF8"}, {"no-sync", std::nullopt}, {"locale", "C"}};
    s.state_dir = root_ + "/" + name + ".tanist";
    return s;
  }

  void run(Task<void> body) {
    scope_.spawn("test", std::move(body));
    io_.run();
  }

  boost::asio::io_context io_;
  SystemClock clock_;
  DiskThread disk_{clock_};
  TaskScope scope_{io_.get_executor()};
  std::string root_;
};

struct Node {
  Node(Executor executor, Clock& c, DiskThread& disk, config::Settings s)
      : clock(c),
        settings(std::make_shared<config::Settings>(std::move(s))),
        server(std::make_unique<LocalServer>(executor, c, disk)) {
    server->on_event([this](ServerEvent event) { events.push_back(event); });
  }
  Instant in(Duration d) const { return clock.now() + d; }
  bool saw(ServerEvent event) const { return std::ranges::find(events, event) != events.end(); }
  Upstream upstream(const std::string& slot = {}) const {
    return {settings->name, "127.0.0.1", settings->postgresql.port, slot};
  }

  Task<Result> start(StartRequest request) {
    auto starting = server->start(std::move(request), in(10s));
    Result started = co_await std::move(starting);
    if (!started) co_return started;
    auto waiting = server->wait_started(in(20s));
    const StartOutcome outcome = co_await std::move(waiting);
    if (outcome != StartOutcome::accepting) co_return std::unexpected(Failure{"not accepting"});
    co_return Result();
  }
  Task<Result> start_primary() {
    StartRequest request;
    request.as_standby = false;
    request.role = Role::primary;
    co_return co_await start(std::move(request));
  }
  Task<Result> start_replica(std::optional<Upstream> source) {
    StartRequest request;
    request.upstream = std::move(source);
    co_return co_await start(std::move(request));
  }
  Task<Result> bootstrap() {
    auto opening = server->open(settings);
    Result opened = co_await std::move(opening);
    if (!opened) co_return opened;
    auto making = server->initdb(in(60s));
    Result made = co_await std::move(making);
    if (!made) co_return made;
    auto starting = start_primary();
    Result started = co_await std::move(starting);
    if (!started) co_return started;
    auto users = server->post_bootstrap(in(20s));
    co_return co_await std::move(users);
  }
  Task<std::string> sql(std::string statement) {
    net::Resolver resolver(co_await boost::asio::this_coro::executor);
    Connection connection(clock, resolver);
    auto connecting = connection.connect(local_parameters(*settings, settings->postgresql.superuser, false), in(5s));
    auto connected = co_await std::move(connecting);
    if (!connected) co_return "connect: " + connected.error().detail;
    auto asking = connection.command(std::move(statement), in(20s));
    auto rows = co_await std::move(asking);
    if (!rows) co_return "error: " + rows.error().detail;
    co_return rows->empty() ? "" : rows->front()[0].value_or("null");
  }
  Task<bool> stop(StopMode mode = StopMode::fast) {
    server->signal_stop(mode);
    auto waiting = server->wait_down(in(20s));
    co_return co_await std::move(waiting);
  }
  Task<void> end() {
    auto killing = server->kill_everything(in(10s));
    co_await std::move(killing);
    auto closing = server->close();
    co_await std::move(closing);
  }
  /// Until `condition`, looking with each probe.
  Task<bool> until(std::function<bool(const Facts&)> condition, Duration patience = 15s) {
    const Instant deadline = in(patience);
    while (clock.now() < deadline) {
      auto refreshing = server->refresh(Duration::zero(), in(5s));
      co_await std::move(refreshing);
      if (condition(server->facts())) co_return true;
      auto nap = clock.sleep_for(20ms);
      co_await std::move(nap);
    }
    co_return false;
  }

  Clock& clock;
  std::shared_ptr<config::Settings> settings;
  std::unique_ptr<LocalServer> server;
  std::vector<ServerEvent> events;
};

Task<void> life_of_a_primary(Node* n) {
  auto& server = *n->server;
  const auto& facts = server.facts();
  auto booting = n->bootstrap();
  Result booted = co_await std::move(booting);
  REQUIRE_OK(booted);
  EXPECT_FALSE(fs::exists(n->settings->state_dir + "/initdb.password"));
  EXPECT_TRUE(facts.accepts());
  EXPECT_EQ(facts.major_version, 150000);
  REQUIRE(facts.probe.has_value());
  EXPECT_FALSE(facts.probe->in_recovery);
  EXPECT_EQ(facts.probe->timeline.value, 1u);
  EXPECT_EQ(facts.probe->effective_timeline.value, 1u);
  EXPECT_TRUE(facts.probe->wal);
  EXPECT_EQ(facts.probe->server_version / 10000, 15);
  EXPECT_TRUE(n->saw(ServerEvent::started_accepting));
  EXPECT_GE(facts.system_identifier.size(), 10u);

  // Asked for at most a minute old: answered without a query.
  const Instant asked = facts.probe->asked_at;
  auto lazy = server.refresh(60s, n->in(5s));
  co_await std::move(lazy);
  EXPECT_EQ(facts.probe->asked_at, asked);
  auto eager = server.refresh(0s, n->in(5s));
  co_await std::move(eager);
  EXPECT_GT(facts.probe->asked_at, asked);

  auto roles = n->sql("SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles WHERE rolcanlogin");
  EXPECT_EQ(co_await std::move(roles), "postgres,replicator,rewinder");
  auto name = n->sql("SHOW cluster_name");
  EXPECT_EQ(co_await std::move(name), "test");
  auto session = n->sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'Patroni heartbeat'");
  EXPECT_EQ(co_await std::move(session), "1");

  // A new setting is reloaded, one that needs a restart is told.
  auto changed = std::make_shared<config::Settings>(*n->settings);
  changed->postgresql.parameters["work_mem"] = "8MB";
  changed->postgresql.parameters["shared_buffers"] = "32768kB";
  changed->postgresql.parameters["max_connections"] = "60";
  auto applying = server.apply(changed, Role::primary, false, n->in(10s));
  Result applied = co_await std::move(applying);
  EXPECT_TRUE(applied) << text(applied);
  auto work_mem = n->sql("SHOW work_mem");
  EXPECT_EQ(co_await std::move(work_mem), "8MB");
  EXPECT_EQ(facts.pending_restart.size(), 2u);
  const PendingRestart buffers{"16MB", "32MB"};
  const PendingRestart connections{"50", "60"};
  REQUIRE(facts.pending_restart.contains("shared_buffers") && facts.pending_restart.contains("max_connections"));
  EXPECT_EQ(facts.pending_restart.at("shared_buffers"), buffers);
  EXPECT_EQ(facts.pending_restart.at("max_connections"), connections);

  auto checkpointing = server.checkpoint(n->in(20s));
  Result checkpoint = co_await std::move(checkpointing);
  EXPECT_TRUE(checkpoint) << text(checkpoint);

  server.signal_stop(StopMode::fast);
  auto clients = server.wait_no_clients(n->in(10s));
  EXPECT_TRUE(co_await std::move(clients));
  auto shutdown = server.wait_shutdown_checkpoint(n->in(10s));
  auto control = co_await std::move(shutdown);
  REQUIRE(control.has_value());
  EXPECT_EQ(control->cluster_state, "shut down");
  auto last = server.last_lsn(*control, n->in(10s));
  EXPECT_EQ(to_string(co_await std::move(last)), to_string(control->latest_checkpoint));
  auto down = server.wait_down(n->in(10s));
  EXPECT_TRUE(co_await std::move(down));
  EXPECT_EQ(facts.process, Process::none);
  EXPECT_FALSE(facts.probe);
  EXPECT_TRUE(n->saw(ServerEvent::postmaster_died));

  // How much the port adds to PostgreSQL's own start.
  const Instant begin = n->clock.now();
  auto again = n->start_primary();
  Result restarted = co_await std::move(again);
  EXPECT_TRUE(restarted) << text(restarted);
  EXPECT_LT(n->clock.now() - begin, 2s);
  EXPECT_TRUE(facts.pending_restart.empty());

  auto stopping = n->stop();
  EXPECT_TRUE(co_await std::move(stopping));
}

Task<void> then_end(Task<void> body, std::vector<Node*> nodes) {
  co_await std::move(body);
  for (Node* node : nodes) {
    auto ending = node->end();
    co_await std::move(ending);
  }
}

TEST_F(ServerTest, a_primary_is_made_asked_reconfigured_stopped_and_started) {
  Node node(io_.get_executor(), clock_, disk_, settings("one"));
  run(then_end(life_of_a_primary(&node), {&node}));
}

Task<void> adoption(Node* first, Node* second) {
  auto booting = first->bootstrap();
  Result booted = co_await std::move(booting);
  REQUIRE_OK(booted);
  auto stopping = first->stop();
  co_await std::move(stopping);
  // Started by a daemon that is gone by now.
  const auto& pg = first->settings->postgresql;
  process::Command start;
  start.argv = {std::string(kBinaries) + "/pg_ctl", "start", "-w", "-D", pg.data_dir, "-l", "/dev/null", "-o",
                "-p " + std::to_string(pg.port)};
  auto starting = process::run(first->clock, std::move(start), first->in(20s));
  auto started = co_await std::move(starting);
  REQUIRE(started && started->success());
  auto opening = second->server->open(second->settings);
  Result opened = co_await std::move(opening);
  REQUIRE_OK(opened);
  const auto& facts = second->server->facts();
  EXPECT_EQ(facts.process, Process::running);
  auto waiting = second->server->wait_started(second->in(5s));
  EXPECT_EQ(co_await std::move(waiting), StartOutcome::accepting);
  REQUIRE(facts.control.has_value());
  EXPECT_EQ(facts.control->cluster_state, "in production");
  // One that is no child of this daemon is watched all the same.
  ::kill(facts.postmaster_pid, SIGKILL);
  auto down = second->server->wait_down(second->in(5s));
  EXPECT_TRUE(co_await std::move(down));
  EXPECT_TRUE(second->saw(ServerEvent::postmaster_died));
  // Its pid may stay a zombie of process 1 for a while: that does not hold up the next start.
  auto again = second->start_primary();
  Result restarted = co_await std::move(again);
  EXPECT_TRUE(restarted) << text(restarted);
}

TEST_F(ServerTest, a_running_server_is_adopted_watched_and_started_anew_beside_its_zombie) {
  const auto common = settings("one");
  Node first(io_.get_executor(), clock_, disk_, common);
  Node second(io_.get_executor(), clock_, disk_, common);
  run(then_end(adoption(&first, &second), {&second, &first}));
}

Task<void> replication(Node* a, Node* b) {
  auto booting = a->bootstrap();
  Result booted = co_await std::move(booting);
  REQUIRE_OK(booted);
  auto making = a->sql("CREATE TABLE t (x int); INSERT INTO t SELECT generate_series(1, 1000)");
  co_await std::move(making);

  std::vector<WantedSlot> slots{{"b", {}, true}, {"old", {}, false}};
  auto slotting = a->server->sync_slots(slots, true, a->in(5s));
  co_await std::move(slotting);
  auto count = a->sql("SELECT string_agg(slot_name, ',' ORDER BY slot_name) FROM pg_replication_slots");
  EXPECT_EQ(co_await std::move(count), "b,old");
  slots.pop_back();
  auto slotting_again = a->server->sync_slots(slots, true, a->in(5s));
  co_await std::move(slotting_again);
  auto fewer = a->sql("SELECT string_agg(slot_name, ',') FROM pg_replication_slots");
  EXPECT_EQ(co_await std::move(fewer), "b");

  auto opening = b->server->open(b->settings);
  Result opened = co_await std::move(opening);
  REQUIRE_OK(opened);
  EXPECT_EQ(b->server->facts().data_directory, DataDirectory::empty);

  // A wrong password: a clear error, and nothing is left.
  auto wrong_settings = std::make_shared<config::Settings>(*b->settings);
  wrong_settings->postgresql.replication.password = Secret("wrong");
  auto applying = b->server->apply(wrong_settings, Role::replica, false, b->in(5s));
  co_await std::move(applying);
  auto failing = b->server->base_backup(a->upstream(), {}, b->in(30s));
  Result failed = co_await std::move(failing);
  EXPECT_FALSE(failed);
  EXPECT_THAT(text(failed), HasSubstr("password authentication failed"));
  EXPECT_EQ(b->server->facts().data_directory, DataDirectory::empty);
  EXPECT_FALSE(fs::exists(b->settings->postgresql.data_dir + ".clone"));
  auto restoring = b->server->apply(b->settings, Role::replica, false, b->in(5s));
  co_await std::move(restoring);

  Progress last;
  auto cloning = b->server->base_backup(a->upstream(), [&last](Progress p) { last = p; }, b->in(60s));
  Result cloned = co_await std::move(cloning);
  REQUIRE_OK(cloned);
  EXPECT_GT(last.total_bytes, 1000000);
  EXPECT_EQ(last.done_bytes, last.total_bytes);
  EXPECT_EQ(b->server->facts().system_identifier, a->server->facts().system_identifier);

  auto starting = b->start_replica(a->upstream("b"));
  Result started = co_await std::move(starting);
  REQUIRE_OK(started);
  auto streaming = b->until([](const Facts& f) { return f.probe && f.probe->receiver_state == "streaming"; });
  EXPECT_TRUE(co_await std::move(streaming));
  const auto& facts = b->server->facts();
  REQUIRE(facts.probe.has_value());
  EXPECT_TRUE(facts.probe->in_recovery);
  EXPECT_EQ(facts.probe->effective_timeline.value, 1u);
  EXPECT_EQ(facts.probe->receiver_slot, "b");
  EXPECT_EQ(facts.probe->replication_state(), "streaming");
  EXPECT_EQ(b->server->recovery_difference(a->upstream("b"), Role::replica), RecoveryDifference::none);
  EXPECT_EQ(b->server->recovery_difference(a->upstream("c"), Role::replica), RecoveryDifference::reload);
  EXPECT_EQ(b->server->recovery_difference(std::nullopt, Role::replica), RecoveryDifference::reload);
  // Settings that are applied to a standby do not cut it off from its source.
  auto changed = std::make_shared<config::Settings>(*b->settings);
  changed->postgresql.parameters["work_mem"] = "9MB";
  auto reloading = b->server->apply(changed, Role::replica, false, b->in(5s));
  Result reloaded = co_await std::move(reloading);
  EXPECT_TRUE(reloaded) << text(reloaded);
  auto mem = b->sql("SHOW work_mem");
  EXPECT_EQ(co_await std::move(mem), "9MB");
  EXPECT_EQ(b->server->recovery_difference(a->upstream("b"), Role::replica), RecoveryDifference::none);

  auto seen = a->until([](const Facts& f) { return f.probe && f.probe->wal_senders.size() == 1; });
  EXPECT_TRUE(co_await std::move(seen));
  if (a->server->facts().probe && a->server->facts().probe->wal_senders.size() == 1) {
    const auto& sender = a->server->facts().probe->wal_senders.front();
    EXPECT_EQ(sender.application_name, "two");
    EXPECT_EQ(sender.client_addr, "127.0.0.1");
    EXPECT_EQ(sender.usename, "replicator");
  }

  // Following nobody and back again, by reload.
  auto leaving = b->server->follow_by_reload(std::nullopt, Role::replica, b->in(5s));
  Result left = co_await std::move(leaving);
  EXPECT_TRUE(left) << text(left);
  auto alone = b->until([](const Facts& f) { return f.probe && f.probe->receiver_pid == 0; });
  EXPECT_TRUE(co_await std::move(alone));
  EXPECT_TRUE(b->saw(ServerEvent::receiver_ended));
  EXPECT_EQ(facts.probe->effective_timeline.value, 1u);
  EXPECT_EQ(b->server->recovery_difference(std::nullopt, Role::replica), RecoveryDifference::none);
  auto returning = b->server->follow_by_reload(a->upstream("b"), Role::replica, b->in(5s));
  co_await std::move(returning);
  auto back = b->until([](const Facts& f) { return f.probe && f.probe->receiver_state == "streaming"; });
  EXPECT_TRUE(co_await std::move(back));

  // The stream's end is noticed at once.
  b->events.clear();
  a->server->signal_stop(StopMode::immediate);
  auto a_down = a->server->wait_down(a->in(10s));
  EXPECT_TRUE(co_await std::move(a_down));
  auto lost = b->until([b](const Facts&) { return b->saw(ServerEvent::receiver_ended); }, 2s);
  EXPECT_TRUE(co_await std::move(lost));

  // b takes over; a, which went on in its own way, is compared and rewound.
  b->events.clear();
  const Instant begin = b->clock.now();
  auto promoting = b->server->promote(b->in(10s));
  Result promoted = co_await std::move(promoting);
  REQUIRE_OK(promoted);
  auto writable = b->server->wait_promoted(b->in(10s));
  EXPECT_TRUE(co_await std::move(writable));
  EXPECT_LT(b->clock.now() - begin, 2s);
  EXPECT_FALSE(facts.probe->in_recovery);
  EXPECT_EQ(facts.probe->timeline.value, 2u);
  EXPECT_TRUE(b->saw(ServerEvent::role_changed));
  auto writing = b->sql("INSERT INTO t VALUES (0)");
  co_await std::move(writing);
  auto checkpointing = b->server->checkpoint(b->in(10s));
  co_await std::move(checkpointing);
  auto reading = b->server->history({2}, "two", b->in(5s));
  auto lines = co_await std::move(reading);
  REQUIRE(lines.size() == 1);
  EXPECT_EQ(lines[0].parent.value, 1u);
  EXPECT_EQ(lines[0].new_leader, "two");
  EXPECT_THAT(lines[0].timestamp, HasSubstr("T"));

  auto restarting = a->start_primary();
  Result restarted = co_await std::move(restarting);
  EXPECT_TRUE(restarted) << text(restarted);
  auto diverging = a->sql("INSERT INTO t SELECT generate_series(5000, 6000)");
  co_await std::move(diverging);
  a->server->signal_stop(StopMode::immediate);
  auto down_again = a->server->wait_down(a->in(10s));
  co_await std::move(down_again);
  auto recovering = a->server->crash_recover(a->in(30s));
  Result recovered = co_await std::move(recovering);
  EXPECT_TRUE(recovered) << text(recovered);
  REQUIRE(a->server->facts().control.has_value());
  EXPECT_EQ(a->server->facts().control->cluster_state, "shut down");
  auto comparing = a->server->compare_with(b->upstream(), a->in(10s));
  const auto answer = co_await std::move(comparing);
  EXPECT_EQ(answer.verdict, Divergence::diverged) << answer.detail;
  EXPECT_EQ(answer.leader_timeline.value, 2u);
  auto rewinding = a->server->rewind(b->upstream(), {}, a->in(60s));
  Result rewound = co_await std::move(rewinding);
  REQUIRE_OK(rewound);
  auto following = a->start_replica(b->upstream());
  Result followed = co_await std::move(following);
  REQUIRE_OK(followed);
  auto joined = a->until([](const Facts& f) {
    return f.probe && f.probe->receiver_state == "streaming" && f.probe->effective_timeline.value == 2;
  });
  EXPECT_TRUE(co_await std::move(joined));
  auto same = a->sql("SELECT count(*) FROM t");
  EXPECT_EQ(co_await std::move(same), "1001");
  // A standby on the leader's timeline has not diverged.
  auto comparing_again = a->server->compare_with(b->upstream(), a->in(10s));
  const auto fine = co_await std::move(comparing_again);
  EXPECT_EQ(fine.verdict, Divergence::none) << fine.detail;
}

TEST_F(ServerTest, a_replica_is_cloned_streams_is_promoted_and_the_old_primary_is_rewound) {
  Node a(io_.get_executor(), clock_, disk_, settings("one"));
  Node b(io_.get_executor(), clock_, disk_, settings("two"));
  run(then_end(replication(&a, &b), {&a, &b}));
}

Task<void> busy_client(Node* n) {
  auto looping = n->sql("DO $$ BEGIN LOOP PERFORM count(*) FROM generate_series(1, 100000); END LOOP; END $$");
  co_await std::move(looping);
}

Task<void> murder(Node* n, TaskScope* clients) {
  auto booting = n->bootstrap();
  Result booted = co_await std::move(booting);
  REQUIRE_OK(booted);
  for (int i = 0; i < 4; ++i) clients->spawn("client", busy_client(n));
  auto busy = n->until([](const Facts&) { return true; });
  co_await std::move(busy);
  auto nap = n->clock.sleep_for(300ms);
  co_await std::move(nap);
  auto noting = n->server->refresh(0s, n->in(5s));
  co_await std::move(noting);
  const int pid = n->server->facts().postmaster_pid;
  const auto children = process::children(pid);
  EXPECT_GE(children.size(), 8u);
  n->events.clear();

  const Instant begin = n->clock.now();
  ::kill(pid, SIGKILL);
  auto down = n->server->wait_down(n->in(10s));
  EXPECT_TRUE(co_await std::move(down));
  const Duration took = n->clock.now() - begin;
  EXPECT_LT(took, 500ms);
  EXPECT_TRUE(n->saw(ServerEvent::postmaster_died));
  for (const pid_t child : children) {
    const auto seen = process::stat(child);
    EXPECT_TRUE(!seen || seen->dead()) << process::title(child);
  }
  auto restarting = n->start_primary();
  Result restarted = co_await std::move(restarting);
  EXPECT_TRUE(restarted) << text(restarted);
  EXPECT_LT(n->clock.now() - begin, 1500ms);

  // A postmaster that is stopped hangs nobody; killing all still works.
  const int again = n->server->facts().postmaster_pid;
  ::kill(again, SIGSTOP);
  for (const pid_t child : process::children(again)) ::kill(child, SIGSTOP);
  const Instant asked = n->clock.now();
  auto refreshing = n->server->refresh(0s, n->in(300ms));
  co_await std::move(refreshing);
  EXPECT_LT(n->clock.now() - asked, 400ms);
  auto failing = n->until([](const Facts& f) { return f.failing_since.has_value(); }, 6s);
  EXPECT_TRUE(co_await std::move(failing));
  EXPECT_EQ(n->server->facts().process, Process::running);
  auto killing = n->server->kill_everything(n->in(5s));
  EXPECT_TRUE(co_await std::move(killing));
  EXPECT_EQ(n->server->facts().process, Process::none);
  auto closing = clients->close();
  co_await std::move(closing);
}

TEST_F(ServerTest, nothing_survives_a_killed_postmaster_and_a_stopped_one_hangs_nobody) {
  Node node(io_.get_executor(), clock_, disk_, settings("one"));
  TaskScope clients(io_.get_executor());
  run(then_end(murder(&node, &clients), {&node}));
}

Task<void> bad_days(Node* n, std::string root) {
  auto& pg = n->settings->postgresql;
  // Content of others in the data directory: refused, and left alone.
  (void)blocking::write_file(pg.data_dir + "/thesis.txt", "", 0600);
  auto opening = n->server->open(n->settings);
  Result opened = co_await std::move(opening);
  EXPECT_TRUE(opened) << text(opened);
  EXPECT_EQ(n->server->facts().data_directory, DataDirectory::foreign);
  auto making = n->server->initdb(n->in(30s));
  Result made = co_await std::move(making);
  EXPECT_FALSE(made);
  auto starting = n->start_primary();
  Result started = co_await std::move(starting);
  EXPECT_THAT(text(started), HasSubstr("holds no whole PostgreSQL cluster"));
  EXPECT_TRUE(fs::exists(pg.data_dir + "/thesis.txt"));
  fs::remove(pg.data_dir + "/thesis.txt");

  // A port that is in use.
  auto again = n->server->initdb(n->in(30s));
  Result remade = co_await std::move(again);
  REQUIRE_OK(remade);
  const int blocker = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(pg.port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(blocker, reinterpret_cast<sockaddr*>(&address), sizeof address);
  ::listen(blocker, 1);
  StartRequest request;
  request.as_standby = false;
  auto launching = n->server->start(request, n->in(5s));
  Result launched = co_await std::move(launching);
  EXPECT_TRUE(launched) << text(launched);
  auto waiting = n->server->wait_started(n->in(5s));
  EXPECT_EQ(co_await std::move(waiting), StartOutcome::died);
  ::close(blocker);
  EXPECT_EQ(n->server->facts().process, Process::none);

  // Wrong permissions.
  fs::permissions(pg.data_dir, fs::perms::all);
  auto open_for_all = n->server->start(request, n->in(5s));
  Result refused = co_await std::move(open_for_all);
  EXPECT_THAT(text(refused), HasSubstr("has permissions 0777"));
  fs::permissions(pg.data_dir, fs::perms::owner_all);

  // Binaries of another version.
  const std::string fake = root + "/fake";
  fs::create_directory(fake);
  (void)blocking::write_file(fake + "/postgres", "#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n", 0700);
  auto wrong = std::make_shared<config::Settings>(*n->settings);
  wrong->postgresql.bin_dir = fake;
  auto applying = n->server->apply(wrong, Role::primary, false, n->in(5s));
  co_await std::move(applying);
  auto mismatched = n->server->start(request, n->in(5s));
  Result mismatch = co_await std::move(mismatched);
  EXPECT_THAT(text(mismatch), HasSubstr("was made by PostgreSQL 15, but"));

  auto renaming = n->server->rename_data_directory(n->in(5s));
  Result renamed = co_await std::move(renaming);
  EXPECT_TRUE(renamed) << text(renamed);
  EXPECT_TRUE(fs::exists(pg.data_dir + ".failed/PG_VERSION"));
  EXPECT_EQ(n->server->facts().data_directory, DataDirectory::empty);
}

TEST_F(ServerTest, what_is_wrong_is_named_and_nothing_of_others_is_touched) {
  Node node(io_.get_executor(), clock_, disk_, settings("one"));
  run(then_end(bad_days(&node, root_), {&node}));
}

Task<void> cancel_a_clone(Node* a, Node* b) {
  auto booting = a->bootstrap();
  Result booted = co_await std::move(booting);
  REQUIRE_OK(booted);
  auto opening = b->server->open(b->settings);
  Result opened = co_await std::move(opening);
  REQUIRE_OK(opened);
  // Throttled, so that it is under way when it is given up.
  auto slow = std::make_shared<config::Settings>(*b->settings);
  slow->postgresql.basebackup_options = {{"max-rate", "1M"}};
  auto applying = b->server->apply(slow, Role::replica, false, b->in(5s));
  co_await std::move(applying);
  auto cloning = b->server->base_backup(a->upstream(), {}, b->in(60s));
  auto bounded = with_deadline(b->clock, std::move(cloning), b->in(1500ms));
  const auto result = co_await std::move(bounded);
  EXPECT_FALSE(result.has_value());
  EXPECT_FALSE(fs::exists(b->settings->postgresql.data_dir + ".clone"));
  EXPECT_FALSE(fs::exists(b->settings->state_dir + "/clone"));
  auto refreshing = b->server->refresh(0s, b->in(5s));
  co_await std::move(refreshing);
  EXPECT_EQ(b->server->facts().data_directory, DataDirectory::empty);
}

TEST_F(ServerTest, a_clone_that_is_given_up_leaves_nothing) {
  Node a(io_.get_executor(), clock_, disk_, settings("one"));
  Node b(io_.get_executor(), clock_, disk_, settings("two"));
  run(then_end(cancel_a_clone(&a, &b), {&a, &b}));
}

}  // namespace
}  // namespace tanist::postgres

/// PostgreSQL refuses to run as root: so do these tests, where there is another user.
int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  tanist::process::ignore_sigpipe();
  tanist::log::configure({.level = tanist::log::Level::warning});
  if (::geteuid() == 0) {
    if (const passwd* user = ::getpwnam("postgres"); user != nullptr) {
      if (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0) return 1;
      ::setenv("HOME", user->pw_dir, 1);
    }
  }
  return RUN_ALL_TESTS();
}
