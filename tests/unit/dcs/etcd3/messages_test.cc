#include "dcs/etcd3/messages.h"
#include "json/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dcs/etcd3/client.h"

namespace tanist::dcs::etcd3 {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

Document json(const char* text) {
  return *parse_json(text);
}

TEST(Messages, a_transaction_as_the_gateway_wants_it) {
  EXPECT_EQ(
      txn_body({is_absent("a"), has_version("a", 7), has_value("a", "b"), has_lease("a", "12")},
               {put("a", "b", "12"), erase("a")}, {range("a")}),
      R"({"compare":[{"key":"YQ==","target":"CREATE","create_revision":"0"},)"
      R"({"key":"YQ==","target":"MOD","mod_revision":"7"},{"key":"YQ==","target":"VALUE","value":"Yg=="},)"
      R"({"key":"YQ==","target":"LEASE","lease":"12"}],)"
      R"("success":[{"request_put":{"key":"YQ==","value":"Yg==","lease":"12"}},)"
      R"({"request_delete_range":{"key":"YQ=="}}],"failure":[{"request_range":{"key":"YQ=="}}]})");
  EXPECT_EQ(has_version("a", 0).target, Compare::Target::create);
}

TEST(Messages, the_end_of_a_prefix) {
  EXPECT_EQ(prefix_end("/service/a/"), "/service/a0");
  EXPECT_EQ(prefix_end("a\xff"), "b");
  EXPECT_EQ(prefix_end("\xff"), std::string(1, '\0'));
}

TEST(Messages, answers_without_their_default_values) {
  const auto read = read_txn(
      json(
          R"({"header":{"cluster_id":"6012025715201963436","revision":"3","raft_term":"2"},"responses":[)"
          R"({"response_range":{"kvs":[{"key":"YQ==","mod_revision":"2","value":"Yg==","lease":"5685691203737748231"}]}},)"
          R"({"response_range":{"header":{}}}]})"),
      5, 2);
  ASSERT_TRUE(read) << read.error();
  const auto& txn = *read;
  EXPECT_FALSE(txn.succeeded);
  ASSERT_EQ(txn.found.size(), 2u);
  EXPECT_EQ(txn.found[0]->kv, (KeyValue{"b", 2, "5685691203737748231"}));
  EXPECT_FALSE(txn.found[1]);
  const auto kvs = read_range(json(R"({"kvs":[{"key":"YQ==","mod_revision":"9"}],"count":"1"})"));
  EXPECT_EQ(kvs->at(0).kv, (KeyValue{"", 9, ""}));
}

TEST(Messages, a_keepalive_without_a_ttl_is_of_a_lease_that_is_not_known) {
  EXPECT_EQ(read_keepalive(json(R"({"result":{"header":{},"ID":"55","TTL":"30"}})")).ttl_seconds, 30);
  EXPECT_EQ(read_keepalive(json(R"({"result":{"header":{},"ID":"55"}})")).ttl_seconds, std::nullopt);
  EXPECT_EQ(read_header(json(R"({"result":{"header":{"raft_term":"4"}}})")).raft_term, 4);
}

TEST(Messages, watch_messages) {
  const auto message = read_watch(json(
      R"({"result":{"header":{"revision":"4","raft_term":"2"},"events":[{"kv":{"key":"YQ==","mod_revision":"3",)"
      R"("value":"Yg=="}},{"type":"DELETE","kv":{"key":"YQ==","mod_revision":"4"}}]}})"));
  ASSERT_EQ(message.events.size(), 2u);
  EXPECT_FALSE(message.events[0].deleted);
  EXPECT_TRUE(message.events[1].deleted);
  EXPECT_EQ(message.events[1].at.kv.version, 4);
  EXPECT_TRUE(read_watch(json(R"({"result":{"header":{},"created":true}})")).created);
  const auto canceled = read_watch(json(R"({"result":{"canceled":true,"compact_revision":"9"}})"));
  EXPECT_EQ(canceled.failure, "history before revision 9 was compacted");
  EXPECT_EQ(
      read_watch(json(R"({"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader"}})"))
          .failure,
      "etcdserver: no leader");
  for (const char* odd : {"{}", R"({"result":[]})", R"({"result":{"events":{}}})",
                          R"({"result":{"events":[{}]}})", R"({"result":{"events":[{"kv":{"key":"YQ=="}}]}})",
                          R"({"result":{"events":[{"kv":{"key":"?","mod_revision":"3"}}]}})",
                          R"({"result":{"events":[{"kv":{"key":"YQ==","mod_revision":"3","value":"?"}}]}})"})
    EXPECT_FALSE(read_watch(json(odd)).failure.empty()) << odd;
}

TEST(Messages, every_form_of_an_error) {
  EXPECT_FALSE(read_error(json(R"({"header":{}})")));
  EXPECT_EQ(read_error(json(R"({"error":"a","message":"a","code":5})"))->code, 5);
  EXPECT_EQ(read_error(json(R"({"code":9,"message":"m"})"))->message, "m");
  EXPECT_EQ(read_error(json(R"({"Error":"x","Code":3})"))->code, 3);
  EXPECT_EQ(read_error(json(R"({"error":{"grpc_code":14,"message":"m"}})"))->code, 14);
  EXPECT_EQ(read_error(json(R"({"error":{"code":4,"message":"m"}})"))->code, 4);
  EXPECT_EQ(read_error(json("[]"))->code, 2);
}

TEST(Messages, errors_are_classed_by_text_then_code) {
  const auto of = [](int code, const char* text) { return classify({code, text}); };
  EXPECT_EQ(of(14, "anything"), ErrorClass::unavailable);
  EXPECT_EQ(of(14, "etcdserver: request timed out"), ErrorClass::unavailable);
  EXPECT_EQ(of(14, "etcdserver: no leader"), ErrorClass::unavailable_unapplied);
  EXPECT_EQ(of(2, "not a primary lessor"), ErrorClass::unavailable_unapplied);
  EXPECT_EQ(of(4, "x"), ErrorClass::retry);
  EXPECT_EQ(of(2, "context deadline exceeded"), ErrorClass::retry);
  EXPECT_EQ(of(9, "etcdserver: not leader"), ErrorClass::retry_unapplied);
  EXPECT_EQ(of(5, "etcdserver: requested lease not found"), ErrorClass::lease_not_found);
  EXPECT_EQ(of(3, "etcdserver: user name is empty"), ErrorClass::authenticate);
  EXPECT_EQ(of(7, "etcdserver: permission denied"), ErrorClass::authenticate);
  EXPECT_EQ(of(16, "etcdserver: invalid auth token"), ErrorClass::authenticate);
  EXPECT_EQ(of(3, "etcdserver: revision of auth store is old"), ErrorClass::authenticate);
  EXPECT_EQ(of(3, "etcdserver: authentication failed, invalid user ID or password"),
            ErrorClass::wrong_password);
  EXPECT_EQ(of(9, "etcdserver: authentication is not enabled"), ErrorClass::auth_not_enabled);
  EXPECT_EQ(of(8, "etcdserver: mvcc: database space exceeded"), ErrorClass::no_space);
  EXPECT_EQ(of(8, "etcdserver: too many requests"), ErrorClass::permanent);
  EXPECT_EQ(of(11, "etcdserver: mvcc: required revision has been compacted"), ErrorClass::permanent);
}

TEST(Messages, versions_and_their_api) {
  const auto version = [](const char* text) { return *parse_version(text); };
  EXPECT_EQ(version("3.4.23"), (ServerVersion{3, 4, 23}));
  EXPECT_EQ(version("3.6.0-rc.1"), (ServerVersion{3, 6, 0}));
  EXPECT_FALSE(parse_version("not_decided"));
  EXPECT_EQ(api_prefix(version("3.4.23"), version("3.4.0")), "/v3");
  EXPECT_EQ(api_prefix(version("3.4.23"), version("3.3.0")), "/v3beta");
  EXPECT_EQ(api_prefix(version("3.2.1"), version("3.2.0")), "/v3alpha");
  EXPECT_FALSE(api_prefix(version("3.0.3"), version("3.0.0")));
  EXPECT_FALSE(api_prefix(version("3.1.0"), version("2.3.0")));
  for (const char* old : {"3.3.27", "3.4.23", "3.4.30", "3.5.0", "3.5.12"}) {
    EXPECT_TRUE(keepalive_is_unreliable(version(old))) << old;
  }
  for (const char* good : {"3.4.31", "3.4.40", "3.5.13", "3.6.0"}) {
    EXPECT_FALSE(keepalive_is_unreliable(version(good))) << good;
  }
}

TEST(DocumentSplitter, finds_documents_wherever_the_pieces_are_cut) {
  const std::string stream = "{\"a\":\"}{\\\"\"}\n{\"b\":[{},{}]}\n\n{}";
  for (std::size_t piece = 1; piece < stream.size(); ++piece) {
    DocumentSplitter splitter;
    std::vector<std::string> found;
    for (std::size_t i = 0; i < stream.size(); i += piece) {
      const auto documents = splitter.feed(std::string_view(stream).substr(i, piece));
      ASSERT_TRUE(documents);
      found.insert(found.end(), documents->begin(), documents->end());
    }
    EXPECT_THAT(found, ElementsAre("{\"a\":\"}{\\\"\"}", "{\"b\":[{},{}]}", "{}")) << piece;
  }
  EXPECT_FALSE(DocumentSplitter().feed("nonsense"));
}

TEST(PlanAttempts, shares_the_time_among_the_nodes) {
  const auto plan = [](int nodes, Duration left) {
    const auto p = plan_attempts(nodes, left);
    return std::pair(p.nodes, milliseconds(p.timeout));
  };
  EXPECT_EQ(plan(1, 10s), (std::pair(1, std::int64_t{3333})));
  EXPECT_EQ(plan(2, 10s), (std::pair(2, std::int64_t{2500})));
  EXPECT_EQ(plan(3, 10s), (std::pair(3, std::int64_t{3333})));
  EXPECT_EQ(plan(5, 10s), (std::pair(5, std::int64_t{2000})));
  EXPECT_EQ(plan(5, 3s), (std::pair(3, std::int64_t{1000})));
  EXPECT_EQ(plan(3, 600ms), (std::pair(3, std::int64_t{200})));
  EXPECT_EQ(plan(3, 90ms), (std::pair(1, std::int64_t{90})));
}

}  // namespace
}  // namespace tanist::dcs::etcd3
