#include "ha/engine/settings_in_force.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/document.h"
#include "log/log.h"
#include "unit/core/manual_clock.h"
#include "unit/ha/fakes.h"

namespace tanist::ha {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct TimedStore final : test::FakeStore {
  using FakeStore::FakeStore;
  config::Timing timing;
  void set_timing(const config::Timing& told) override { timing = told; }
};

struct ConfiguredServer final : test::FakeServer {
  postgres::Facts state;
  std::vector<std::string> applied;
  const postgres::Facts& facts() const override { return state; }
  Task<postgres::Result> apply(config::SettingsPtr settings, postgres::Role role, bool force,
                               Instant) override {
    applied.push_back(settings->scope + " " + std::string(to_string(role)) + (force ? " by force" : ""));
    state.settings_role = role;
    co_return postgres::Result{};
  }
};

struct KeepingDisk final : Disk {
  std::string content;
  int writes = 0;
  Task<std::expected<std::optional<std::string>, std::string>> read(std::string, Instant) override {
    co_return std::optional<std::string>(content);
  }
  Task<std::expected<void, std::string>> write(std::string, std::string text, unsigned, Instant) override {
    content = std::move(text);
    ++writes;
    co_return std::expected<void, std::string>();
  }
  Task<std::expected<void, std::string>> append(std::string, std::string, unsigned, Instant) override {
    co_return std::expected<void, std::string>();
  }
  Task<std::expected<void, std::string>> remove(std::string, Instant) override {
    co_return std::expected<void, std::string>();
  }
};

/// Local settings of this scope, under a dynamic configuration of `ttl` (none is refused) and `pause`.
SettingsBuilder local(std::string scope, bool overlays = false) {
  return [scope, overlays](const Document& dynamic) -> std::expected<config::SettingsPtr, std::string> {
    const Document* ttl = dynamic.find("ttl");
    if (!ttl) return std::unexpected("no ttl");
    auto settings = std::make_shared<config::Settings>();
    settings->scope = scope;
    settings->dynamic.timing.ttl = std::chrono::seconds(ttl->as_int());
    settings->dynamic.pause = dynamic.find("pause") != nullptr;
    settings->dynamic.short_lease = settings->dynamic.timing.ttl < 20s;
    settings->dynamic.usual_timing = {.ttl = std::max<Duration>(settings->dynamic.timing.ttl, 20s)};
    settings->dynamic.raw = dynamic;
    if (overlays) settings->postgresql.role_overlays["replica"] = {};
    return settings;
  };
}

dcs::Config stored(const char* version, Document data) {
  return {.version = dcs::Version(version), .data = std::move(data), .valid = true};
}

class SettingsInForceTest : public ::testing::Test {
 protected:
  SettingsInForceTest() {
    log::redirect([](log::Level, const std::string&) {});
    server.state.process = postgres::Process::running;
    server.state.accepting = postgres::Accepting::accepting;
  }
  ~SettingsInForceTest() override {
    clock.settle();
    log::redirect({});
  }
  /// As the end of a cycle does.
  void end_cycle() {
    scope.spawn("keep up", settings.keep_up());
    clock.settle();
    settings.apply_where_due();
    clock.settle();
  }

  boost::asio::io_context io;
  test::ManualClock clock{io};
  TimedStore store{clock};
  ConfiguredServer server;
  test::FakePeers peers;
  NoFence fence;
  KeepingDisk disk;
  test::FakeDice dice;
  test::FakeJournal journal;
  Ports ports{clock, store, server, peers, fence, disk, dice, journal};
  TaskScope scope{io.get_executor()};
  LeaseKeeper keeper{ports, scope, LeaseKeeper::Hooks{[] { return false; }, [] {}}};
  Words words{.role = postgres::Role::replica};
  int told = 0;
  SettingsInForce settings{
      ports, keeper, scope, words, *local("a")(Document::map({{"ttl", 30}})), local("a"), [this] { ++told; }};
};

TEST_F(SettingsInForceTest, a_new_dynamic_configuration_is_told_to_all_whom_it_concerns) {
  settings.adopt(stored("2", Document::map({{"ttl", 40}, {"pause", true}})));
  EXPECT_EQ(settings.timing().ttl, 40s);
  EXPECT_EQ(store.timing.ttl, 40s);
  EXPECT_TRUE(keeper.paused());
  EXPECT_THAT(server.applied, IsEmpty()) << "not within the cycle";
  end_cycle();
  EXPECT_THAT(server.applied, ElementsAre("a replica"));
  EXPECT_EQ(told, 1);
}

TEST_F(SettingsInForceTest, a_short_lease_is_in_force_while_all_members_know_of_it) {
  dcs::Cluster cluster;
  cluster.members["n1"].tanist_version = "1.0";
  settings.know_members(cluster);
  settings.adopt(stored("2", Document::map({{"ttl", 4}})));
  EXPECT_EQ(settings.timing().ttl, 4s);
  EXPECT_EQ(store.timing.ttl, 4s);
  cluster.members["patroni"] = {};
  settings.know_members(cluster);
  EXPECT_EQ(settings.timing().ttl, 20s);
  EXPECT_EQ(store.timing.ttl, 20s) << "the lease that is renewed next is a usual one";
  settings.adopt(stored("3", Document::map({{"ttl", 5}})));
  EXPECT_EQ(settings.timing().ttl, 20s) << "whatever is configured meanwhile";
  settings.adopt(stored("4", Document::map({{"ttl", 25}})));
  EXPECT_EQ(settings.timing().ttl, 25s);
  settings.adopt(stored("5", Document::map({{"ttl", 5}})));
  cluster.members.erase("patroni");
  settings.know_members(cluster);
  EXPECT_EQ(settings.timing().ttl, 5s);
  EXPECT_EQ(store.timing.ttl, 5s);
}

TEST_F(SettingsInForceTest, one_that_is_refused_changes_nothing) {
  settings.adopt(stored("2", Document::map({{"pause", true}})));
  EXPECT_EQ(settings.timing().ttl, 30s);
  end_cycle();
  EXPECT_THAT(server.applied, IsEmpty());
}

TEST_F(SettingsInForceTest, the_dynamic_part_is_kept_once_for_each_change) {
  for (int i = 0; i < 3; ++i) end_cycle();
  EXPECT_EQ(disk.writes, 1);
  EXPECT_EQ(disk.content, R"({"ttl":30})");
  settings.adopt(stored("2", Document::map({{"ttl", 40}})));
  for (int i = 0; i < 3; ++i) end_cycle();
  EXPECT_EQ(disk.writes, 2);
}

TEST_F(SettingsInForceTest, what_was_kept_counts_until_the_store_tells_otherwise) {
  disk.content = R"({"ttl":50,"pause":"on"})";
  scope.spawn("read", settings.read_kept());
  clock.settle();
  EXPECT_TRUE(keeper.paused()) << "before the store is asked";
  EXPECT_TRUE(settings.begin(dcs::Cluster{}));
  EXPECT_EQ(settings.timing().ttl, 50s);
  settings.adopt(stored("2", Document::map({{"ttl", 40}})));
  EXPECT_EQ(settings.timing().ttl, 40s);
  EXPECT_FALSE(keeper.paused());
}

TEST_F(SettingsInForceTest, new_local_ones_count_from_the_next_cycle_on_and_under_the_dynamic_ones) {
  settings.adopt(stored("2", Document::map({{"ttl", 40}})));
  settings.reload(*local("b")(Document::map({{"ttl", 30}})), local("b"));
  EXPECT_EQ(settings->scope, "a");
  settings.take_reloaded();
  EXPECT_EQ(settings->scope, "b");
  EXPECT_EQ(settings.timing().ttl, 40s);
  end_cycle();
  EXPECT_THAT(server.applied, ElementsAre("b replica by force"));
}

TEST_F(SettingsInForceTest, another_role_gets_its_overlay) {
  settings.reload(*local("a", true)(Document::map({{"ttl", 30}})), local("a", true));
  settings.take_reloaded();
  end_cycle();
  words.role = postgres::Role::primary;
  end_cycle();
  end_cycle();
  EXPECT_THAT(server.applied, ElementsAre("a replica by force", "a primary"));
}

TEST_F(SettingsInForceTest, without_overlays_a_role_changes_nothing) {
  server.state.settings_role = postgres::Role::replica;
  words.role = postgres::Role::primary;
  end_cycle();
  EXPECT_THAT(server.applied, IsEmpty());
}

TEST_F(SettingsInForceTest, what_was_found_running_is_given_its_settings) {
  server.state.settings_stale = true;
  end_cycle();
  EXPECT_THAT(server.applied, ElementsAre("a replica"));
}

}  // namespace
}  // namespace tanist::ha
