#include <gtest/gtest.h>

#include <algorithm>

#include "contract/etcd3_member.h"
#include "core/format.h"
#include "log/log.h"

/// What of that which comes back is an answer of this etcd as it is now.
namespace tanist::contract {
namespace {

TEST(Etcd3Answers, a_keepalive_from_an_old_term_does_not_prove) {
  Etcd3Fixture world;
  Member a(through_proxy(world));
  a.open();
  ASSERT_EQ(a.acquire(), Outcome::done);
  // A node that was deposed goes on answering keep-alives in its old term, while transactions are answered in
  // a new one.
  const auto header = header_of(shared_etcd());
  const auto session = a.store->session();
  const auto stale = fmt::format(
      R"({{"result":{{"header":{{"cluster_id":"{}","member_id":"1","revision":"1","raft_term":"{}"}},"ID":"{}","TTL":"2"}}}})",
      header.cluster_id, header.raft_term - 1, session);
  world.proxy("a").answer("/lease/keepalive", [stale](const std::string&) { return stale; });
  const auto renewal = a.renew(600ms);
  EXPECT_EQ(renewal.outcome, RenewOutcome::unproven);
  EXPECT_NE(renewal.detail.find("raft term"), std::string::npos) << renewal.detail;

  // The same seen from before: the keep-alives' term is the only one known yet when the transaction brings a
  // newer one.
  const auto newer =
      fmt::format(R"({{"header":{{"cluster_id":"{}","revision":"9","raft_term":"{}"}},"succeeded":true}})",
                  header.cluster_id, header.raft_term + 1);
  world.proxy("a").answer("/lease/keepalive", {});
  world.proxy("a").answer("/kv/txn", [newer](const std::string&) { return newer; });
  EXPECT_EQ(a.renew(600ms).outcome, RenewOutcome::unproven);
  world.proxy("a").answer("/kv/txn", {});
}

TEST(Etcd3Answers, answers_that_do_not_tell_where_they_come_from_do_not_prove) {
  Etcd3Fixture world;
  Member a(through_proxy(world));
  a.open();
  ASSERT_EQ(a.acquire(), Outcome::done);
  const auto outcome = [&](const std::string& alive, const std::string& mine) {
    const auto keepalive =
        fmt::format(R"({{"result":{{"header":{{{}}},"ID":"{}","TTL":"2"}}}})", alive, a.store->session());
    const auto txn = fmt::format(R"({{"header":{{{}}},"succeeded":true}})", mine);
    world.proxy("a").answer("/lease/keepalive", [=](const std::string&) { return keepalive; });
    world.proxy("a").answer("/kv/txn", [=](const std::string&) { return txn; });
    return a.renew(600ms).outcome;
  };
  const std::string cluster = header_of(shared_etcd()).cluster_id;
  const std::string here = fmt::format(R"("cluster_id":"{}","revision":"9","raft_term":"900")", cluster);
  EXPECT_EQ(outcome(here, here), RenewOutcome::proven);
  EXPECT_EQ(outcome("", ""), RenewOutcome::unproven);
  EXPECT_EQ(outcome(here, ""), RenewOutcome::unproven);
  EXPECT_EQ(outcome(R"("raft_term":"900")", R"("raft_term":"900")"), RenewOutcome::unproven);
  EXPECT_EQ(outcome(here, R"("cluster_id":"2","raft_term":"900")"), RenewOutcome::unproven);
  world.proxy("a").answer("/lease/keepalive", {});
  world.proxy("a").answer("/kv/txn", {});
}

TEST(Etcd3Answers, an_odd_answer_to_a_keepalive_costs_a_leader_nothing) {
  Etcd3Fixture world;
  Member a(through_proxy(world));
  a.open();
  ASSERT_EQ(a.acquire(), Outcome::done);
  const auto session = a.store->session();
  // What a proxy or a service mesh says of its own accord.
  const std::string body = R"({"type":"about:blank","title":"Service Unavailable","status":503})";
  const std::string odd = fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nContent-Length: "
      "{}\r\n\r\n{}",
      body.size(), body);
  world.proxy("a").answer("/lease/keepalive", [odd](const std::string&) { return odd; });
  const auto renewal = a.renew(300ms);
  EXPECT_EQ(renewal.outcome, RenewOutcome::unproven);
  EXPECT_NE(renewal.detail.find("HTTP 503"), std::string::npos) << renewal.detail;
  world.proxy("a").answer("/lease/keepalive", {});
  EXPECT_EQ(a.renew().outcome, RenewOutcome::proven);
  EXPECT_EQ(a.store->session(), session);
}

TEST(Etcd3Answers, a_lease_that_a_node_does_not_know_yet_costs_a_leader_nothing) {
  Etcd3Fixture world;
  Member a(through_proxy(world));
  a.open();
  ASSERT_EQ(a.acquire(), Outcome::done);
  const auto session = a.store->session();
  const auto header = header_of(shared_etcd());
  const auto gone = fmt::format(
      R"({{"result":{{"header":{{"cluster_id":"{}","revision":"1","raft_term":"{}"}},"ID":"{}"}}}})",
      header.cluster_id, header.raft_term, session);
  world.proxy("a").answer("/lease/keepalive", [gone](const std::string&) { return gone; });
  const auto renewal = a.renew();
  world.proxy("a").answer("/lease/keepalive", {});
  EXPECT_EQ(renewal.outcome, RenewOutcome::proven) << renewal.detail;
  EXPECT_NE(a.store->session(), session);
  EXPECT_EQ(a.read()->leader->session, a.store->session());
}

TEST(Etcd3Answers, a_list_of_hosts_that_leads_to_two_clusters_leads_nowhere_but_to_the_first) {
  Etcd3Fixture world;
  auto options = through_proxy(world);
  options.connection.endpoints.push_back({"127.0.0.1", other_etcd().port()});
  Member a(options);
  a.open();
  ASSERT_EQ(a.acquire(), Outcome::done);
  world.proxy("a").cut();
  const auto renewal = a.renew(1500ms);
  EXPECT_EQ(renewal.outcome, RenewOutcome::unproven);
  EXPECT_FALSE(a.run(a.store->load(Read::linearizable, a.in(600ms))));
  EXPECT_EQ(a.run(a.store->write(dcs::ConfigRecord{Document::map()}, dcs::IfAbsent{}, a.in(600ms))).outcome,
            Outcome::unknown)
      << "the first has not answered";
  world.proxy("a").heal();
  a.pass(3s);
  EXPECT_EQ(a.acquire(), Outcome::done);
  bool there = false;
  (void)other_etcd().get(world.base_path() + "/leader", &there);
  EXPECT_FALSE(there);
}

TEST(Etcd3Answers, an_etcd_that_is_restored_from_a_snapshot_is_taken_as_it_is_after_a_ttl) {
  EtcdProcess etcd({});
  etcd.start();
  ASSERT_TRUE(etcd.wait_healthy());
  // Terms go by, so that the restored one is in an earlier term.
  for (int i = 0; i < 2; ++i) {
    etcd.kill();
    etcd.start();
    ASSERT_TRUE(etcd.wait_healthy());
  }
  std::vector<std::string> errors;
  log::redirect([&](log::Level level, const std::string& line) {
    if (level == log::Level::error) errors.push_back(line);
  });
  {
    Member a(at({etcd.port()}, false));
    a.open();
    ASSERT_EQ(a.acquire(), Outcome::done);
    const auto before = header_of(etcd);
    const auto session = a.store->session();
    ASSERT_TRUE(etcd.restore_itself());
    const auto after = header_of(etcd);
    ASSERT_EQ(before.cluster_id, after.cluster_id);
    ASSERT_LT(after.raft_term, before.raft_term);

    const auto access =
        dcs::make_access(a.io.get_executor(), a.clock, at({etcd.port()}, false).connection, {"service", "x"});
    const auto once = a.run(access->load(a.in(kBudget)));
    ASSERT_TRUE(once) << "who holds no lease has nothing to fear: " << once.error().detail;
    const auto renewal = a.renew(300ms);
    EXPECT_EQ(renewal.outcome, RenewOutcome::unproven);
    EXPECT_NE(renewal.detail.find("which is over"), std::string::npos) << renewal.detail;
    const Instant refused = a.clock.now();
    while (!a.run(a.store->load(Read::linearizable, a.in(300ms))) && a.clock.now() < refused + 20s) {
    }
    const Duration took = a.clock.now() - refused;
    EXPECT_GE(took, 1s);
    EXPECT_LT(took, 10s);
    EXPECT_EQ(std::ranges::count_if(
                  errors, [](const auto& line) { return line.find("it was restored") != line.npos; }),
              1);
    // The key came back with the snapshot, and with it the lease, which nobody counts on.
    EXPECT_FALSE(a.store->is_mine(session));
    while (a.read()->leader && a.clock.now() < refused + 30s) a.pass(50ms);
    EXPECT_EQ(a.acquire(), Outcome::done);
    EXPECT_EQ(a.renew().outcome, RenewOutcome::proven);
    EXPECT_EQ(a.read(Read::watched)->leader_name(), "a");
  }
  log::redirect([](log::Level, const std::string&) {});
}

TEST(Etcd3Answers, a_keepalive_without_a_transaction_does_not_prove) {
  Etcd3Fixture world;
  Member a(through_proxy(world));
  a.open();
  ASSERT_EQ(a.acquire(), Outcome::done);
  world.proxy("a").answer("/kv/txn", [](const std::string&) { return std::string(); });
  EXPECT_EQ(a.renew(500ms).outcome, RenewOutcome::unproven);
  world.proxy("a").answer("/kv/txn", {});
  world.proxy("a").close_all();
  EXPECT_EQ(a.renew().outcome, RenewOutcome::proven);
}

}  // namespace
}  // namespace tanist::contract
