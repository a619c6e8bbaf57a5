#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dcs/etcd3/client.h"
#include "dcs/etcd3/lease.h"
#include "unit/dcs/etcd3/gateway.h"

/// What is taken for settled of the leader key where replies are lost, and what is asked of etcd for it.
namespace tanist::dcs::etcd3 {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kTxn = "/v3/kv/txn";
constexpr const char* kGrant = "/v3/lease/grant";
/// May have been carried out.
constexpr const char* kNoAnswer = "<html>upstream timeout</html>";
constexpr const char* kLeaseGone = R"({"error":"etcdserver: requested lease not found","code":5})";
constexpr const char* kNoSpace = R"({"error":"etcdserver: mvcc: database space exceeded","code":8})";
constexpr const char* kForbidden = R"({"error":"etcdserver: permission denied","code":7})";

std::string taken() {
  return with_header(R"("succeeded":true,"responses":[{"response_put":{}},{"response_put":{}}])");
}
std::string held_by_nobody() {
  return with_header(R"("responses":[{"response_range":{}}])");
}
/// "a" is my name.
std::string held_under(const std::string& lease) {
  return with_header(
      R"("responses":[{"response_range":{"kvs":[{"key":"L3MveC9sZWFkZXI=","value":"YQ==","lease":")" + lease +
      R"(","create_revision":"4","mod_revision":"4","version":"1"}],"count":"1"}}])");
}

/// A store that holds nothing yet.
class Taking : public Answers {
 protected:
  void SetUp() override {
    store = make_store(io.get_executor(), clock, {gateway.options(), "/s/x", {}});
    test::run(io, store->open({"a", "first", {}, {}}));
  }
  void TearDown() override { test::run(io, store->close()); }
  Outcome take(Duration budget = kBudget) {
    return run(store->acquire({}, std::nullopt, in(budget))).outcome;
  }
  std::size_t grants() { return gateway.requests[kGrant].size(); }

  std::unique_ptr<Store> store;
};

TEST_F(Taking, is_not_settled_by_a_refusal_after_a_lost_reply) {
  gateway.on(kTxn, kNoAnswer, 503);
  gateway.then(kTxn, held_by_nobody());
  EXPECT_EQ(take(), Outcome::unknown);
}

TEST_F(Taking, is_not_done_where_the_key_hangs_on_the_lease_of_a_namesake) {
  gateway.on(kTxn, kNoAnswer, 503);
  gateway.then(kTxn, held_under("999"));
  EXPECT_EQ(take(), Outcome::unknown);
  gateway.on(kTxn, kNoAnswer, 503);
  gateway.on(kGrant, with_header(R"("ID":"101","TTL":"30")"));
  gateway.then(kTxn, held_under("101"));
  EXPECT_EQ(take(), Outcome::done) << "the first attempt has done it";
}

TEST_F(Taking, goes_on_under_a_new_lease_where_one_may_be_under_way) {
  gateway.on(kTxn, kNoAnswer, 503);
  EXPECT_EQ(take(kOneAttempt), Outcome::unknown);
  ASSERT_EQ(grants(), 1u);
  gateway.on(kTxn, taken());
  EXPECT_EQ(take(), Outcome::done);
  EXPECT_EQ(grants(), 2u);
}

TEST_F(Taking, goes_on_under_a_new_lease_where_the_old_one_is_gone) {
  gateway.on(kTxn, kLeaseGone, 404);
  gateway.then(kTxn, taken());
  EXPECT_EQ(take(), Outcome::done);
  EXPECT_EQ(grants(), 2u);
}

TEST_F(Taking, is_not_settled_by_an_error_after_a_lost_reply) {
  gateway.on(kTxn, kNoAnswer, 503);
  gateway.then(kTxn, kLeaseGone, 404);
  gateway.then(kTxn, kForbidden, 403);
  EXPECT_EQ(take(), Outcome::unknown);
}

TEST_F(Taking, is_not_settled_by_a_lease_that_cannot_be_had_after_a_lost_reply) {
  gateway.on(kTxn, kNoAnswer, 503);
  gateway.then(kTxn, kLeaseGone, 404);
  gateway.on(kGrant, with_header(R"("ID":"100","TTL":"30")"));
  gateway.then(kGrant, kForbidden, 403);
  EXPECT_EQ(take(), Outcome::unknown);
}

TEST_F(Taking, is_proven_once_more_where_etcd_has_elected_another_leader_meanwhile) {
  const std::string next = R"("header":{"cluster_id":"11","member_id":"1","revision":"5","raft_term":"8"})";
  gateway.on(kTxn,
             with_header(R"("succeeded":true,"responses":[{"response_put":{}},{"response_put":{}}])", next));
  gateway.then(kTxn, with_header(R"("succeeded":true)", next));
  gateway.on("/v3/lease/keepalive", in_result(with_header(R"("ID":"100","TTL":"30")", next)));
  EXPECT_EQ(take(), Outcome::done);
  EXPECT_EQ(gateway.requests["/v3/lease/keepalive"].size(), 1u);
}

TEST_F(Taking, counts_from_before_the_request) {
  gateway.on(kTxn, taken());
  gateway.takes = 100ms;
  const Instant begun = clock.now();
  const auto acquired = run(store->acquire({}, std::nullopt, in(kBudget)));
  ASSERT_EQ(acquired.outcome, Outcome::done);
  EXPECT_LT(acquired.proof.sent_at, begun + 90ms);
}

TEST_F(LeaderAnswers, count_from_before_the_request) {
  gateway.takes = 100ms;
  const Instant begun = clock.now();
  const Renewal renewal = run(store->renew(std::nullopt, in(kBudget)));
  ASSERT_EQ(renewal.outcome, RenewOutcome::proven);
  EXPECT_LT(renewal.proof.sent_at, begun + 90ms);
}

TEST_F(LeaderAnswers, that_never_came_may_still_delete_the_key_of_the_lease_they_named) {
  gateway.on(kTxn, kNoAnswer, 503);
  EXPECT_EQ(run(store->release(std::nullopt, in(kOneAttempt))).outcome, Outcome::unknown);
  const std::size_t grants = gateway.requests[kGrant].size();
  gateway.on(kTxn, taken());
  EXPECT_EQ(run(store->acquire({}, std::nullopt, in(kBudget))).outcome, Outcome::done);
  EXPECT_EQ(gateway.requests[kGrant].size(), grants + 1) << "the key hangs on another one now";
}

/// etcd was restored while it was asked.
TEST_F(Answers, about_a_lease_of_before_a_restore_give_none) {
  Client client(io.get_executor(), clock, gateway.options(), {});
  Lease lease(client, clock, 30s);
  const auto restore_at = [&](const std::string& path) {
    gateway.answering = [&lease, path](const std::string& asked) {
      if (asked == path) lease.void_all();
    };
  };
  restore_at(kGrant);
  EXPECT_FALSE(run(lease.prove(in(kBudget))));
  gateway.answering = {};
  ASSERT_TRUE(run(lease.prove(in(kBudget))));
  restore_at("/v3/lease/keepalive");
  EXPECT_FALSE(run(lease.prove(in(kBudget))));
  gateway.answering = {};
}

TEST_F(LeaderAnswers, prove_a_key_by_its_name_and_its_lease) {
  ASSERT_EQ(renew().outcome, RenewOutcome::proven);
  EXPECT_THAT(gateway.requests[kTxn].back(), AllOf(HasSubstr("VALUE"), HasSubstr("LEASE")));
}

TEST_F(LeaderAnswers, release_a_key_by_its_name_and_its_lease) {
  gateway.on(kTxn, with_header(R"("succeeded":true,"responses":[{"response_delete_range":{}}])"));
  EXPECT_EQ(run(store->release(std::nullopt, in(kBudget))).outcome, Outcome::done);
  EXPECT_THAT(gateway.requests[kTxn].back(), AllOf(HasSubstr("VALUE"), HasSubstr("LEASE")));
}

TEST_F(LeaderAnswers, that_refuse_a_status_settle_no_release_whose_reply_was_lost) {
  gateway.on(kTxn, kNoAnswer, 503);
  gateway.then(kTxn, kNoSpace, 429);
  gateway.then(kTxn, held_by_nobody());
  EXPECT_EQ(run(store->release(Status{.optime = Lsn{1}}, in(kBudget))).outcome, Outcome::done)
      << "the attempt without a reply has deleted it";
}

TEST_F(LeaderAnswers, of_a_release_that_was_refused_are_no_release) {
  gateway.on(kTxn, held_by_nobody());
  EXPECT_EQ(run(store->release(std::nullopt, in(kBudget))).outcome, Outcome::refused);
}

TEST_F(LeaderAnswers, under_a_namesakes_lease_are_a_loss) {
  gateway.on(kTxn, held_under("999"));
  EXPECT_EQ(renew().outcome, RenewOutcome::lost);
}

TEST_F(LeaderAnswers, of_an_absent_key_say_so) {
  gateway.on(kTxn, held_by_nobody());
  const Renewal renewal = renew();
  EXPECT_EQ(renewal.outcome, RenewOutcome::lost);
  EXPECT_TRUE(renewal.key_absent);
}

}  // namespace
}  // namespace tanist::dcs::etcd3
