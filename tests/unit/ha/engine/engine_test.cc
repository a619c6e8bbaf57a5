#include "ha/engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <optional>

#include "async/task_scope.h"
#include "log/log.h"
#include "unit/core/manual_clock.h"
#include "unit/ha/fakes.h"

/// The cycle over ports that do as a test says: what is asked of the store, and when, and what others see
/// meanwhile. What decisions are right is the policies' business.
namespace tanist::ha::engine_test {
namespace {

using namespace std::chrono_literals;
using postgres::Role;

constexpr const char* kMe = "n1";
constexpr const char* kMySession = "1";
constexpr const char* kSystemId = "7000000000000000001";

class Store final : public test::FakeStore {
 public:
  explicit Store(Clock& clock) : FakeStore(clock) {
    cluster.initialize = {.version = dcs::Version("2"), .present = true, .value = kSystemId};
    cluster.history = {.version = dcs::Version("4"), .empty_list = true};
    dcs::Member me{
        .name = kMe, .conn_url = "postgres://n1:5432/postgres", .api_url = "http://n1:8008/patroni"};
    cluster.members[kMe] = me;
  }

  dcs::Cluster cluster;
  /// How many reads fail from now on.
  int reads_lost = 0;
  std::vector<dcs::Read> reads;
  int sessions_kept = 0;
  int acquires = 0;
  dcs::Outcome acquire_outcome = dcs::Outcome::done;
  std::vector<dcs::Record> writes;
  dcs::Outcome release_outcome = dcs::Outcome::done;
  /// What the watch has seen, and whom it tells.
  dcs::ClusterPtr seen;
  std::function<void(Change)> listener;
  /// Called when the key is about to be deleted.
  std::function<void()> releasing = [] {};
  int releases = 0;

  void lead(const std::string& name, const dcs::Claim& session) {
    cluster.leader = dcs::Leader{.name = name, .claim = session, .version = dcs::Version("50")};
  }

  Task<std::expected<dcs::ClusterPtr, dcs::LoadError>> load(dcs::Read how, Instant) override {
    reads.push_back(how);
    if (reads_lost > 0) {
      --reads_lost;
      co_return std::unexpected(dcs::LoadError{"lost"});
    }
    auto copy = std::make_shared<dcs::Cluster>(cluster);
    copy->linearizable = how == dcs::Read::linearizable;
    copy->read_at = clock_.now();
    co_return dcs::ClusterPtr(std::move(copy));
  }
  Task<dcs::WriteResult> keep_claim(Instant) override {
    ++sessions_kept;
    return done();
  }
  Task<Acquired> acquire(dcs::AcquireConditions, std::optional<dcs::LedFrom>, Instant) override {
    ++acquires;
    Acquired answer{.outcome = acquire_outcome, .proof = {clock_.now(), 30s}};
    if (acquire_outcome == dcs::Outcome::done) lead(kMe, kMySession);
    co_return answer;
  }
  Task<dcs::WriteResult> release(std::optional<dcs::Status>, Instant) override {
    ++releases;
    releasing();
    cluster.leader.reset();
    co_return dcs::WriteResult{release_outcome, dcs::Version("1"), {}};
  }
  void on_change(std::function<void(Change)> told) override { listener = std::move(told); }
  dcs::ClusterPtr watched() const override { return seen; }
  Task<dcs::WriteResult> write(dcs::Record record, dcs::Condition, Instant) override {
    writes.push_back(std::move(record));
    return done();
  }
};

class Server final : public test::FakeServer {
 public:
  explicit Server(Clock& clock) : clock_(clock) {
    state.system_identifier = kSystemId;
    state.major_version = 150004;
    state.control = postgres::ControlData{.seen_at = clock.now(),
                                          .cluster_state = "in production",
                                          .system_identifier = kSystemId,
                                          .checkpoint_timeline = {1}};
  }

  postgres::Facts state;
  Duration promotion_takes{};
  int promotions = 0;
  int starts = 0;

  void run_primary() {
    run_standby();
    state.standby_signal = false;
    state.probe->in_recovery = false;
    state.probe->timeline = {1};
    state.probe->wal = Lsn{100};
  }
  void run_standby() {
    state.process = postgres::Process::running;
    state.accepting = postgres::Accepting::accepting;
    state.standby_signal = true;
    state.probe = postgres::Probe{.asked_at = clock_.now(), .in_recovery = true, .receive = Lsn{100}};
    state.probe->effective_timeline = {1};
  }
  void die() {
    state.process = postgres::Process::none;
    state.accepting = postgres::Accepting::no_response;
    state.probe.reset();
  }

  const postgres::Facts& facts() const override { return state; }
  Task<void> refresh(Duration, Instant) override {
    if (state.probe) state.probe->asked_at = clock_.now();
    co_return;
  }
  Task<void> read_control(Instant) override {
    if (state.control) state.control->seen_at = clock_.now();
    co_return;
  }
  Task<bool> wait_down(Instant) override {
    die();
    co_return true;
  }
  Task<postgres::Result> start(postgres::StartRequest, Instant) override {
    ++starts;
    return failing();
  }
  Task<postgres::Result> promote(Instant) override {
    ++promotions;
    const Instant begun = clock_.now();
    while (clock_.now() < begun + promotion_takes) {
      co_await clock_.sleep_for(100ms);
    }
    co_return std::unexpected(postgres::Failure{"it was too slow"});
  }

 private:
  Task<postgres::Result> failing() { co_return std::unexpected(postgres::Failure{"it does not start"}); }

  Clock& clock_;
};

class OtherMembers final : public ha::Peers {
 public:
  bool somebody = false;
  Task<std::map<std::string, PeerAnswer>> ask(std::map<std::string, std::string>, Instant) override {
    co_return std::map<std::string, PeerAnswer>();
  }
  Task<bool> answers_as(std::string, std::string, Instant) override { co_return somebody; }
};

class Fence final : public ha::Fence {
 public:
  bool arms = true;
  bool usable() const override { return true; }
  bool armed() const override { return armed_; }
  Task<bool> arm(Instant) override {
    armed_ = arms;
    co_return arms;
  }
  void prolong(Instant) override {}
  Task<void> disarm(std::string) override {
    armed_ = false;
    co_return;
  }

 private:
  bool armed_ = false;
};

class engine : public ::testing::Test {
 protected:
  engine() {
    log::redirect([](log::Level, const std::string&) {});
    settings->scope = "demo";
    settings->name = kMe;
    settings->postgresql.data_dir = "/data";
    settings->state_dir = "/state";
  }
  ~engine() override {
    store.reads_lost = 0;
    server.promotion_takes = {};
    if (runs_) {
      runs_->shutdown(true);
      clock.advance(300s);
    }
    EXPECT_TRUE(code.has_value()) << "the engine does not end";
    scope.spawn("end", close());
    clock.settle();
    log::redirect({});
  }
  static Task<void> close() { co_return; }
  Task<void> run() { code = co_await runs_->run(); }

  void start() {
    EngineObserver observer;
    observer.decided = [this](const View& view, const Decision& decision) {
      views.push_back(view);
      decisions.push_back(decision);
    };
    observer.published = [this](SnapshotPtr snapshot) { roles.push_back(snapshot->role); };
    observer.before_first_cycle = [this] { return first(); };
    runs_ = std::make_unique<Engine>(
        io.get_executor(), Ports{clock, store, server, peers, fence, disk, dice, journal}, settings,
        [this](const Document&) { return std::expected<config::SettingsPtr, std::string>(settings); }, board,
        std::move(observer));
    scope.spawn("engine", run());
    clock.settle();
  }
  Task<bool> first() {
    role_at_first = board.get()->role;
    co_return true;
  }
  Role role() const { return board.get()->role; }

  boost::asio::io_context io;
  test::ManualClock clock{io};
  Store store{clock};
  Server server{clock};
  OtherMembers peers;
  Fence fence;
  test::FakeDisk disk;
  test::FakeDice dice;
  test::FakeJournal journal;
  std::shared_ptr<config::Settings> settings = std::make_shared<config::Settings>();
  SnapshotBoard board;
  std::vector<View> views;
  std::vector<Decision> decisions;
  std::vector<Role> roles;
  std::optional<Role> role_at_first;
  std::optional<int> code;
  TaskScope scope{io.get_executor()};

 private:
  std::unique_ptr<Engine> runs_;
};

TEST_F(engine, adopts_its_primary_with_the_key_it_holds) {
  store.lead(kMe, kMySession);
  server.run_primary();
  start();
  clock.advance(30s);
  EXPECT_EQ(role_at_first, Role::primary);
  EXPECT_EQ(decisions.back().reason.code, Code::no_action_leader);
  EXPECT_TRUE(server.stops.empty());
}

TEST_F(engine, a_stopped_server_was_no_primary_to_go_on_with) {
  start();
  EXPECT_EQ(role_at_first, Role::demoted);
}

TEST_F(engine, a_stopped_standby_was_a_replica) {
  server.state.standby_signal = true;
  start();
  EXPECT_EQ(role_at_first, Role::replica);
}

TEST_F(engine, a_directory_without_a_control_file_is_uninitialized) {
  server.state.control.reset();
  start();
  EXPECT_EQ(role_at_first, Role::uninitialized);
}

TEST_F(engine, a_server_that_does_not_answer_is_told_by_its_signal_file) {
  server.run_standby();
  server.state.probe.reset();
  server.state.accepting = postgres::Accepting::rejecting;
  start();
  EXPECT_EQ(role_at_first, Role::replica);
}

/// What its directory looks like.
struct engine_of_a_silent_primary : engine, ::testing::WithParamInterface<postgres::DataDirectory> {};

TEST_P(engine_of_a_silent_primary, keeps_its_key_where_nothing_tells_whose_directory_it_is) {
  store.lead(kMe, kMySession);
  server.run_primary();
  server.state.probe.reset();
  server.state.control.reset();
  server.state.system_identifier.clear();
  server.state.data_directory = GetParam();
  server.state.accepting = postgres::Accepting::no_response;
  start();
  clock.advance(5s);
  EXPECT_EQ(role_at_first, Role::primary);
  clock.advance(60s);
  EXPECT_EQ(store.releases, 0) << "it may commit as soon as it runs on";
}

INSTANTIATE_TEST_SUITE_P(Looks, engine_of_a_silent_primary,
                         ::testing::Values(postgres::DataDirectory::ok, postgres::DataDirectory::foreign));

/// The answer to an acquire was lost, and the read that would tell is lost too.
TEST_F(engine, an_unknown_outcome_is_known_for_what_it_is_until_a_fresh_view_tells) {
  server.run_standby();
  store.acquire_outcome = dcs::Outcome::unknown;
  store.acquires = 0;
  start();
  clock.advance(50ms);
  ASSERT_GE(store.acquires, 1);
  views.clear();
  store.acquire_outcome = dcs::Outcome::unavailable;
  store.reads_lost = 1;
  store.reads.clear();
  clock.advance(10s);
  ASSERT_FALSE(views.empty());
  EXPECT_TRUE(views.front().store.lock_unknown);
  ASSERT_GE(store.reads.size(), 2U);
  EXPECT_EQ(store.reads[0], dcs::Read::linearizable);
  EXPECT_EQ(store.reads[1], dcs::Read::linearizable) << "the first was lost";
  EXPECT_FALSE(views.back().store.lock_unknown);
}

TEST_F(engine, a_lost_acquire_that_was_never_sent_leaves_nothing_unknown) {
  server.run_standby();
  store.acquire_outcome = dcs::Outcome::unavailable;
  start();
  clock.advance(1s);
  ASSERT_GE(store.acquires, 1);
  EXPECT_FALSE(views.back().store.lock_unknown);
}

/// A key that hangs on my session although I cannot prove a lease.
TEST_F(engine, a_session_is_not_kept_alive_blindly_under_a_key_that_may_be_mine) {
  store.lead(kMe, kMySession);
  store.outcome = dcs::RenewOutcome::unproven;
  server.run_standby();
  start();
  store.reads.clear();
  store.sessions_kept = 0;
  clock.advance(45s);
  EXPECT_EQ(store.sessions_kept, 0);
  ASSERT_FALSE(store.reads.empty());
  for (const auto how : store.reads) EXPECT_EQ(how, dcs::Read::linearizable);
}

TEST_F(engine, the_session_of_a_replica_is_kept_alive_each_loop_wait) {
  store.lead("n2", "2");
  server.run_standby();
  start();
  store.sessions_kept = 0;
  clock.advance(60s);
  EXPECT_GE(store.sessions_kept, 5);
  EXPECT_LE(store.sessions_kept, 7);
}

TEST_F(engine, the_role_is_given_up_before_the_key_is) {
  settings->dynamic.pause = true;
  store.lead(kMe, kMySession);
  server.run_primary();
  start();
  clock.advance(5s);
  ASSERT_EQ(role(), Role::primary);
  std::optional<Role> told;
  store.releasing = [&] {
    if (!told) told = role();
  };
  server.die();
  clock.advance(15s);
  ASSERT_EQ(store.releases, 1);
  EXPECT_EQ(told, Role::demoted);
}

/// The word is still `replica`, and the last answer still `in recovery`: the signal was sent all the same.
TEST_F(engine, what_is_being_promoted_is_stopped_when_the_lease_ends) {
  server.run_standby();
  server.promotion_takes = 10min;
  start();
  clock.advance(100ms);
  ASSERT_EQ(server.promotions, 1);
  ASSERT_EQ(role(), Role::replica);
  store.outcome = dcs::RenewOutcome::unproven;
  clock.advance(29s);
  EXPECT_FALSE(server.stops.empty()) << "it may become writable any moment";
  server.promotion_takes = {};
}

TEST_F(engine, a_standby_may_have_been_told_to_promote_itself_where_no_note_can_be_read) {
  disk.unreadable = true;
  server.run_standby();
  store.lead("n2", "2");
  start();
  clock.advance(10s);
  EXPECT_FALSE(server.stops.empty());
}

TEST_F(engine, a_standby_that_nobody_told_to_promote_itself_is_left_alone) {
  server.run_standby();
  store.lead("n2", "2");
  start();
  clock.advance(10s);
  EXPECT_TRUE(server.stops.empty());
  EXPECT_EQ(server.kills, 0);
}

TEST_F(engine, a_promotion_is_noted_on_a_disk_that_fails_for_a_while) {
  disk.appends_to_fail = 4;
  server.run_standby();
  server.promotion_takes = 10min;
  start();
  clock.advance(100ms);
  EXPECT_EQ(server.promotions, 1);
  ASSERT_EQ(disk.appended.size(), 1u);
  EXPECT_TRUE(disk.appended[0].ends_with("/promoting")) << disk.appended[0];
  server.promotion_takes = {};
}

TEST_F(engine, a_replica_is_left_alone_when_a_lease_ends) {
  settings->tags.nofailover = true;
  store.lead(kMe, kMySession);
  server.run_standby();
  settings->dynamic.pause = true;
  start();
  store.outcome = dcs::RenewOutcome::unproven;
  clock.advance(40s);
  EXPECT_TRUE(server.stops.empty());
  EXPECT_EQ(server.kills, 0);
}

TEST_F(engine, a_name_that_somebody_answers_to_ends_the_daemon) {
  peers.somebody = true;
  start();
  clock.advance(1s);
  EXPECT_EQ(code, 1);
}

TEST_F(engine, a_copy_of_the_store_from_before_the_lease_stops_nobody) {
  store.lead(kMe, kMySession);
  server.run_primary();
  start();
  clock.advance(1s);
  // The store shows none that is older than the last proof.
  store.seen = nullptr;
  store.listener({.leader_changed = true, .wakes = true});
  EXPECT_TRUE(server.stops.empty());
  auto now = std::make_shared<dcs::Cluster>(store.cluster);
  now->leader = dcs::Leader{.name = "n2", .claim = "2", .version = dcs::Version("40")};
  store.seen = now;
  store.listener({.leader_changed = true, .wakes = true});
  EXPECT_FALSE(server.stops.empty());
}

/// Keys of members wake no cycle; who asks this member for the cluster sees them all the same.
TEST_F(engine, what_the_watch_brings_is_published_at_once) {
  store.lead("n2", "2");
  server.run_standby();
  start();
  clock.advance(1s);
  const std::size_t cycles = decisions.size();
  auto now = std::make_shared<dcs::Cluster>(store.cluster);
  now->members["n2"].replay_lsn = Lsn{117};
  store.seen = now;
  store.listener({});
  clock.settle();
  EXPECT_EQ(decisions.size(), cycles);
  ASSERT_TRUE(board.get()->watched);
  EXPECT_EQ(board.get()->watched->members.at("n2").replay_lsn, Lsn{117});
  store.seen = nullptr;
  store.listener({});
  EXPECT_EQ(board.get()->watched, nullptr) << "the watch ended";
}

TEST_F(engine, cycles_are_measured) {
  store.lead("n2", "2");
  server.run_standby();
  start();
  clock.advance(30s);
  const auto& counts = board.get()->cycles.counts;
  EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}), decisions.size());
}

TEST_F(engine, a_renewal_that_fails_is_a_store_that_is_silent) {
  store.lead(kMe, kMySession);
  server.run_primary();
  start();
  clock.advance(1s);
  ASSERT_TRUE(views.back().store.ok);
  store.outcome = dcs::RenewOutcome::unproven;
  clock.advance(15s);
  EXPECT_FALSE(views.back().store.ok);
}

TEST_F(engine, a_release_of_unknown_outcome_is_known_for_what_it_is) {
  settings->dynamic.pause = true;
  store.lead(kMe, kMySession);
  server.run_primary();
  start();
  clock.advance(5s);
  store.release_outcome = dcs::Outcome::unknown;
  store.releasing = [this] { store.reads_lost = 1; };
  views.clear();
  server.die();
  clock.advance(30s);
  ASSERT_GE(store.releases, 1);
  EXPECT_TRUE(std::ranges::any_of(views, [](const View& view) { return view.store.lock_unknown; }));
}

TEST_F(engine, without_its_fence_nothing_is_promoted) {
  server.run_standby();
  fence.arms = false;
  start();
  clock.advance(5s);
  ASSERT_GE(store.acquires, 1);
  EXPECT_EQ(server.promotions, 0);
}

TEST_F(engine, a_key_that_is_still_mine_is_proven_again_when_the_store_can) {
  settings->dynamic.pause = true;
  store.lead(kMe, kMySession);
  server.run_primary();
  start();
  clock.advance(1s);
  store.outcome = dcs::RenewOutcome::unproven;
  clock.advance(40s);
  ASSERT_FALSE(views.back().lease.held(views.back().now));
  store.outcome = dcs::RenewOutcome::proven;
  clock.advance(15s);
  EXPECT_TRUE(views.back().lease.held(views.back().now));
  EXPECT_EQ(decisions.back().reason.code, Code::no_action_leader);
}

}  // namespace
}  // namespace tanist::ha::engine_test
