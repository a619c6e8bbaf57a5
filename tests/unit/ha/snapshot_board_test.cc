#include "ha/snapshot_board.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "async/task_scope.h"
#include "contract/run_task.h"

namespace tanist::ha {
namespace {

SnapshotPtr snapshot_at(Instant when) {
  auto out = std::make_shared<Snapshot>();
  out->published_at = when;
  return out;
}

class Board : public ::testing::Test {
 protected:
  ~Board() override { tanist::test::run(io, scope.close()); }

  static Task<void> wait(Board* self, SnapshotPtr seen) {
    self->told = co_await self->board.changed(std::move(seen));
  }
  void settle() {
    io.restart();
    io.poll();
  }

  boost::asio::io_context io{1};
  SnapshotBoard board;
  SnapshotPtr told;
  TaskScope scope{io.get_executor()};
};

TEST_F(Board, tells_who_waits_of_the_next_snapshot) {
  const auto first = snapshot_at(Instant(Duration(1)));
  board.publish(first);
  scope.spawn("wait", wait(this, first));
  settle();
  EXPECT_EQ(told, nullptr);
  const auto second = snapshot_at(Instant(Duration(2)));
  std::thread([&] { board.publish(second); }).join();
  settle();
  EXPECT_EQ(told, second);
}

TEST_F(Board, what_was_published_meanwhile_is_told_at_once) {
  const auto first = snapshot_at(Instant(Duration(1)));
  board.publish(first);
  scope.spawn("wait", wait(this, nullptr));
  settle();
  EXPECT_EQ(told, first);
}

TEST_F(Board, who_stopped_waiting_is_told_nothing) {
  auto waiter = scope.spawn("wait", wait(this, nullptr));
  settle();
  waiter.cancel();
  settle();
  board.publish(snapshot_at(Instant(Duration(1))));
  settle();
  EXPECT_EQ(told, nullptr);
}

/// For ThreadSanitizer: one thread publishes while another waits, again and again.
TEST(BoardThreads, no_change_is_missed) {
  constexpr int kLast = 2000;
  SnapshotBoard board;
  const auto follow = [](SnapshotBoard* from, Duration* seen) -> Task<void> {
    SnapshotPtr last;
    while (!last || last->published_at != Instant(Duration(kLast))) {
      last = co_await from->changed(last);
      *seen = last->published_at.time_since_epoch();
    }
  };
  Duration seen{};
  std::thread reader([&] {
    boost::asio::io_context io{1};
    tanist::test::run(io, follow(&board, &seen));
  });
  for (int i = 1; i <= kLast; ++i) board.publish(snapshot_at(Instant(Duration(i))));
  reader.join();
  EXPECT_EQ(seen, Duration(kLast));
}

}  // namespace
}  // namespace tanist::ha
