#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "ha/lease/keeper.h"
#include "log/log.h"
#include "unit/core/manual_clock.h"
#include "unit/ha/fakes.h"

/// A keeper on a clock that a test moves, with a store and a server that do what it says.
namespace tanist::ha {

using namespace std::chrono_literals;

class FenceOfKeeper final : public Fence {
 public:
  /// Until when PostgreSQL may go on, each time it was told so.
  std::vector<Instant> prolonged;

  bool usable() const override { return true; }
  bool armed() const override { return true; }
  Task<bool> arm(Instant) override { co_return true; }
  void prolong(Instant kill_at, Instant) override { prolonged.push_back(kill_at); }
  Task<void> disarm(std::string) override { co_return; }
};

class lease_keeper : public ::testing::Test {
 protected:
  lease_keeper() {
    log::redirect([](log::Level, const std::string&) {});
    keeper.start({});
    clock.settle();
  }
  ~lease_keeper() override {
    scope.spawn("end", close());
    clock.settle();
    log::redirect({});
  }
  Task<void> close() { co_return; }

  void win() { keeper.won({clock.now(), store.length}); }
  void keep() { keeper.mandate({Mandate::Kind::keep, clock.now() + 30s}, std::nullopt); }

  boost::asio::io_context io;
  test::ManualClock clock{io};
  test::FakeStore store{clock};
  test::FakeServer server;
  test::FakePeers peers;
  FenceOfKeeper fence;
  test::FakeDisk disk;
  test::FakeDice dice;
  test::FakeJournal journal;
  TaskScope scope{io.get_executor()};
  bool may_write = true;
  int changes = 0;
  bool promoting = false;
  LeaseKeeper keeper{
      Ports{clock, store, server, peers, fence, disk, dice, journal}, scope,
      LeaseKeeper::Hooks{
          [this] { return may_write; }, [this] { ++changes; }, {}, [this] { return promoting; }}};
};

}  // namespace tanist::ha
