#include "api/control_link.h"

#include <gtest/gtest.h>

#include "api/server.h"
#include "async/task_scope.h"
#include "contract/run_task.h"
#include "unit/core/manual_clock.h"

namespace tanist::api {
namespace {

using namespace std::chrono_literals;

class ControlLinkTest : public ::testing::Test {
 protected:
  ControlPort port() {
    ControlPort out;
    out.load = [this](Instant, ControlPort::Loaded done) { asked.push_back(std::move(done)); };
    return out;
  }
  static Task<void> ask(ControlLinkTest* self, ControlLink::Asker asker) {
    const auto result = co_await self->link.load(asker, self->clock.now() + 10s);
    self->answers.push_back(result ? "read" : result.error());
  }
  void begin(ControlLink::Asker asker, std::size_t times = 1) {
    for (std::size_t i = 0; i < times; ++i) scope.spawn("ask", ask(this, asker));
    settle();
  }
  void settle() {
    io.restart();
    io.poll();
  }

  boost::asio::io_context io{1};
  tanist::test::ManualClock clock{io};
  std::vector<ControlPort::Loaded> asked;
  std::vector<std::string> answers;
  ControlLink link{io.get_executor(), clock, port()};
  TaskScope scope{io.get_executor()};
};

TEST_F(ControlLinkTest, what_anybody_may_read_keeps_nobody_from_changing_something) {
  begin(ControlLink::Asker::open, kMaxConcurrentLoads + 1);
  EXPECT_EQ(asked.size(), kMaxConcurrentLoads);
  EXPECT_EQ(answers, std::vector<std::string>{"too many requests at once"});
  begin(ControlLink::Asker::admitted, kMaxConcurrentLoads + 1);
  EXPECT_EQ(asked.size(), 2 * kMaxConcurrentLoads);
  EXPECT_EQ(answers.size(), 2u);

  for (auto& done : std::exchange(asked, {})) done(std::make_shared<dcs::Cluster>());
  settle();
  EXPECT_EQ(answers.size(), 2 * kMaxConcurrentLoads + 2);
  begin(ControlLink::Asker::open);
  EXPECT_EQ(asked.size(), 1u) << "there is room again";
  tanist::test::run(io, scope.close());
}

}  // namespace
}  // namespace tanist::api
