#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "api/server.h"
#include "core/format.h"
#include "unit/api/fake_control.h"
#include "unit/api/snapshots.h"
#include "unit/net/raw_peer.h"

namespace tanist::api {
namespace {

using net::test::RawSocket;
namespace order = ha::order;

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
  control.schedule = [](order::ScheduleRestart) { return order::ScheduleRestart::Answer::scheduled; };
  control.drop = [](order::DropScheduledRestart) {
    return order::DropScheduledRestart::Answer::none_scheduled;
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

}  // namespace
}  // namespace tanist::api
