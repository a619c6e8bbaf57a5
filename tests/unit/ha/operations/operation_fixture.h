#pragma once

#include <gtest/gtest.h>

#include "ha/operations/operation.h"
#include "log/log.h"
#include "unit/core/manual_clock.h"
#include "unit/ha/fakes.h"

/// Operations on a server that does as it is told, late or never.
namespace tanist::ha::operation_test {

using namespace std::chrono_literals;
using postgres::Role;
using postgres::StopMode;
using Texts = std::vector<std::string>;

class Server final : public test::FakeServer {
 public:
  explicit Server(Clock& clock) : clock_(clock) { state.process = postgres::Process::running; }

  postgres::Facts state;
  /// How long a stop takes; nullopt: it never ends.
  std::optional<Duration> fast = 1s;
  std::optional<Duration> immediate = 100ms;
  bool shuts_down_cleanly = false;
  /// The kernel does not give its processes back.
  bool unkillable = false;
  std::optional<Duration> script_was_given;
  postgres::StartOutcome started = postgres::StartOutcome::accepting;
  postgres::Result rewound{};
  postgres::Result source_checkpointed{};
  postgres::Result pre_promote{};
  Duration pre_promote_takes{};
  int rewinds = 0;
  int removals = 0;
  std::optional<Instant> removal_begins_by;
  int copies = 0;
  int promotions = 0;
  /// So many are forgotten by the server.
  int promotions_lost = 0;
  std::function<void()> on_rename;

  const postgres::Facts& facts() const override { return state; }
  /// Somebody starts it again before anybody has seen that it was down.
  void start_another(int pid) {
    state.process = postgres::Process::running;
    state.postmaster_pid = pid;
    down_at_ = Instant::max();
  }
  void signal_stop(StopMode mode) override {
    FakeServer::signal_stop(mode);
    const auto takes = mode == StopMode::fast ? fast : immediate;
    if (takes) down_at_ = std::min(down_at_, clock_.now() + *takes);
  }
  Task<bool> wait_down(Instant deadline) override {
    co_await clock_.sleep_until(std::min(down_at_, deadline));
    if (clock_.now() >= down_at_) state.process = postgres::Process::none;
    co_return state.process == postgres::Process::none;
  }
  Task<bool> kill_everything(Instant) override {
    ++kills;
    if (!unkillable) state.process = postgres::Process::none;
    co_return !unkillable;
  }
  Task<void> run_before_stop(Instant deadline) override {
    script_was_given = deadline - clock_.now();
    co_return;
  }
  Task<std::optional<postgres::ControlData>> wait_shutdown_checkpoint(Instant deadline) override {
    if (shuts_down_cleanly)
      co_return postgres::ControlData{.cluster_state = "shut down", .latest_checkpoint = {100}};
    co_await clock_.sleep_until(std::min(down_at_, deadline));
    co_return std::nullopt;
  }
  Task<postgres::Result> start(postgres::StartRequest, Instant) override {
    state.process = postgres::Process::running;
    co_return postgres::Result{};
  }
  Task<postgres::StartOutcome> wait_started(Instant) override { co_return started; }
  Task<postgres::Result> checkpoint_source(postgres::Upstream, Instant) override {
    co_return source_checkpointed;
  }
  Task<postgres::Result> rewind(postgres::Upstream, std::function<void(postgres::Progress)>,
                                Instant) override {
    ++rewinds;
    co_return rewound;
  }
  Task<postgres::Result> remove_data_directory(std::string, Instant begin_by, Instant) override {
    ++removals;
    removal_begins_by = begin_by;
    co_return postgres::Result{};
  }
  Task<postgres::Result> create_replica(postgres::ReplicaRequest, std::function<void(postgres::Progress)>,
                                        Instant) override {
    ++copies;
    co_return postgres::Result{};
  }
  Task<postgres::Result> rename_data_directory(Instant) override {
    if (on_rename) on_rename();
    co_return postgres::Result{};
  }
  Task<postgres::Result> run_pre_promote(Instant) override {
    co_await clock_.sleep_for(pre_promote_takes);
    co_return pre_promote;
  }
  Task<postgres::Result> promote(Instant) override {
    ++promotions;
    co_return postgres::Result{};
  }
  Task<bool> wait_promoted(Instant deadline) override {
    if (promotions > promotions_lost) co_return true;
    co_await clock_.sleep_until(deadline);
    co_return false;
  }

 private:
  Clock& clock_;
  Instant down_at_ = Instant::max();
};

class Host final : public OperationHost {
 public:
  Host(Clock& clock, LeaseKeeper& keeper) : clock_(clock), keeper_(keeper) {
    settings_.dynamic.timing = {.ttl = 30s, .loop_wait = 10s, .retry_timeout = 10s};
  }

  config::SettingsPtr settings() const override {
    return std::make_shared<const config::Settings>(settings_);
  }
  void set_state(postgres::State state) override { state_ = state; }
  void set_role(Role role) override { role_ = role; }
  Role role() const override { return role_; }
  void writes_ended() override { ++ends_of_writes; }
  void writes_began() override { ++begins_of_writes; }
  void set_progress(std::optional<postgres::Progress>) override {}
  void publish() override {}
  void wake() override {}
  void fire_callback(const std::string& action, Role role) override {
    told.push_back(action + " " + std::string(to_string(role)));
  }
  bool callback_fired() const override { return told_before || !told.empty(); }
  Task<bool> release_key(std::optional<Lsn>) override {
    released_at = clock_.now();
    co_return true;
  }
  Task<void> leave_sync(Instant) override {
    ++leavings_of_sync;
    co_return;
  }
  LeaseKeeper& keeper() override { return keeper_; }
  bool promotion_pending() const override { return pending; }
  bool pending = false;
  Task<void> begin_promotion() override {
    ++promotions_begun;
    co_await clock_.sleep_for(noting_takes);
  }
  void forget_promotion() override { ++promotions_forgotten; }
  Task<bool> forget_branch() override {
    ++branches_forgotten;
    co_return forgets_branch;
  }
  std::string bootstrap_note_path() const override { return "/note"; }

  config::Settings settings_;
  postgres::State state_ = postgres::State::running;
  Role role_ = Role::primary;
  Texts told;
  bool told_before = false;
  std::optional<Instant> released_at;
  int ends_of_writes = 0;
  int begins_of_writes = 0;
  int leavings_of_sync = 0;
  int promotions_begun = 0;
  int promotions_forgotten = 0;
  int branches_forgotten = 0;
  bool forgets_branch = true;
  Duration noting_takes{};

 private:
  Clock& clock_;
  LeaseKeeper& keeper_;
};

class RunningOperations : public ::testing::Test {
 protected:
  RunningOperations() {
    log::redirect([this](log::Level, const std::string& line) { logged.push_back(line); });
    host.settings_.postgresql.scripts.pre_promote = "script";
  }
  ~RunningOperations() override {
    scope.spawn("end", end());
    clock.settle();
    log::redirect({});
  }
  Task<void> end() { co_return; }
  Task<void> armed() { co_await fence.arm(clock.now() + 30s); }

  void lead() { keeper.won({clock.now(), 30s}); }
  void begin(OperationKind kind, Task<OperationRunner::Outcome> body) {
    began = clock.now();
    runner.start(kind, operation_name(kind), std::move(body));
    clock.settle();
  }
  /// Lets time pass until the operation has ended.
  Duration finish(Duration at_most = 10min) {
    for (Duration passed = 0s; runner.busy() && passed < at_most; passed += 100ms) clock.advance(100ms);
    return clock.now() - began;
  }
  const OperationResult& result() const { return *runner.last(); }
  void synchronous(Duration stop_timeout) {
    host.settings_.dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
    host.settings_.dynamic.primary_stop_timeout = stop_timeout;
  }

  Texts logged;
  boost::asio::io_context io;
  test::ManualClock clock{io};
  test::FakeStore store{clock};
  Server server{clock};
  test::FakePeers peers;
  NoFence fence;
  test::FakeDisk disk;
  test::FakeDice dice;
  test::FakeJournal journal;
  Ports ports{clock, store, server, peers, fence, disk, dice, journal};
  TaskScope scope{io.get_executor()};
  LeaseKeeper keeper{ports, scope, LeaseKeeper::Hooks{[] { return false; }, [] {}}};
  Host host{clock, keeper};
  OperationRunner runner{ports, host, scope};
  Instant began{};
};

}  // namespace tanist::ha::operation_test
