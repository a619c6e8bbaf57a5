#pragma once

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

#include "async/disk_thread.h"
#include "async/task_scope.h"
#include "async/wait.h"
#include "log/log.h"
#include "net/resolver.h"
#include "postgres/client/connection.h"
#include "postgres/whole/local_server.h"
#include "process/child.h"
#include "process/proc.h"
#include "process/signals.h"

/// What tests of the port against real PostgreSQL 15 share: temporary directories, settings, a server with
/// its events.
namespace tanist::postgres {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

inline constexpr const char* kBinaries = "/usr/lib/postgresql/15/bin";

#define REQUIRE(condition)       \
  if (!(condition)) {            \
    ADD_FAILURE() << #condition; \
    co_return;                   \
  }
#define REQUIRE_OK(result)         \
  if (!(result)) {                 \
    ADD_FAILURE() << text(result); \
    co_return;                     \
  }

inline std::string text(const Result& result) {
  return result ? "" : result.error().detail;
}

inline int free_port() {
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
    if (::access((std::string(kBinaries) + "/postgres").c_str(), X_OK) != 0)
      GTEST_SKIP() << "no PostgreSQL 15";
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
    pg.tools.bin_dir = kBinaries;
    pg.pgpass = root_ + "/" + name + ".pgpass";
    pg.accounts.superuser = {"postgres", Secret("super's"), {}};
    pg.accounts.replication = {"replicator", Secret("rep\\pass"), {}};
    pg.accounts.rewind = {"rewinder", Secret("rewind"), {}};
    pg.parameters = {
        {"wal_level", "hot_standby"},       {"hot_standby", "on"},      {"max_connections", "50"},
        {"max_wal_senders", "5"},           {"wal_log_hints", "on"},    {"fsync", "off"},
        {"unix_socket_directories", root_}, {"no_such_parameter", "1"}, {"max_replication_slots", "5"},
        {"shared_buffers", "16MB"}};
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
    Result started = co_await server->start(std::move(request), in(10s));
    if (!started) co_return started;
    const StartOutcome outcome = co_await server->wait_started(in(20s));
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
    Result opened = co_await server->open(settings);
    if (!opened) co_return opened;
    Result made = co_await server->initdb(in(60s));
    if (!made) co_return made;
    Result started = co_await start_primary();
    if (!started) co_return started;
    co_return co_await server->post_bootstrap(in(20s));
  }
  Task<std::string> sql(std::string statement) {
    net::Resolver resolver(co_await boost::asio::this_coro::executor);
    Connection connection(clock, resolver);
    auto connected = co_await connection.connect(
        local_parameters(*settings, settings->postgresql.accounts.superuser, false), in(5s));
    if (!connected) co_return "connect: " + connected.error().detail;
    auto rows = co_await connection.command(std::move(statement), in(20s));
    if (!rows) co_return "error: " + rows.error().detail;
    co_return rows->empty() ? "" : rows->front()[0].value_or("null");
  }
  Task<bool> stop(StopMode mode = StopMode::fast) {
    server->signal_stop(mode);
    co_return co_await server->wait_down(in(20s));
  }
  Task<void> end() {
    co_await server->kill_everything(in(10s));
    co_await server->close();
  }
  /// Until `condition`, looking with each probe.
  Task<bool> until(std::function<bool(const Facts&)> condition, Duration patience = 15s) {
    const Instant deadline = in(patience);
    while (clock.now() < deadline) {
      co_await server->refresh(Duration::zero(), in(5s));
      if (condition(server->facts())) co_return true;
      co_await clock.sleep_for(20ms);
    }
    co_return false;
  }

  Clock& clock;
  std::shared_ptr<config::Settings> settings;
  std::unique_ptr<LocalServer> server;
  std::vector<ServerEvent> events;
};

/// The test's body, then the end of the servers in any case.
inline Task<void> then_end(Task<void> body, std::vector<Node*> nodes) {
  co_await std::move(body);
  for (Node* node : nodes) {
    co_await node->end();
  }
}

}  // namespace tanist::postgres
