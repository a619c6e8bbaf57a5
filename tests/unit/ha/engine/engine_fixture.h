#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <optional>

#include "async/task_scope.h"
#include "ha/engine/engine.h"
#include "log/log.h"
#include "unit/core/manual_clock.h"
#include "unit/ha/fakes.h"

/// The cycle over ports that do as a test says: what is asked of the store, and when, and what others see
/// meanwhile. What decisions are right is the policies' business.
namespace tanist::ha::engine_test {
using namespace std::chrono_literals;
using postgres::Role;

inline constexpr const char* kMe = "n1";
inline constexpr const char* kMySession = "1";
inline constexpr const char* kSystemId = "7000000000000000001";

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
  std::vector<dcs::LedFrom> led_from;
  std::vector<dcs::Record> writes;
  dcs::Outcome release_outcome = dcs::Outcome::done;
  /// What the watch has seen, and whom it tells.
  dcs::ClusterPtr seen;
  std::function<void(Change)> listener;
  /// What the member key takes to be written.
  Duration touch_takes{};
  int renewals_under_way = 0;
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
  Task<dcs::Renewal> renew(std::optional<dcs::Status> status, Instant deadline) override {
    ++renewals_under_way;
    auto renewal = co_await FakeStore::renew(std::move(status), deadline);
    --renewals_under_way;
    co_return renewal;
  }
  Task<dcs::WriteResult> touch_member(Document, Instant) override {
    co_await clock_.sleep_for(touch_takes);
    co_return dcs::WriteResult{dcs::Outcome::done, dcs::Version("1"), {}};
  }
  Task<dcs::WriteResult> keep_claim(Instant) override {
    ++sessions_kept;
    return done();
  }
  Task<Acquired> acquire(dcs::AcquireConditions, std::optional<dcs::LedFrom> from, Instant) override {
    ++acquires;
    if (from) led_from.push_back(*from);
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
  int fresh_looks = 0;

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
  Task<void> refresh(Duration max_age, Instant) override {
    if (max_age == Duration::zero()) ++fresh_looks;
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
  Task<std::map<std::string, FailsafeReply>> ask_promises(std::map<std::string, std::string>,
                                                          FailsafeQuestion, Instant) override {
    co_return std::map<std::string, FailsafeReply>();
  }
  Task<bool> answers_as(std::string, std::string, Instant) override { co_return somebody; }
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
    on_decision = {};
    store.releasing = [] {};
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
      if (on_decision) on_decision(decision);
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
  void shut_down() {
    runs_->shutdown(false);
    clock.advance(30s);
  }

  boost::asio::io_context io;
  test::ManualClock clock{io};
  Store store{clock};
  Server server{clock};
  OtherMembers peers;
  test::FakeFence fence;
  test::FakeDisk disk;
  test::FakeDice dice;
  test::FakeJournal journal;
  std::shared_ptr<config::Settings> settings = std::make_shared<config::Settings>();
  SnapshotBoard board;
  std::function<void(const Decision&)> on_decision;
  std::vector<View> views;
  std::vector<Decision> decisions;
  std::vector<Role> roles;
  std::optional<Role> role_at_first;
  std::optional<int> code;
  TaskScope scope{io.get_executor()};

 private:
  std::unique_ptr<Engine> runs_;
};

}  // namespace tanist::ha::engine_test
