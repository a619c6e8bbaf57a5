#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>

#include "contract/run_task.h"
#include "core/format.h"
#include "dcs/etcd3/client.h"
#include "dcs/etcd3/lease.h"
#include "dcs/etcd3/store.h"
#include "log/log.h"
#include "net/http.h"
#include "unit/core/manual_clock.h"
#include "unit/dcs/etcd3/gateway.h"

/// What is believed of what comes back from where etcd should be.
namespace tanist::dcs::etcd3 {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

struct Call {
  const char* path;
  Client::Check check;
  /// A body that has nothing wrong but perhaps its header.
  std::function<std::string(const std::string& header)> body;
  /// Whole answers to something else, or with a part missing.
  std::vector<std::string> halves;
};

std::vector<Call> calls() {
  const auto lease = [](const std::string& header) {
    return with_header(R"("ID":"100","TTL":"30")", header);
  };
  return {
      {"/lease/keepalive",
       is_keepalive_of("100"),
       [=](const std::string& h) { return in_result(lease(h)); },
       {in_result(with_header("")), in_result(with_header(R"("ID":"101","TTL":"30")")), lease(kHeader),
        R"({"result":[]})", R"({"result":null})"}},
      {"/lease/grant",
       is_grant(),
       lease,
       {with_header(""), with_header(R"("ID":"100")"), with_header(R"("TTL":"30")"),
        with_header(R"("ID":"100","TTL":"0")")}},
      {"/kv/txn",
       is_txn(1, 2),
       [](const std::string& h) {
         return with_header(R"("succeeded":true,"responses":[{"response_put":{}}])", h);
       },
       {with_header(""), with_header(R"("succeeded":true)"),
        with_header(R"("responses":[{"response_range":{}}])"), with_header(R"("responses":{})"),
        with_header(R"("responses":[{"response_range":{}},{"response_range":{"count":"1"}}])"),
        with_header(R"("responses":[{"response_range":{}},{"response_range":{"kvs":[{"key":"YQ=="}]}}])"),
        with_header(R"("succeeded":true,"responses":[{"response_put":{}}])",
                    R"("header":{"cluster_id":"11","raft_term":"7"})")}},
      {"/kv/range",
       is_range(),
       [](const std::string& h) {
         return with_header(R"("kvs":[{"key":"YQ==","mod_revision":"2","value":"Yg=="}],"count":"1")", h);
       },
       {with_header(R"("count":"3")"),
        with_header(R"("kvs":[{"key":"YQ==","mod_revision":"2"}],"count":"3")"), with_header(R"("kvs":{})"),
        with_header(R"("kvs":[{"value":"Yg==","mod_revision":"2"}])"),
        with_header(R"("kvs":[{"key":"?","mod_revision":"2"}])"),
        with_header(R"("kvs":[{"key":"YQ==","mod_revision":"2","value":"?"}])"),
        with_header("", R"("header":{"cluster_id":"11","raft_term":"7"})")}},
  };
}

TEST_F(Answers, of_another_make_are_none_whatever_was_asked) {
  const std::vector<std::pair<int, std::string>> others = {
      {503, R"({"type":"about:blank","title":"Service Unavailable","status":503})"},
      {503, R"({"message":"no healthy upstream"})"},
      {504, R"({"code":504,"message":"upstream request timeout"})"},
      {503, "<html><body>503</body></html>"},
      {200, "<html><body>welcome</body></html>"},
      {200, "{}"},
      {200, "[]"},
      {200, "null"},
      {200, ""},
      {200, R"({"result":{}})"},
      {200, R"({"error":{"message":"oops"}})"},
      {200, R"({"header":"x"})"},
      {200, R"({"header":{}})"}};
  for (const auto& call : calls()) {
    auto bodies = others;
    const std::string good = call.body(kHeader);
    bodies.emplace_back(503, good);
    bodies.emplace_back(200, good.substr(0, good.size() - 1));
    bodies.emplace_back(200, good.substr(0, good.size() / 2));
    bodies.emplace_back(200, call.body(R"("header":{})"));
    bodies.emplace_back(200, call.body(R"("header":{"cluster_id":"11","revision":"5"})"));
    bodies.emplace_back(200, call.body(R"("header":{"raft_term":"7","revision":"5"})"));
    bodies.emplace_back(200, call.body(R"("header":{"cluster_id":"","raft_term":"7","revision":"5"})"));
    bodies.emplace_back(200, call.body(R"("x":1)"));
    for (const auto& half : call.halves) bodies.emplace_back(200, half);
    for (const auto& [status, body] : bodies) {
      SCOPED_TRACE(fmt::format("{} {} {}", call.path, status, body));
      Client client(io.get_executor(), clock, gateway.options(), {});
      gateway.on(std::string("/v3") + call.path, body, status);
      const auto answer = run(client.call(call.path, "{}", in(kOneAttempt), call.check));
      ASSERT_FALSE(answer);
      EXPECT_TRUE(answer.error().fault == Fault::unknown || answer.error().fault == Fault::unavailable);
      EXPECT_NE(answer.error().detail, "");
    }
    gateway.on(std::string("/v3") + call.path, good);
    Client client(io.get_executor(), clock, gateway.options(), {});
    const auto answer = run(client.call(call.path, "{}", in(kBudget), call.check));
    EXPECT_TRUE(answer) << call.path << ": " << answer.error().detail;
  }
}

TEST_F(Answers, that_are_odd_once_cost_one_attempt) {
  for (const auto& call : calls()) {
    const std::string path = std::string("/v3") + call.path;
    gateway.on(path, R"({"type":"about:blank","title":"Service Unavailable","status":503})", 503);
    gateway.then(path, call.body(kHeader));
    Client client(io.get_executor(), clock, gateway.options(), {});
    const auto answer = run(client.call(call.path, "{}", in(kBudget), call.check));
    ASSERT_TRUE(answer) << call.path << ": " << answer.error().detail;
    EXPECT_TRUE(answer->ambiguous) << "somebody in between may have passed it on";
  }
}

TEST_F(Answers, with_an_error_of_etcd_are_told_from_those_of_a_proxy) {
  const auto fault = [&](int status, const std::string& body) {
    gateway.on("/v3/kv/txn", body, status);
    Client client(io.get_executor(), clock, gateway.options(), {});
    return run(client.call("/kv/txn", "{}", in(kOneAttempt), is_txn(0, 0))).error().fault;
  };
  EXPECT_EQ(fault(404, R"({"error":"etcdserver: requested lease not found","code":5})"),
            Fault::lease_not_found);
  EXPECT_EQ(fault(400, R"({"code":3,"message":"etcdserver: key is not provided"})"), Fault::refused);
  EXPECT_EQ(fault(400, R"({"message":"bad gateway"})"), Fault::unknown) << "nobody knows what it did";
}

TEST_F(Answers, that_no_lease_is_known_leave_what_is_bound_to_it_mine) {
  Client client(io.get_executor(), clock, gateway.options(), {});
  Lease lease(client, clock, 30s);
  ASSERT_TRUE(run(lease.prove(in(kBudget))));
  ASSERT_EQ(lease.current(), "100");
  gateway.on("/v3/lease/keepalive", in_result(with_header(R"("ID":"100")")));
  gateway.on("/v3/lease/grant", with_header(R"("ID":"200","TTL":"30")"));
  const auto grip = run(lease.prove(in(kBudget)));
  ASSERT_TRUE(grip);
  EXPECT_EQ(grip->lease, "200");
  EXPECT_TRUE(lease.mine("100")) << "a node that is behind does not know it yet";
  EXPECT_TRUE(lease.mine("200"));
}

TEST_F(Answers, to_a_watch_that_are_of_another_make_make_no_copy) {
  struct Odd {
    int status;
    std::string body;
    const char* said;
  };
  const std::string created = R"("created":true)";
  const std::vector<Odd> odd = {
      {200, in_result("{" + created + "}"), "does not tell which etcd"},
      {200, in_result(with_header(created, R"("header":{})")), "does not tell which etcd"},
      {200, in_result(with_header(created, R"("header":{"cluster_id":"11"})")), "does not tell which etcd"},
      {200, in_result(with_header(created, R"("header":{"raft_term":"7"})")), "does not tell which etcd"},
      {200, in_result(with_header(created, R"("header":{"cluster_id":"22","raft_term":"7"})")),
       "belongs to another etcd"},
      {200, in_result(with_header(created, R"("header":{"cluster_id":"11","raft_term":"6"})")),
       "which is over"},
      {200, "{}", "without a result"},
      {200, "<html></html>", "no JSON"},
      {503, R"({"title":"Service Unavailable","status":503})", "HTTP 503"},
      {503, in_result(with_header(created)), "HTTP 503"}};
  for (const auto& [status, body, said] : odd) {
    SCOPED_TRACE(body);
    gateway.on("/v3/watch", body, status);
    auto store = make_store(io.get_executor(), clock, {gateway.options(), "/s/x", {}});
    test::run(io, store->open({"a", "first", {}, {}}));
    std::string why;
    for (const Instant until = in(kBudget); why.find(said) == why.npos && clock.now() < until;) {
      const auto view = run(store->load(Read::watched, in(20ms)));
      ASSERT_FALSE(view);
      why = view.error().detail;
    }
    EXPECT_THAT(why, HasSubstr(said));
    EXPECT_EQ(store->watched(), nullptr);
    test::run(io, store->close());
  }
}

TEST_F(LeaderAnswers, that_are_empty_objects_are_no_loss_and_no_view) {
  gateway.on("/v3/kv/txn", "{}");
  EXPECT_EQ(renew().outcome, RenewOutcome::unproven);
  gateway.on("/v3/kv/txn", with_header(""));
  EXPECT_EQ(renew().outcome, RenewOutcome::unproven)
      << "nothing was found, but nothing was looked for either";
  gateway.on("/v3/kv/range", "{}");
  EXPECT_FALSE(run(store->load(Read::linearizable, in(kOneAttempt))));
  gateway.on("/v3/kv/txn", with_header(R"("responses":[{"response_range":{}}])"));
  EXPECT_EQ(renew().outcome, RenewOutcome::lost);
}

TEST_F(LeaderAnswers, of_another_cluster_are_an_error_that_names_both_and_the_endpoint) {
  gateway.on("/v3/kv/txn", with_header(R"("responses":[{"response_range":{}}])",
                                       R"("header":{"cluster_id":"22","revision":"1","raft_term":"2"})"));
  lines.clear();
  const auto renewal = renew();
  EXPECT_EQ(renewal.outcome, RenewOutcome::unproven);
  const std::string at = fmt::format("http://127.0.0.1:{}", gateway.options().endpoints[0].port);
  EXPECT_THAT(renewal.detail,
              HasSubstr(at + " belongs to another etcd: its cluster id is 22, this member uses 11"));
  EXPECT_EQ(renew().outcome, RenewOutcome::unproven);
  EXPECT_EQ(std::ranges::count_if(lines, [&](const std::string& l) { return l.find("HINT: ") != l.npos; }), 1)
      << "once a minute";
}

/// The headers alone.
class Headers : public ::testing::Test {
 protected:
  Headers() {
    log::redirect([this](log::Level level, const std::string& line) {
      if (level == log::Level::error) errors.push_back(line);
    });
    client.on_restored([this] { ++restored; });
  }
  ~Headers() override {
    log::redirect([](log::Level, const std::string&) {});
  }
  bool believed(std::int64_t term, bool by_majority = true, const std::string& cluster = "11") {
    return client.disbelief({cluster, 1, term}, "node", by_majority).empty();
  }

  boost::asio::io_context io{1};
  test::ManualClock clock{io};
  Client client{io.get_executor(), clock, {}, {.ttl = 20s, .loop_wait = 5s, .retry_timeout = 5s}};
  int restored = 0;
  std::vector<std::string> errors;
};

TEST_F(Headers, of_a_past_term_are_not_believed_as_long_as_the_newest_one_is_heard) {
  EXPECT_TRUE(believed(6));
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(believed(5));
    clock.advance(19s);
    EXPECT_FALSE(believed(5));
    EXPECT_TRUE(believed(6));
  }
  EXPECT_EQ(restored, 0);
}

TEST_F(Headers, of_a_past_term_are_believed_when_a_majority_has_said_so_for_a_ttl) {
  EXPECT_TRUE(believed(6));
  clock.advance(1h);
  EXPECT_FALSE(believed(2));
  clock.advance(19999ms);
  EXPECT_FALSE(believed(2));
  EXPECT_EQ(restored, 0);
  clock.advance(1ms);
  EXPECT_FALSE(believed(2, false)) << "a deposed leader answers this much";
  EXPECT_EQ(restored, 0);
  EXPECT_FALSE(believed(2)) << "it may be an answer to a question about a lease of before";
  EXPECT_EQ(restored, 1);
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_THAT(errors[0], HasSubstr("raft term 2 after it has been in 6"));
  EXPECT_TRUE(believed(2));
  EXPECT_TRUE(believed(2, false));
  EXPECT_FALSE(believed(1));
}

TEST_F(Headers, of_another_cluster_are_never_believed_however_long_nothing_else_is_heard) {
  EXPECT_TRUE(believed(6));
  clock.advance(1h);
  EXPECT_FALSE(believed(9, true, "22"));
  clock.advance(1h);
  EXPECT_FALSE(believed(9, true, "22"));
  EXPECT_EQ(restored, 0);
  EXPECT_TRUE(believed(6));
  EXPECT_EQ(client.cluster_id(), "11");
}

TEST_F(Headers, are_compared_with_the_cluster_that_is_expected_from_the_start) {
  client.expect_cluster("33");
  EXPECT_FALSE(believed(6));
  EXPECT_TRUE(believed(1, true, "33"));
}

TEST_F(Headers, mean_nothing_to_who_reads_once) {
  client.for_one_reading();
  EXPECT_TRUE(believed(6));
  EXPECT_TRUE(believed(2));
  EXPECT_TRUE(believed(2, true, "22"));
}

TEST_F(Headers, void_the_leases_of_a_store_that_went_back) {
  Lease lease(client, clock, 20s);
  lease.adopt("100");
  EXPECT_TRUE(lease.mine("100"));
  lease.void_all();
  EXPECT_FALSE(lease.mine("100"));
}

}  // namespace
}  // namespace tanist::dcs::etcd3
