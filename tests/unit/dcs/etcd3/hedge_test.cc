#include <gtest/gtest.h>

#include "dcs/etcd3/client.h"
#include "unit/dcs/etcd3/gateway.h"

/// A second node is asked where the first one takes too long.
namespace tanist::dcs::etcd3 {
namespace {

class Hedged : public Answers {
 protected:
  /// Connected to the first of two nodes, which know nothing of one another.
  Client& connected() {
    auto options = gateway.options();
    options.endpoints.push_back(other.options().endpoints[0]);
    options.use_proxies = true;
    client.emplace(io.get_executor(), clock, options, config::Timing{});
    EXPECT_TRUE(run(client->connect(in(kBudget))));
    const auto has_both = client->endpoints();
    if (has_both.size() < 2) ADD_FAILURE() << "one node alone";
    return *client;
  }
  std::expected<Answer, CallError> ask(Client& of, Client::Way way, Duration budget = kBudget) {
    return run(of.call("/kv/range", "{}", in(budget), {}, way));
  }
  int asked_of(const Gateway& node) const {
    const auto found = node.requests.find("/v3/kv/range");
    return found == node.requests.end() ? 0 : static_cast<int>(found->second.size());
  }

  Gateway other{io, clock};
  std::optional<Client> client;
};

TEST_F(Hedged, a_node_that_answers_in_time_is_asked_alone) {
  Client& client = connected();
  for (int i = 0; i < 5; ++i) {
    const auto answer = ask(client, Client::Way::hedged);
    ASSERT_TRUE(answer) << answer.error().detail;
  }
  // A busy machine may hold up one or two for 50 ms.
  EXPECT_GE(asked_of(gateway), 3);
  EXPECT_LE(asked_of(other), 2);
}

TEST_F(Hedged, one_that_hangs_costs_what_the_other_one_takes) {
  Client& client = connected();
  gateway.takes = 60s;
  const Instant begun = clock.now();
  const auto answer = ask(client, Client::Way::hedged);
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_TRUE(answer->ambiguous) << "what the first was asked may have its effect";
  EXPECT_GE(answer->sent_at, begun + 50ms) << "a proof counts from the question that was answered";
  EXPECT_EQ(asked_of(other), 1);
  const auto again = ask(client, Client::Way::hedged);
  ASSERT_TRUE(again);
  ASSERT_TRUE(ask(client, Client::Way::usual, 45ms))
      << "twice in a row: the other one is the current one by now";
}

TEST_F(Hedged, what_the_second_says_in_error_does_not_end_the_first) {
  Client& client = connected();
  gateway.takes = 300ms;
  other.on("/v3/kv/range", R"({"code":5,"message":"etcdserver: requested lease not found"})", 404);
  const auto answer = ask(client, Client::Way::hedged);
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_FALSE(answer->ambiguous);
}

TEST_F(Hedged, with_nobody_who_answers_it_ends_with_its_time) {
  Client& client = connected();
  gateway.takes = other.takes = 60s;
  const auto answer = ask(client, Client::Way::hedged, 400ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault, Fault::unknown);
}

TEST_F(Hedged, what_answers_take_decides_when_another_is_asked) {
  Client& client = connected();
  EXPECT_EQ(client.hedge_after(), 50ms) << "answers of a local node take next to nothing";
  gateway.takes = other.takes = 40ms;
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(ask(client, Client::Way::usual));
  EXPECT_GE(client.hedge_after(), 120ms);
}

}  // namespace
}  // namespace tanist::dcs::etcd3
