#include "api/server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "core/version.h"
#include "log/log.h"
#include "unit/api/served.h"
#include "unit/core/no_threads.h"
#include "unit/net/certificates.h"

namespace tanist::api {
namespace {

using namespace std::chrono_literals;
using net::test::RawSocket;
namespace order = ha::order;
using ApiServerTest = test::Served;
using test::Reply;

TEST_F(ApiServerTest, a_health_check_carries_the_status_document) {
  publish(test::primary());
  start();
  const Reply reply = ask("GET /primary");
  EXPECT_EQ(reply.status, 200);
  EXPECT_NE(reply.head.find("Content-Type: application/json"), std::string::npos);
  EXPECT_NE(reply.head.find(std::string("Server: Tanist/") + version()), std::string::npos);
  EXPECT_NE(reply.head.find("Content-Length: " + std::to_string(reply.body.size())), std::string::npos);
  EXPECT_TRUE(reply.body.starts_with(R"({"state": "running", )")) << reply.body;
  const Reply unknown = ask("GET /no/such/path");
  EXPECT_EQ(unknown.status, 503);
  EXPECT_EQ(unknown.body, reply.body);
}

TEST_F(ApiServerTest, head_and_options_have_no_body) {
  publish(test::primary());
  start();
  for (const char* line :
       {"HEAD /primary", "OPTIONS /primary", "OPTIONS /", "HEAD /liveness", "OPTIONS /readiness"}) {
    const Reply reply = ask(line);
    EXPECT_EQ(reply.status, 200) << line;
    EXPECT_EQ(reply.body, "") << line;
    EXPECT_EQ(reply.head.find("Content-Type"), std::string::npos) << line;
  }
  for (const char* line :
       {"HEAD /replica", "OPTIONS /patroni", "HEAD /cluster", "HEAD /config", "HEAD /history"}) {
    const Reply reply = ask(line);
    EXPECT_EQ(reply.status, 503) << line;
    EXPECT_EQ(reply.body, "") << line;
  }
}

TEST_F(ApiServerTest, answers_before_the_first_snapshot) {
  start();
  EXPECT_EQ(ask("GET /liveness").status, 200);
  EXPECT_EQ(ask("GET /primary").status, 503);
  const Reply reply = ask("GET /patroni");
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(
      reply.body.starts_with(R"({"state": "stopped", "role": "uninitialized", "cluster_unlocked": true)"))
      << reply.body;
  EXPECT_EQ(ask("GET /failsafe").body, "{}");
}

TEST_F(ApiServerTest, only_the_first_segment_names_a_resource) {
  publish(test::primary());
  start();
  EXPECT_EQ(ask("GET /patroni/x/y?z=1").status, 200);
  EXPECT_EQ(ask("GET //patroni").status, 200);
  EXPECT_EQ(ask("GET /patronix").status, 503);
}

TEST_F(ApiServerTest, methods_that_nobody_knows_are_refused_with_501) {
  publish(test::primary());
  start();
  for (const char* line : {"POST /patroni", "DELETE /config", "BREW /coffee"}) {
    const Reply reply = ask(line);
    EXPECT_EQ(reply.status, 501) << line;
    EXPECT_NE(reply.body.find("Server does not support this operation"), std::string::npos) << line;
  }
  EXPECT_TRUE(ask("BREW /coffee").head.starts_with("HTTP/1.1 501 Unsupported method ('BREW')\r\n"));
  EXPECT_NE(ask("BREW /coffee").body.find("Unsupported method ('BREW')"), std::string::npos);
}

TEST_F(ApiServerTest, patroni_asks_for_a_fresh_probe) {
  auto s = test::primary();
  publish(s);
  const Instant old = BootClock::now() - 5s;
  s.facts.probe->asked_at = old;
  s.published_at = BootClock::now();
  s.lease_until = s.published_at + 10s;
  board.publish(std::make_shared<ha::Snapshot>(s));
  test::FakeControl control;
  control.refresh = [&](order::Refresh order) {
    EXPECT_EQ(order.max_age, kProbeMaxAge);
    auto next = s;
    next.facts.probe->asked_at = BootClock::now();
    next.facts.probe->wal = Lsn{117440665};
    board.publish(std::make_shared<ha::Snapshot>(next));
    return std::monostate();
  };
  start(control);
  EXPECT_NE(ask("GET /patroni").body.find(R"("xlog": {"location": 117440665})"), std::string::npos);
}

TEST_F(ApiServerTest, patroni_waits_only_briefly_for_a_blocked_control_thread) {
  auto s = test::primary();
  s.facts.probe->asked_at = BootClock::now() - 5s;
  s.published_at = BootClock::now();
  board.publish(std::make_shared<ha::Snapshot>(s));
  start(test::FakeControl());
  const Instant begun = BootClock::now();
  EXPECT_NE(ask("GET /patroni").body.find(R"("xlog": {"location": 117440664})"), std::string::npos);
  EXPECT_GE(BootClock::now() - begun, kRefreshPatience);
  EXPECT_LT(BootClock::now() - begun, kRefreshPatience + 2s);
}

TEST_F(ApiServerTest, health_checks_do_not_wait_for_a_blocked_control_thread) {
  auto s = test::primary();
  publish(s);
  start();
  auto blocked = *board.get();
  blocked.lease_until = BootClock::now() + 500ms;
  board.publish(std::make_shared<ha::Snapshot>(blocked));
  // Nothing is published any more: the answer turns at the lease's end, by the clock of the api thread.
  int last = 200;
  bool seen_200 = false;
  while (last == 200 && BootClock::now() < blocked.lease_until + 2s) {
    const Instant before = BootClock::now();
    last = ask("GET /primary").status;
    seen_200 |= last == 200;
    if (before >= blocked.lease_until) {
      EXPECT_EQ(last, 503);
    }
  }
  EXPECT_TRUE(seen_200);
  EXPECT_EQ(last, 503);
  EXPECT_EQ(ask("GET /liveness").status, 503);
  EXPECT_TRUE(ask("GET /patroni").body.ends_with(R"("stale": true})"));
}

TEST_F(ApiServerTest, cluster_is_read_from_the_store) {
  publish(test::primary());
  test::FakeControl control;
  control.read = [](order::ReadCluster) {
    auto cluster = test::cluster();
    cluster->config = {dcs::Version("1"), Document::map({{"pause", true}}), true};
    return cluster;
  };
  start(control);
  const Reply reply = ask("GET /cluster");
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(reply.body.starts_with(R"({"members": [{"name": "pga", "role": "leader", )")) << reply.body;
  EXPECT_TRUE(reply.body.ends_with(R"("pause": true, "scope": "shop"})")) << reply.body;
}

/// What the watch has brought since the last cycle is in the copy alone.
TEST_F(ApiServerTest, cluster_is_answered_from_the_watched_copy_while_it_may_be_relied_on) {
  auto s = test::primary();
  auto copy = test::cluster();
  copy->members["pgc"].name = "pgc";
  s.watched = copy;
  publish(s);
  std::atomic<int> reads = 0;
  test::FakeControl control;
  control.read = [&](order::ReadCluster) {
    ++reads;
    return test::cluster();
  };
  start(control);
  const auto knows_pgc = [](const Reply& reply) {
    EXPECT_EQ(reply.status, 200);
    return reply.body.find("pgc") != std::string::npos;
  };
  EXPECT_TRUE(knows_pgc(ask("GET /cluster")));
  EXPECT_TRUE(knows_pgc(ask("GET /cluster")));
  EXPECT_EQ(reads, 0);
  EXPECT_FALSE(knows_pgc(exchange("GET /cluster", "Cache-Control: No-Cache\r\nConnection: close\r\n\r\n")))
      << "whoever wants the store itself gets it";
  EXPECT_EQ(reads, 1);

  s.store_ok = false;
  publish(s);
  EXPECT_FALSE(knows_pgc(ask("GET /cluster"))) << "the store does not answer";
  s.store_ok = true;
  s.watched = nullptr;
  publish(s);
  EXPECT_FALSE(knows_pgc(ask("GET /cluster"))) << "the watch is not there";
  s.watched = copy;
  publish(s);
  EXPECT_TRUE(knows_pgc(ask("GET /cluster")));
  s.published_at = BootClock::now() - kCopyMaxAge - 1ms;
  s.cluster_read_at = BootClock::now();
  board.publish(std::make_shared<ha::Snapshot>(s));
  EXPECT_FALSE(knows_pgc(ask("GET /cluster"))) << "control is not heard of";
  EXPECT_EQ(reads, 4);
}

TEST_F(ApiServerTest, metrics_come_in_the_form_that_is_asked_for) {
  publish(test::primary());
  start();
  const Reply plain = ask("GET /metrics");
  EXPECT_EQ(plain.status, 200);
  EXPECT_NE(plain.head.find("Content-Type: text/plain; version=0.0.4; charset=utf-8"), std::string::npos);
  EXPECT_NE(plain.body.find("\npatroni_primary{scope=\"shop\",name=\"pga\"} 1\n"), std::string::npos);
  const Reply open =
      exchange("GET /metrics", "Accept: application/openmetrics-text\r\nConnection: close\r\n\r\n");
  EXPECT_NE(open.head.find("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
            std::string::npos);
  EXPECT_TRUE(open.body.ends_with("\n# EOF\n"));
  publish(test::replica());
  EXPECT_NE(ask("GET /metrics").body.find("\npatroni_primary{scope=\"shop\",name=\"pgb\"} 0\n"),
            std::string::npos);
}

TEST_F(ApiServerTest, an_unreachable_store_is_a_503_with_the_reason) {
  publish(test::primary());
  test::FakeControl control;
  control.read = [](order::ReadCluster) { return std::unexpected(std::string("connection refused")); };
  start(control);
  const Reply reply = ask("GET /cluster");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body, "could not read the cluster from the store: connection refused");
}

TEST_F(ApiServerTest, history_and_config_come_from_the_view) {
  auto s = test::primary();
  auto& view = test::change_view(s);
  view.config = {dcs::Version("3"), Document::map({{"ttl", 30}}), true};
  view.history.lines.push_back({Timeline{1}, Lsn{25165984}, "no recovery target specified",
                                "2031-05-01T10:00:00.120000+00:00", "pgb"});
  view.history.lines.push_back({Timeline{2}, Lsn{50331808}, "before"});
  publish(s);
  start();
  EXPECT_EQ(ask("GET /history").body,
            R"([[1, 25165984, "no recovery target specified", "2031-05-01T10:00:00.120000+00:00", "pgb"], )"
            R"([2, 50331808, "before"]])");
  EXPECT_EQ(ask("GET /config").body, R"({"ttl": 30})");
  test::change_view(s).config = {};
  publish(s);
  EXPECT_EQ(ask("GET /config").status, 502);
  EXPECT_EQ(ask("GET /failsafe").status, 502);
}

TEST_F(ApiServerTest, a_port_in_use_is_a_clear_error) {
  start();
  auto taken = test::settings("pgb");
  taken->restapi.listen.port = server->port();
  ApiServer second(board, mailbox, {.settings = taken, .http = {}});
  const auto started = second.start();
  ASSERT_FALSE(started);
  const std::string where = "127.0.0.1:" + std::to_string(server->port());
  EXPECT_TRUE(started.error().starts_with("the REST API cannot listen on " + where)) << started.error();
  EXPECT_NE(started.error().find("Address already in use"), std::string::npos) << started.error();
}

TEST_F(ApiServerTest, stop_ends_open_connections_and_may_be_repeated) {
  start();
  auto idle = RawSocket::connect(server->port());
  idle.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
  idle.receive("\r\n\r\n");
  server->stop();
  idle.receive();
  server->stop();
}

TEST_F(ApiServerTest, a_stop_does_not_wait_for_an_answer_that_does_not_come) {
  publish(test::replica());
  std::atomic<bool> asked = false;
  test::FakeControl control;
  control.read = [&](order::ReadCluster) -> std::optional<order::ReadCluster::Answer> {
    asked = true;
    return std::nullopt;
  };
  start(control);
  auto socket = RawSocket::connect(server->port());
  socket.send("GET /cluster HTTP/1.1\r\nHost: x\r\n\r\n");
  while (!asked) std::this_thread::yield();
  const Instant begun = BootClock::now();
  server->stop();
  EXPECT_LT(BootClock::now() - begun, 5s);
  server.reset();
  control_thread->close("too late");
}

TEST_F(ApiServerTest, whoever_waits_when_the_daemon_ends_is_told) {
  publish(test::replica());
  std::atomic<int> asked = 0;
  test::FakeControl control;
  control.read = [&](order::ReadCluster) { return test::cluster(); };
  control.restart = [&](order::Restart) -> std::optional<order::Restart::Answer> {
    ++asked;
    return std::nullopt;
  };
  start(control);
  std::vector<RawSocket> askers;
  for (int i = 0; i < 3; ++i) {
    askers.push_back(RawSocket::connect(server->port()));
    askers.back().send("POST /restart HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  }
  EXPECT_TRUE(until([&] { return asked == 3; }));
  control_thread->close("the daemon is shutting down");
  server->stop();
  for (auto& asker : askers) {
    const std::string answer = asker.receive();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
    EXPECT_TRUE(answer.ends_with("whether postgres was restarted is not known: the daemon is shutting down"))
        << answer;
  }
}

TEST_F(ApiServerTest, before_the_daemon_has_started_nothing_is_taken) {
  start();
  for (const char* line : {"POST /reload", "DELETE /restart"}) {
    const Reply reply = send(line, "");
    EXPECT_EQ(reply.status, 503) << line;
    EXPECT_EQ(reply.body, "the daemon has not started yet") << line;
  }
}

TEST_F(ApiServerTest, a_changed_configuration_is_read_back_at_once) {
  auto s = test::primary();
  test::change_view(s).config = {dcs::Version("3"), Document::map({{"ttl", 30}}), true};
  publish(s);
  test::FakeControl control;
  control.read = [&](order::ReadCluster) { return s.cluster; };
  control.write = [](order::WriteKey) { return dcs::WriteResult{dcs::Outcome::done, dcs::Version("4"), {}}; };
  start(control);
  EXPECT_EQ(send("PATCH /config", R"({"ttl":20})").body, R"({"ttl": 20})");
  EXPECT_EQ(ask("GET /config").body, R"({"ttl": 20})") << "the snapshot does not know it yet";
}

TEST_F(ApiServerTest, reload_is_handed_to_control) {
  publish(test::primary());
  std::atomic<int> asked = 0;
  test::FakeControl control;
  control.reload = [&](order::Reload) {
    ++asked;
    return std::monostate();
  };
  start(control);
  const Reply reply = send("POST /reload", "");
  EXPECT_EQ(reply.status, 202);
  EXPECT_EQ(reply.body, "reload scheduled");
  EXPECT_TRUE(until([&] { return asked == 1; }));
}

TEST_F(ApiServerTest, passwords_guard_what_changes_something_and_nothing_else) {
  publish(test::primary());
  rest.authentication = {"admin", Secret("s1")};
  rest.http_extra_headers = {{"X-Site", "north"}, {"Content-Length", "1"}, {"Bad Name", "x"}};
  rest.https_extra_headers = {{"X-Secure", "yes"}};
  test::FakeControl control;
  start(control);
  const Reply refused = send("POST /reload", "");
  EXPECT_EQ(refused.status, 401);
  EXPECT_NE(refused.head.find("WWW-Authenticate: Basic realm=\"Patroni\""), std::string::npos)
      << refused.head;
  EXPECT_EQ(refused.body, "no auth header received");
  EXPECT_EQ(send("POST /switchover", "").status, 401);
  EXPECT_EQ(ask("BREW /coffee").status, 501);
  EXPECT_EQ(ask("OPTIONS /primary").status, 200);
  const Reply health = ask("GET /primary");
  EXPECT_EQ(health.status, 200);
  EXPECT_NE(health.head.find("X-Site: north"), std::string::npos);
  EXPECT_EQ(health.head.find("X-Secure"), std::string::npos) << "that is for https";
  EXPECT_EQ(health.head.find("Bad Name"), std::string::npos);
  EXPECT_EQ(ask("HEAD /primary").head.find("X-Site"), std::string::npos);
  const Reply welcome =
      send("POST /reload", "", "Authorization: Basic " + net::base64_encode("admin:s1") + "\r\n");
  EXPECT_EQ(welcome.status, 202);
}

TEST_F(ApiServerTest, a_reload_changes_access_headers_and_socket) {
  publish(test::primary());
  start(test::FakeControl());
  EXPECT_EQ(send("POST /reload", "").status, 202);
  rest.allowlist = std::vector<std::string>{"192.0.2.0/24"};
  rest.server_tokens = config::RestApi::ServerTokens::minimal;
  reload();
  EXPECT_TRUE(until([&] { return send("POST /reload", "").status == 403; }));
  EXPECT_NE(ask("GET /primary").head.find("Server: Patroni/4.1.4"), std::string::npos);

  // The same port on all addresses: the old socket has to give way.
  const int port = server->port();
  rest.listen = {"*", port};
  reload();
  EXPECT_TRUE(until([&] { return ask("GET /primary").status == 200 && listens_everywhere(port); }));
}

TEST_F(ApiServerTest, an_address_that_is_taken_leaves_the_old_one_serving) {
  publish(test::primary());
  start();
  auto taken = test::settings("pgb");
  ApiServer other(board, mailbox, {.settings = taken, .http = {}});
  ASSERT_TRUE(other.start());
  std::atomic<bool> told = false;
  log::redirect([&](log::Level, const std::string& line) {
    if (line.find("Address already in use (errno 98); it stays on 127.0.0.1:") != std::string::npos)
      told = true;
  });
  rest.listen = {"127.0.0.1", other.port()};
  reload();
  EXPECT_TRUE(until([&] { return told.load(); }));
  log::redirect({});
  EXPECT_EQ(ask("GET /primary").status, 200);
}

TEST_F(ApiServerTest, what_cannot_be_used_in_a_reload_leaves_the_old_serving) {
  net::test::Certificates files;
  publish(test::primary());
  rest.tls.cert_file = files.path("server.crt");
  rest.tls.key_file = files.path("server.key");
  start();
  const int port = server->port();
  EXPECT_NE(files.get(port, ""), "");
  EXPECT_EQ(RawSocket::connect(port).fd() >= 0, true);
  rest.tls.key_file = files.path("client.key");
  rest.server_tokens = config::RestApi::ServerTokens::product_only;
  std::atomic<bool> told = false;
  log::redirect([&](log::Level, const std::string& line) {
    if (line.find("the certificates that were loaded before keep serving") != std::string::npos) told = true;
  });
  reload();
  EXPECT_TRUE(until([&] { return told.load(); }));
  EXPECT_NE(files.get(port, ""), "") << "the old certificate serves";
  rest.tls.key_file = files.path("server.key");
  rest.tls.ca_file = files.path("ca.crt");
  rest.verify_client = config::RestApi::VerifyClient::required;
  reload();
  EXPECT_TRUE(until([&] { return files.get(port, "").empty(); })) << "a certificate is required from now on";
  EXPECT_NE(files.get(port, "client"), "");
  log::redirect({});
}

/// For ThreadSanitizer: control publishes and answers while the api thread reads.
TEST_F(ApiServerTest, publishing_and_answering_go_on_at_once) {
  publish(test::primary());
  test::FakeControl control;
  control.refresh = [](order::Refresh) { return std::monostate(); };
  control.read = [](order::ReadCluster) { return test::cluster(); };
  start(control);
  std::atomic<bool> over = false;
  std::thread publisher([&] {
    bool primary = true;
    while (!over) {
      publish(primary ? test::primary() : test::replica());
      primary = !primary;
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 50; ++i) {
    const int status = ask("GET /primary").status;
    EXPECT_TRUE(status == 200 || status == 503);
    EXPECT_EQ(ask("GET /patroni").status, 200);
    EXPECT_EQ(ask("GET /cluster").status, 200);
  }
  over = true;
  publisher.join();
}

[[noreturn]] void start_without_threads() {
  ha::SnapshotBoard board;
  SystemClock clock;
  ha::Mailbox mailbox(clock, "the daemon has not started yet");
  ApiServer server(board, mailbox, ApiServer::Options{.settings = test::settings("pga"), .http = {}});
  tanist::test::use_up_threads();
  const auto started = server.start();
  if (started || started.error().find("could not start the thread") == std::string::npos)
    tanist::test::end_child(false, started ? "it was started" : started.error().c_str());
  tanist::test::end_child(true, "");
}

TEST(ApiServerDeathTest, without_a_thread_the_start_is_an_error) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(start_without_threads(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace tanist::api
