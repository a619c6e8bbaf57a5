#include "api/event_feed.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "api/server.h"
#include "contract/run_task.h"
#include "unit/api/snapshots.h"
#include "unit/net/raw_peer.h"

namespace tanist::api {
namespace {

using namespace std::chrono_literals;
using net::test::RawSocket;

/// A member whose API serves, and what its control publishes.
class Events : public ::testing::Test {
 protected:
  void start() {
    server = std::make_unique<ApiServer>(board, mailbox,
                                         ApiServer::Options{.settings = test::settings("pgb"), .http = {}});
    ASSERT_TRUE(server->start());
  }
  void leads(const std::string& name) {
    auto s = test::replica();
    s.published_at = s.cluster_read_at = BootClock::now();
    test::change_view(s).leader->name = name;
    s.watched = s.cluster;
    board.publish(std::make_shared<ha::Snapshot>(std::move(s)));
  }
  RawSocket listen(const std::string& header = {}, const char* version = "HTTP/1.1") {
    auto socket = RawSocket::connect(server->port());
    socket.send("GET /events " + std::string(version) + "\r\nHost: x\r\n" + header + "\r\n");
    return socket;
  }
  static std::string last_id(const std::string& text) {
    const auto at = text.rfind("id: ");
    return at == std::string::npos ? "" : text.substr(at + 4, text.find('\n', at) - at - 4);
  }

  ha::SnapshotBoard board;
  SystemClock clock;
  ha::Mailbox mailbox{clock, "not started"};
  std::unique_ptr<ApiServer> server;
};

TEST_F(Events, begin_with_a_snapshot_and_follow_what_changes) {
  leads("pga");
  start();
  auto socket = listen();
  const auto first = socket.receive("\n\n\r\n");
  EXPECT_NE(first.find("Content-Type: text/event-stream\r\n"), std::string::npos) << first;
  EXPECT_NE(first.find("Cache-Control: no-store\r\n"), std::string::npos) << first;
  EXPECT_NE(first.find("retry: 1000\n\nid: "), std::string::npos) << first;
  EXPECT_NE(first.find("event: snapshot\ndata: {\"scope\": \"shop\", "), std::string::npos) << first;
  EXPECT_NE(first.find("\"why\": \"begin\""), std::string::npos) << first;
  leads("pgb");
  const auto next = socket.receive("event: role");
  EXPECT_NE(next.find("event: leader\ndata: {\"leader\": \"pgb\", \"before\": \"pga\""), std::string::npos)
      << next;
}

TEST_F(Events, resume_where_a_listener_was) {
  leads("pga");
  start();
  auto socket = listen();
  const auto id = last_id(socket.receive("\n\n\r\n"));
  socket.close();
  leads("pgb");
  auto again = listen("Last-Event-ID: " + id + "\r\n");
  const auto text = again.receive("event: role");
  EXPECT_EQ(text.find("event: snapshot"), std::string::npos) << text;
  EXPECT_NE(text.find("event: leader"), std::string::npos) << text;
}

TEST_F(Events, an_id_that_nobody_knows_is_answered_with_a_snapshot) {
  leads("pga");
  start();
  for (const char* id : {"garbage", "1", "\xc3\xa9", "0-0", "18446744073709551616"}) {
    auto socket = listen("Last-Event-ID: " + std::string(id) + "\r\n");
    const auto text = socket.receive("\n\n\r\n");
    EXPECT_NE(text.find("event: snapshot"), std::string::npos) << id << text;
    EXPECT_NE(text.find("\"why\": \"unknown id\""), std::string::npos) << id << text;
  }
}

TEST_F(Events, come_without_chunks_for_http_1_0) {
  leads("pga");
  start();
  auto socket = listen({}, "HTTP/1.0");
  const auto text = socket.receive("}\n\n");
  EXPECT_EQ(text.find("chunked"), std::string::npos) << text;
  EXPECT_NE(text.find("\r\n\r\nretry: 1000\n\nid: "), std::string::npos) << text;
}

TEST_F(Events, end_with_the_server) {
  leads("pga");
  start();
  auto socket = listen();
  socket.receive("\n\n\r\n");
  const Instant begun = BootClock::now();
  server->stop();
  EXPECT_TRUE(socket.receive().ends_with("0\r\n\r\n"));
  EXPECT_LT(BootClock::now() - begun, 400ms);
}

/// Its memory is what all share: what it has not taken when that is gone is not kept for it.
TEST_F(Events, a_listener_that_has_fallen_behind_is_told_nothing_more) {
  boost::asio::io_context io(1);
  leads("pga");
  const auto feed = std::make_shared<EventFeed>(clock, board, EventFeed::Limits{.log = {.events = 12}});
  const auto slow = feed->open({});
  const auto next = [&](const net::HttpResponse& listener) {
    return tanist::test::run(io, listener.stream->next());
  };
  EXPECT_NE(next(slow).find("event: snapshot"), std::string::npos);
  leads("pgb");
  auto quick = feed->open({});
  EXPECT_NE(next(slow).find("event: leader"), std::string::npos);
  for (int i = 0; i < 10; ++i) {
    leads(i % 2 == 0 ? "pga" : "pgb");
    quick = feed->open({});
  }
  EXPECT_EQ(next(slow), "");
  EXPECT_NE(next(quick).find("event: snapshot"), std::string::npos);
  feed->close();
  EXPECT_EQ(next(quick), "");
  EXPECT_EQ(feed->open({}).status, 503);
}

TEST_F(Events, there_are_none_before_the_first_snapshot) {
  start();
  auto socket = listen();
  const auto text = socket.receive("yet");
  EXPECT_TRUE(text.starts_with("HTTP/1.1 503")) << text;
  EXPECT_NE(text.find("Retry-After: 1\r\n"), std::string::npos) << text;
}

TEST_F(Events, listeners_beyond_the_limit_are_refused) {
  leads("pga");
  start();
  std::vector<RawSocket> listeners;
  for (std::size_t i = 0; i < EventFeed::Limits().listeners; ++i) {
    listeners.push_back(listen());
    ASSERT_NE(listeners.back().receive("\n\n\r\n").find("event: snapshot"), std::string::npos);
  }
  auto one_more = listen();
  const auto text = one_more.receive("limit");
  EXPECT_TRUE(text.starts_with("HTTP/1.1 503")) << text;
  EXPECT_NE(text.find("Retry-After: "), std::string::npos);
  listeners.front().close();
  for (int attempt = 0;; ++attempt) {
    auto next = listen();
    const auto answer = next.receive("\r\n\r\n");
    if (answer.starts_with("HTTP/1.1 200")) break;
    ASSERT_LT(attempt, 1000) << "the place of one that left is free";
  }
}

}  // namespace
}  // namespace tanist::api
