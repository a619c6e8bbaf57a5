#include "dcs/metered_store.h"

#include <gtest/gtest.h>

#include "async/task_scope.h"
#include "unit/core/manual_clock.h"
#include "unit/ha/fakes.h"

namespace tanist::dcs {
namespace {

using namespace std::chrono_literals;

/// Takes its time for a read and a write, too, and does as it is told.
class SlowStore final : public test::FakeStore {
 public:
  using FakeStore::FakeStore;
  Outcome written = Outcome::done;
  bool reachable = true;

  Task<std::expected<ClusterPtr, LoadError>> load(Read, Instant) override {
    (void)co_await renew(std::nullopt, Instant());
    if (!reachable) co_return std::unexpected(LoadError{"nobody answers"});
    co_return std::make_shared<const Cluster>();
  }
  Task<WriteResult> write(Record, Condition, Instant) override {
    (void)co_await renew(std::nullopt, Instant());
    co_return WriteResult{written, {}, {}};
  }
  Task<WriteResult> touch_member(Document, Instant) override { co_return WriteResult{Outcome::done, {}, {}}; }
};

class metered_store : public ::testing::Test {
 protected:
  template <class Answer>
  void finish(Task<Answer> asked, Duration in) {
    scope.spawn("asked", ended(std::move(asked)));
    clock.settle();
    clock.advance(in);
  }
  template <class Answer>
  static Task<void> ended(Task<Answer> asked) {
    (void)co_await std::move(asked);
  }
  const StoreTimes::Operation& of(StoreOperation operation) {
    return store.times()->of.at(static_cast<std::size_t>(operation));
  }
  std::uint64_t count(StoreOperation operation) {
    std::uint64_t out = 0;
    for (const auto n : of(operation).counts) out += n;
    return out;
  }

  boost::asio::io_context io;
  test::ManualClock clock{io};
  SlowStore* slow = new SlowStore(clock);
  MeteredStore store{clock, std::unique_ptr<Store>(slow)};
  TaskScope scope{io.get_executor()};
};

TEST_F(metered_store, each_request_is_counted_with_its_time_and_its_failure) {
  slow->delay = 30ms;
  finish(store.load(Read::linearizable, {}), 1s);
  finish(store.renew(std::nullopt, {}), 1s);
  EXPECT_EQ(count(StoreOperation::read), 1u);
  EXPECT_EQ(of(StoreOperation::read).sum, 30ms);
  EXPECT_EQ(of(StoreOperation::read).counts[4], 1u) << "25 to 100 ms";
  EXPECT_EQ(of(StoreOperation::renew).errors, 0u);
  slow->reachable = false;
  slow->outcome = RenewOutcome::unproven;
  slow->written = Outcome::unknown;
  finish(store.load(Read::linearizable, {}), 1s);
  finish(store.renew(std::nullopt, {}), 1s);
  finish(store.write(ConfigRecord{}, Always{}, {}), 1s);
  EXPECT_EQ(of(StoreOperation::read).errors, 1u);
  EXPECT_EQ(of(StoreOperation::renew).errors, 1u);
  EXPECT_EQ(of(StoreOperation::write).errors, 1u);
}

TEST_F(metered_store, what_somebody_else_was_faster_with_is_an_answer) {
  slow->delay = 1ms;
  slow->written = Outcome::refused;
  slow->outcome = RenewOutcome::lost;
  finish(store.write(ConfigRecord{}, Always{}, {}), 1s);
  finish(store.renew(std::nullopt, {}), 1s);
  EXPECT_EQ(count(StoreOperation::write), 1u);
  EXPECT_EQ(of(StoreOperation::write).errors, 0u);
  EXPECT_EQ(of(StoreOperation::renew).errors, 0u);
}

TEST_F(metered_store, what_is_answered_without_a_request_is_not_counted) {
  finish(store.load(Read::watched, {}), 1s);
  finish(store.touch_member(Document::map(), {}), 1s);
  EXPECT_EQ(count(StoreOperation::read), 0u);
  EXPECT_EQ(count(StoreOperation::member), 0u);
}

}  // namespace
}  // namespace tanist::dcs
