#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "api/openapi.h"
#include "api/resources.h"
#include "core/format.h"
#include "unit/api/served.h"

namespace tanist::api {
namespace {

using net::test::RawSocket;
namespace order = ha::order;
using Api = test::Served;
using test::Reply;

constexpr unsigned kSeed = 20310504;
constexpr int kRequests = 10'000;

const std::vector<std::string> kTargets = {"/",
                                           "/primary",
                                           "/replica?lag=10MB",
                                           "/patroni",
                                           "/cluster",
                                           "/config",
                                           "/history",
                                           "/metrics",
                                           "/openapi.json",
                                           "/failsafe",
                                           "/restart",
                                           "/switchover",
                                           "/failover",
                                           "/reload",
                                           "/../../etc/passwd",
                                           "/%2e%2e/%2e%2e/etc/shadow",
                                           "//config//../x",
                                           "/config%00",
                                           "http://x/config",
                                           "*",
                                           "/?tag_x=%zz&lag=99999999999999999999GB&lag=%"};
const std::vector<std::string> kMethods = {"GET",   "HEAD",   "OPTIONS", "POST", "PUT",
                                           "PATCH", "DELETE", "TRACE",   "X"};
const std::vector<std::string> kFields = {"Host: x",
                                          "Content-Length: 5",
                                          "Content-Length: 0",
                                          "Content-Length: 99999999999",
                                          "Transfer-Encoding: chunked",
                                          "Expect: 100-continue",
                                          "Connection: close",
                                          "Connection: upgrade",
                                          "Authorization: Basic ====",
                                          "Accept: application/openmetrics-text;q=1e999",
                                          "Cache-Control: no-cache",
                                          " folded: x",
                                          "No colon",
                                          "X: \x01\x7f\xff"};
const std::vector<std::string> kBodies = {"",
                                          "{}",
                                          "{\"",
                                          "[[[[[[[[[[",
                                          "{\"restart_pending\": ",
                                          "{\"ttl\": {\"ttl\": [1, null]}}",
                                          "{\"leader\": 5, \"candidate\": {}}",
                                          "{\"scheduled_at\": \"\\ud800\"}",
                                          "5\r\nhello\r\n0\r\n\r\n",
                                          "\xff\xfe\x00"};

class Hostile {
 public:
  std::string request() {
    std::string out =
        pick(kMethods) + " " + pick(kTargets) + (any(20) == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    const std::string body = pick(kBodies);
    for (unsigned i = any(4); i > 0; --i) out += pick(kFields) + "\r\n";
    if (any(2) == 0) out += fmt::format("Content-Length: {}\r\n", body.size());
    out += "\r\n" + body;
    for (unsigned i = any(3) == 0 ? any(6) : 0; i > 0 && !out.empty(); --i) damage(out);
    return out;
  }

  unsigned any(std::size_t below) { return static_cast<unsigned>(random_() % below); }

 private:
  const std::string& pick(const std::vector<std::string>& of) { return of[any(of.size())]; }
  void damage(std::string& text) {
    const std::size_t at = any(text.size());
    switch (any(5)) {
      case 0: text[at] = static_cast<char>(any(256)); break;
      case 1: text.erase(at, 1 + any(9)); break;
      case 2: text.insert(at, text.substr(any(text.size()), any(40))); break;
      case 3: text.insert(at, std::string(any(3000), static_cast<char>(any(256)))); break;
      default: text.insert(at, 1, "\r\n \t:/%?\0"[any(9)]);
    }
  }

  std::mt19937 random_{kSeed};
};

/// The status of each answer that stands in what came back.
void read_statuses(const std::string& all, std::set<int>& into) {
  for (auto at = all.find("HTTP/1.1 "); at != std::string::npos; at = all.find("HTTP/1.1 ", at + 1))
    if (at + 12 <= all.size()) into.insert(std::atoi(all.c_str() + at + 9));
}

/// In processes with a sanitizer nothing is counted.
std::size_t allocated() {
  return ::mallinfo2().uordblks;
}

/// rest-api.md §1.1: whatever is sent gets an answer of those there are, or none, and harms nobody.
TEST(HostileRequests, ten_thousand_get_no_answer_but_those_there_are) {
  RecordProperty("seed", static_cast<int>(kSeed));
  ha::SnapshotBoard board;
  SystemClock clock;
  ha::Mailbox mailbox(clock, "not started");
  std::atomic<int> writes = 0;
  test::FakeControl control;
  control.refresh = [](order::Refresh) { return std::monostate(); };
  control.read = [](order::ReadCluster) { return test::cluster(); };
  control.ask = [](order::AskMembers) { return std::map<std::string, ha::PeerAnswer>(); };
  control.reload = [](order::Reload) { return std::monostate(); };
  control.restart = [](order::Restart) { return order::Restart::Answer::refused("no"); };
  control.schedule = [](order::ScheduleRestart) {
    return order::ScheduleRestart::Answer(order::ScheduleRestart::Outcome::scheduled);
  };
  control.drop = [](order::DropScheduledRestart) {
    return order::DropScheduledRestart::Answer(order::DropScheduledRestart::Outcome::none_scheduled);
  };
  control.write = [&](order::WriteKey) {
    ++writes;
    return dcs::WriteResult{dcs::Outcome::refused, {}, "no"};
  };
  test::ControlThread thread(mailbox, std::move(control));
  auto s = test::primary();
  s.published_at = s.cluster_read_at = BootClock::now();
  s.lease_until = s.published_at + std::chrono::hours(1);
  s.facts.probe->asked_at = s.published_at + std::chrono::hours(1);
  board.publish(std::make_shared<ha::Snapshot>(s));
  ApiServer server(board, mailbox, ApiServer::Options{.settings = test::settings("pga"), .http = {}});
  ASSERT_TRUE(server.start());

  Hostile hostile;
  std::set<int> statuses;
  std::size_t before = 0;
  for (int i = 0; i < kRequests; ++i) {
    // What is needed once, tables and buffers, is there by then.
    if (i == kRequests / 4) before = allocated();
    auto socket = RawSocket::connect(server.port());
    for (unsigned n = 1 + hostile.any(2); n > 0; --n) socket.send(hostile.request());
    ::shutdown(socket.fd(), SHUT_WR);
    const std::string all = socket.receive();
    ASSERT_EQ(all.find("<timeout>"), std::string::npos) << "request " << i << " of seed " << kSeed;
    read_statuses(all, statuses);
  }
  const std::size_t after = allocated();
  const std::set<int> known = {100, 200, 202, 400, 404, 409, 411, 412, 413, 422, 431, 501, 502, 503};
  for (const int status : statuses) EXPECT_TRUE(known.contains(status)) << status << ", seed " << kSeed;
  EXPECT_GE(statuses.size(), 10u) << "requests of all kinds were understood";
  EXPECT_LT(after, before + 2 * 1024 * 1024) << "seed " << kSeed;
  auto last = RawSocket::connect(server.port());
  last.send("GET /liveness HTTP/1.0\r\n\r\n");
  EXPECT_FALSE(last.receive().empty());
}

/// rest-api.md §8.3, §8.4: what concerns nobody is answered as it would be there.
TEST_F(Api, what_belongs_to_modes_that_are_not_served_answers_as_without_them) {
  publish(test::primary());
  rest.authentication = {"admin", Secret("s1")};
  start();
  const std::string known = "Authorization: Basic " + net::base64_encode("admin:s1") + "\r\n";
  EXPECT_EQ(send("POST /failsafe", R"({"name": "pgb"})", known).status, 502);
  EXPECT_EQ(send("POST /failsafe", "", known).status, 502) << "the mode is looked at before the body";
  const Reply end = send("POST /sigterm", "", known);
  EXPECT_EQ(end.status, 202);
  EXPECT_EQ(end.body, "shutdown scheduled");
  EXPECT_EQ(ask("GET /liveness").status, 200);
  for (const char* path : {"POST /citus", "POST /mpp"}) {
    const Reply event = send(path, R"({"type": "before_demote", "group": 1})", known);
    EXPECT_EQ(event.status, 200);
    EXPECT_EQ(event.body, "OK");
    EXPECT_EQ(send(path, "{}", known).status, 400);
    EXPECT_EQ(exchange(path, known + "Connection: close\r\n\r\n").status, 411);
    EXPECT_EQ(send(path, R"({"type": "x"})").status, 401) << "Patroni forgets to guard /mpp";
  }
}

TEST_F(Api, the_document_for_machines_asks_for_a_password_where_there_is_one) {
  publish(test::primary());
  start();
  EXPECT_EQ(ask("GET /openapi.json").body, to_spaced_json(openapi(false)));
  rest.authentication = {"admin", Secret("s1")};
  reload();
  EXPECT_TRUE(until([&] { return ask("GET /openapi.json").body == to_spaced_json(openapi(true)); }));
}

/// Over all routes of the table: a new one is covered by itself. Control would answer.
TEST_F(Api, nothing_that_is_guarded_goes_without_the_password) {
  publish(test::primary());
  rest.authentication = {"admin", Secret("s1")};
  std::atomic<int> orders = 0;
  test::FakeControl control;
  control.read = [&](order::ReadCluster) { return ++orders, test::cluster(); };
  control.write = [&](order::WriteKey) {
    return ++orders, dcs::WriteResult{dcs::Outcome::done, dcs::Version("4"), {}};
  };
  control.reload = [&](order::Reload) { return ++orders, std::monostate(); };
  start(control);
  const std::string wrong[] = {"",
                               "Authorization: Basic\r\n",
                               "Authorization: Basic " + net::base64_encode("admin:s2") + "\r\n",
                               "Authorization: Basic " + net::base64_encode("admin:s1 ") + "\r\n",
                               "Authorization: Bearer " + net::base64_encode("admin:s1") + "\r\n",
                               "Proxy-Authorization: Basic " + net::base64_encode("admin:s1") + "\r\n"};
  std::size_t asked = 0;
  for (const auto& route : Resources::routes()) {
    if (route.access == Access::open) continue;
    for (const auto& credentials : wrong) {
      for (const char* path : {"/{}", "//{}/x", "http://other/{}?a=/metrics"}) {
        const std::string line =
            fmt::format("{} {}", route.method, fmt::format(fmt::runtime(path), route.segment));
        const Reply reply = send(line, R"({"leader": "pga", "candidate": "pgb", "ttl": 20})", credentials);
        EXPECT_EQ(reply.status, 401) << line << " " << credentials;
        ++asked;
      }
    }
  }
  EXPECT_GE(asked, 14 * 18u);
  EXPECT_EQ(orders, 0);
}

TEST_F(Api, a_target_may_name_its_server) {
  publish(test::primary());
  start();
  EXPECT_EQ(ask("GET http://replica.leader.example/replica").status, 503);
  EXPECT_EQ(ask("GET HTTP://replica.example:8008/patroni?x").status, 200);
  EXPECT_EQ(ask("GET http://replica.example").status, 200) << "the root";
}

}  // namespace
}  // namespace tanist::api
