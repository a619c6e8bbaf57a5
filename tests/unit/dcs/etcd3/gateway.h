#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "contract/run_task.h"
#include "dcs/etcd3/store.h"
#include "log/log.h"
#include "net/http.h"

/// Something that answers in the place of etcd what a test says.
namespace tanist::dcs::etcd3 {

using namespace std::chrono_literals;

inline constexpr const char* kHeader =
    R"("header":{"cluster_id":"11","member_id":"1","revision":"5","raft_term":"7"})";
/// Less than the shortest pause between two attempts: one attempt a node.
inline constexpr Duration kOneAttempt = 45ms;
inline constexpr Duration kBudget = 5s;

inline std::string with_header(const std::string& rest, const std::string& header = kHeader) {
  return "{" + header + (rest.empty() ? "" : ",") + rest + "}";
}

inline std::string in_result(const std::string& answer) {
  return R"({"result":)" + answer + "}";
}

/// A gateway that answers what it is told to: a path's next answers, the last of them for ever.
class Gateway {
 public:
  Gateway(boost::asio::io_context& io, Clock& clock)
      : io_(io), clock_(clock), server_(io.get_executor(), clock, local(), [this](net::HttpRequest request) {
          return answer(std::move(request));
        }) {
    on("/version", R"({"etcdserver":"3.5.13","etcdcluster":"3.5.0"})");
    on("/v3/cluster/member/list", with_header(""));
    on("/v3/kv/range", with_header(""));
    on("/v3/kv/txn", with_header(R"("responses":[{"response_range":{}}])"));
    on("/v3/lease/grant", with_header(R"("ID":"100","TTL":"30")"));
    on("/v3/lease/keepalive", in_result(with_header(R"("ID":"100","TTL":"30")")));
    EXPECT_TRUE(test::run(io_, server_.start()));
  }
  ~Gateway() { test::run(io_, server_.stop()); }

  void on(const std::string& path, const std::string& body, int status = 200) {
    answers_[path] = {{status, body}};
  }
  void then(const std::string& path, const std::string& body, int status = 200) {
    answers_[path].push_back({status, body});
  }
  config::Etcd3 options() const {
    config::Etcd3 out;
    out.endpoints.push_back({"127.0.0.1", server_.port()});
    return out;
  }
  int asked = 0;
  /// Called with each path before it is answered.
  std::function<void(const std::string&)> answering;
  /// How long an answer takes.
  Duration takes{};
  /// By path, what it was asked.
  std::map<std::string, std::vector<std::string>> requests;

 private:
  static net::HttpServerOptions local() {
    net::HttpServerOptions out;
    out.host = "127.0.0.1";
    return out;
  }
  Task<net::HttpResponse> answer(net::HttpRequest request) {
    ++asked;
    requests[request.target].push_back(request.body);
    if (answering) answering(request.target);
    co_await clock_.sleep_for(takes);
    net::HttpResponse out;
    auto& next = answers_[request.target];
    if (next.empty()) {
      out.status = 404;
      co_return out;
    }
    out.status = next.front().first;
    out.body = next.front().second;
    if (next.size() > 1) next.pop_front();
    co_return out;
  }

  boost::asio::io_context& io_;
  Clock& clock_;
  std::map<std::string, std::deque<std::pair<int, std::string>>> answers_;
  net::HttpServer server_;
};

class Answers : public ::testing::Test {
 protected:
  Answers() {
    log::redirect([this](log::Level, const std::string& line) { lines.push_back(line); });
  }
  ~Answers() override {
    log::redirect([](log::Level, const std::string&) {});
  }
  template <class T>
  T run(Task<T> task) {
    return test::run(io, std::move(task));
  }
  Instant in(Duration d) { return clock.now() + d; }

  boost::asio::io_context io{1};
  SystemClock clock;
  Gateway gateway{io, clock};
  std::vector<std::string> lines;
};

/// The leader of a store that never was asked for a lease before.
class LeaderAnswers : public Answers {
 protected:
  void SetUp() override {
    store = make_store(io.get_executor(), clock, {gateway.options(), "/s/x", {}});
    run(store->open({"a", "first", {}, {}}));
    gateway.on("/v3/kv/txn",
               with_header(R"("succeeded":true,"responses":[{"response_put":{}},{"response_put":{}}])"));
    ASSERT_EQ(run(store->acquire({}, std::nullopt, in(kBudget))).outcome, Outcome::done);
    gateway.on("/v3/kv/txn", with_header(R"("succeeded":true)"));
    ASSERT_EQ(renew().outcome, RenewOutcome::proven);
  }
  void TearDown() override { run(store->close()); }
  void run(Task<void> task) { test::run(io, std::move(task)); }
  template <class T>
  T run(Task<T> task) {
    return test::run(io, std::move(task));
  }
  Renewal renew() { return run(store->renew(std::nullopt, in(kOneAttempt))); }

  std::unique_ptr<Store> store;
};

}  // namespace tanist::dcs::etcd3
