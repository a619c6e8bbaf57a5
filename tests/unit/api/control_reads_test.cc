#include "api/control_reads.h"

#include <gtest/gtest.h>

#include "unit/api/fake_control.h"
#include "unit/core/manual_clock.h"

namespace tanist::api {
namespace {

using namespace std::chrono_literals;
namespace order = ha::order;

class ControlReadsTest : public ::testing::Test {
 protected:
  ControlReadsTest() {
    control.read = [this](order::ReadCluster) {
      ++asked;
      return cluster;
    };
    control.refresh = [this](order::Refresh) {
      ++looks;
      return looked;
    };
    mailbox.open(control_scope, control);
  }
  ~ControlReadsTest() override {
    mailbox.close("the test is over");
    tanist::test::run(io, askers.close());
    tanist::test::run(io, control_scope.close());
  }

  static Task<void> ask(ControlReadsTest* self, ControlReads::Asker asker) {
    const auto read = co_await self->reads.cluster(asker, self->clock.now() + 10s);
    self->answers.push_back(read ? "read" : read.error());
  }
  void begin(ControlReads::Asker asker, std::size_t times = 1) {
    for (std::size_t i = 0; i < times; ++i) askers.spawn("ask", ask(this, asker));
    clock.settle();
  }
  static Task<void> look(ControlReadsTest* self) {
    co_await self->reads.refresh(100ms, self->clock.now() + 250ms);
    ++self->seen;
  }

  boost::asio::io_context io{1};
  tanist::test::ManualClock clock{io};
  /// nullopt: no answer.
  std::optional<order::ReadCluster::Answer> cluster;
  std::optional<std::monostate> looked;
  std::size_t asked = 0;
  int looks = 0;
  int seen = 0;
  std::vector<std::string> answers;
  test::FakeControl control;
  TaskScope control_scope{io.get_executor()};
  TaskScope askers{io.get_executor()};
  ha::Mailbox mailbox{clock, "the daemon has not started yet"};
  ControlReads reads{mailbox, clock};
};

TEST_F(ControlReadsTest, what_anybody_may_read_keeps_nobody_from_changing_something) {
  begin(ControlReads::Asker::open, kMaxConcurrentLoads + 1);
  EXPECT_EQ(asked, kMaxConcurrentLoads);
  EXPECT_EQ(answers, std::vector<std::string>{"too many requests at once"});
  begin(ControlReads::Asker::admitted, kMaxConcurrentLoads + 1);
  EXPECT_EQ(asked, 2 * kMaxConcurrentLoads);
  EXPECT_EQ(answers.size(), 2u);

  clock.advance(10s);
  EXPECT_EQ(answers.size(), 2 * kMaxConcurrentLoads + 2);
  EXPECT_EQ(answers.back(), "no answer in time");
  cluster = std::make_shared<dcs::Cluster>();
  begin(ControlReads::Asker::open);
  EXPECT_EQ(answers.back(), "read") << "there is room again";
}

TEST_F(ControlReadsTest, who_asks_while_somebody_looks_shares_the_look) {
  for (int i = 0; i < 5; ++i) askers.spawn("look", look(this));
  clock.settle();
  EXPECT_EQ(looks, 1);
  EXPECT_EQ(seen, 0);
  clock.advance(250ms);
  EXPECT_EQ(seen, 5) << "also where control does not answer";
  looked = std::monostate();
  askers.spawn("look", look(this));
  clock.settle();
  EXPECT_EQ(looks, 2);
  EXPECT_EQ(seen, 6);
}

TEST_F(ControlReadsTest, a_look_that_is_given_up_keeps_nobody_waiting) {
  auto first = askers.spawn("look", look(this));
  clock.settle();
  askers.spawn("look", look(this));
  clock.settle();
  first.cancel();
  clock.settle();
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(looks, 1);
}

}  // namespace
}  // namespace tanist::api
