#include "ha/engine/promises.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "log/log.h"
#include "unit/core/manual_clock.h"
#include "unit/ha/fakes.h"

namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

Promise promise_to(const std::string& leader) {
  Promise promise;
  promise.to = {.leader = leader,
                .conn_url = "postgres://10.0.0.1:5432/postgres",
                .api_url = "http://10.0.0.1:8008/patroni",
                .slots = {{"n2", Lsn{100}}, {"n1", Lsn{200}}}};
  return promise;
}

std::shared_ptr<dcs::Cluster> cluster_of(const std::string& leader) {
  auto cluster = std::make_shared<dcs::Cluster>();
  cluster->members["n2"].name = "n2";
  if (!leader.empty())
    cluster->leader = dcs::Leader{.name = leader, .claim = {}, .version = dcs::Version("3")};
  cluster->status.slots = {{"n2", Lsn{50}}, {"other", Lsn{7}}};
  return cluster;
}

TEST(WithPromise, where_nobody_leads_the_one_that_asked_does) {
  const auto seen = with_promise(cluster_of(""), promise_to("n1"), true);
  EXPECT_EQ(seen->leader_name(), "n1");
  EXPECT_TRUE(seen->leader->version.absent());
  const dcs::Member* leader = seen->leader_member();
  ASSERT_TRUE(leader) << "its key has ended with its session";
  EXPECT_EQ(leader->host_port(), (std::pair<std::string, int>("10.0.0.1", 5432)));
  EXPECT_EQ(leader->api_url, "http://10.0.0.1:8008/patroni");
  EXPECT_EQ(seen->status.slots.at("n2"), Lsn{100});
  EXPECT_EQ(seen->status.slots.at("other"), Lsn{7});
}

TEST(WithPromise, what_the_store_says_of_a_leader_counts_while_it_answers) {
  for (const char* leader : {"n1", "n2"}) {
    const auto cluster = cluster_of(leader);
    EXPECT_EQ(with_promise(cluster, promise_to("n1"), true), cluster);
  }
}

TEST(WithPromise, in_an_outage_the_slots_are_where_the_leader_says) {
  EXPECT_EQ(with_promise(cluster_of("n1"), promise_to("n1"), false)->status.slots.at("n2"), Lsn{100});
  const auto of_another = cluster_of("n2");
  EXPECT_EQ(with_promise(of_another, promise_to("n1"), false), of_another);
}

TEST(WithPromise, a_promise_to_nobody_known_changes_nothing) {
  const auto cluster = cluster_of("");
  EXPECT_EQ(with_promise(cluster, Promise(), true), cluster);
  EXPECT_EQ(with_promise(nullptr, promise_to("n1"), true), nullptr);
}

/// What one daemon writes the next one reads, on a host that may have been restarted meanwhile.
struct HostsDisk final : Disk {
  std::map<std::string, std::string> files;
  std::string boot = "first";
  bool unreadable = false;
  Task<std::expected<std::optional<std::string>, std::string>> read(std::string path, Instant) override {
    if (path.ends_with("/boot_id")) co_return std::optional<std::string>(boot);
    if (unreadable) co_return std::unexpected("could not read " + path);
    const auto file = files.find(path);
    co_return file == files.end() ? std::nullopt : std::optional<std::string>(file->second);
  }
  Task<std::expected<void, std::string>> write(std::string path, std::string text, unsigned,
                                               Instant) override {
    files[path] = std::move(text);
    co_return std::expected<void, std::string>();
  }
  Task<std::expected<void, std::string>> append(std::string, std::string, unsigned, Instant) override {
    co_return std::expected<void, std::string>();
  }
  Task<std::expected<void, std::string>> remove(std::string, Instant) override {
    co_return std::expected<void, std::string>();
  }
};

/// One daemon's part; ttl is 30 s.
struct Promising {
  Promising(boost::asio::io_context& io, test::ManualClock& clock, HostsDisk& disk)
      : clock(clock), disk(disk), store(clock), scope(io.get_executor()) {
    auto local = std::make_shared<config::Settings>();
    local->state_dir = "/state";
    local->dynamic.timing.ttl = 30s;
    settings.emplace(ports, keeper, scope, words, local, SettingsBuilder(), [] {});
    notes.emplace(ports, keeper, scope, *settings);
    promises.emplace(ports, *notes, *settings);
    scope.spawn("start", start());
    clock.settle();
  }
  Task<void> start() {
    co_await notes->read_boot_id();
    co_await promises->read();
  }
  Task<void> giving(FailsafeQuestion question) {
    auto given = co_await promises->give(std::move(question));
    EXPECT_TRUE(given);
  }
  void give(const std::string& leader, Duration valid_for) {
    FailsafeQuestion question{.leader = leader, .slots = {{leader, Lsn{500}}}, .valid_for = valid_for};
    scope.spawn("give", giving(std::move(question)));
    clock.settle();
  }
  Duration left() const {
    const auto held = promises->held();
    return held ? held->until - clock.now() : Duration::zero();
  }

  test::ManualClock& clock;
  HostsDisk& disk;
  test::FakeStore store;
  test::FakeServer server;
  test::FakePeers peers;
  NoFence fence;
  test::FakeDice dice;
  test::FakeJournal journal;
  TaskScope scope;
  Ports ports{clock, store, server, peers, fence, disk, dice, journal};
  LeaseKeeper keeper{ports, scope, LeaseKeeper::Hooks{[] { return false; }, [] {}}};
  Words words;
  std::optional<SettingsInForce> settings;
  std::optional<Notes> notes;
  std::optional<Promises> promises;
};

class PromisesTest : public ::testing::Test {
 protected:
  PromisesTest() {
    log::redirect([](log::Level, const std::string&) {});
  }
  ~PromisesTest() override { log::redirect({}); }
  std::unique_ptr<Promising> daemon() { return std::make_unique<Promising>(io, clock, disk); }

  boost::asio::io_context io;
  test::ManualClock clock{io};
  HostsDisk disk;
};

TEST_F(PromisesTest, holds_for_ttl_or_for_what_was_asked_if_that_is_longer) {
  const auto one = daemon();
  EXPECT_EQ(one->left(), 0s);
  one->give("n1", 5s);
  EXPECT_EQ(one->left(), 30s);
  one->give("n1", 70s);
  EXPECT_EQ(one->left(), 70s);
  one->give("n2", 0s);
  EXPECT_EQ(one->left(), 70s) << "what another was promised goes on";
  clock.advance(71s);
  EXPECT_EQ(one->left(), 0s);
}

TEST_F(PromisesTest, the_next_daemon_holds_what_is_left_and_that_of_a_restarted_host_all_of_it) {
  const auto one = daemon();
  one->give("n1", 70s);
  one->give("n2", 0s);
  clock.advance(20s);
  EXPECT_EQ(daemon()->left(), 50s);
  disk.boot = "second";
  EXPECT_EQ(daemon()->left(), 70s) << "the longer one of both";
}

TEST_F(PromisesTest, one_that_cannot_be_read_counts_as_given) {
  const auto one = daemon();
  one->give("n1", 0s);
  disk.files.begin()->second = "{";
  EXPECT_EQ(daemon()->left(), 30s);
  disk.unreadable = true;
  EXPECT_EQ(daemon()->left(), 30s);
}

TEST_F(PromisesTest, what_the_leader_told_of_its_position_ends_when_the_store_names_one) {
  const auto one = daemon();
  one->give("n1", 0s);
  EXPECT_EQ(one->promises->told_by("n1"), Lsn{500});
  EXPECT_EQ(daemon()->promises->told_by("n1"), Lsn{500});
  EXPECT_EQ(one->promises->told_by("n2"), Lsn{});
  one->promises->leader_is_seen();
  EXPECT_EQ(one->promises->told_by("n1"), Lsn{});
  EXPECT_EQ(one->left(), 30s);
}

}  // namespace
}  // namespace tanist::ha
