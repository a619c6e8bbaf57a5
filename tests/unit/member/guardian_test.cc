#include "member/guardian.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "async/wait.h"
#include "contract/run_task.h"
#include "guard/socket.h"

namespace tanist::member {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Kind = ha::GuardianState::Kind;

/// With the real program, and a shell named `postgres` that plays the server.
class GuardianTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/tanist-guardian-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    settings_.state_dir = root_ + "/state";
    settings_.postgresql.data_dir = root_ + "/data";
    fs::create_directories(settings_.state_dir);
    fs::create_directories(root_ + "/data");
    fs::copy("/bin/sh", root_ + "/postgres");
    ASSERT_EQ(::mkfifo((root_ + "/never").c_str(), 0600), 0);
  }
  void TearDown() override {
    if (daemon_) end_daemon();
    if (const pid_t pid = guardian()) ::kill(pid, SIGKILL);
    if (server_) server_->signal_group(SIGKILL);
    fs::remove_all(root_);
  }
  struct Daemon {
    Daemon(boost::asio::io_context& io, SystemClock& clock, const config::Settings& settings,
           std::function<int()> postmaster)
        : scope(io.get_executor()),
          disk(clock),
          fence({clock, disk, scope, std::move(postmaster)}, settings) {
      fence.start();
    }
    TaskScope scope;
    DiskThread disk;
    Guardian fence;
  };
  Guardian& start_daemon() {
    daemon_.emplace(io_, clock_, settings_, [this] { return server_ ? server_->pidfd().descriptor() : -1; });
    return daemon_->fence;
  }
  /// As if it had been killed: it says no farewell.
  void end_daemon() {
    test::run(io_, daemon_->scope.close());
    daemon_.reset();
  }
  void start_server() {
    process::Command command{
        {root_ + "/postgres", "-c", "cd " + root_ + "/data; printf x; read y <" + root_ + "/never"}};
    auto child = process::Child::spawn(command);
    ASSERT_TRUE(child);
    char word = 0;
    const int out = child->take_stdout();
    ASSERT_EQ(::read(out, &word, 1), 1);
    ::close(out);
    server_.emplace(std::move(*child));
  }
  Task<void> wait_for(std::function<bool()> condition, Duration patience, bool& came) {
    const Instant until = clock_.now() + patience;
    while (!condition() && clock_.now() < until) co_await clock_.sleep_for(2ms);
    came = condition();
  }
  bool comes(std::function<bool()> condition, Duration patience = 10s) {
    bool came = false;
    test::run(io_, wait_for(std::move(condition), patience, came));
    return came;
  }
  bool is(Kind kind) {
    return comes([&] { return daemon_->fence.state().kind == kind; });
  }
  bool server_ends(Duration patience = 10s) {
    return comes([&] { return server_->pidfd().ended(); }, patience);
  }
  bool arm() { return test::run(io_, daemon_->fence.arm(clock_.now() + 5s)); }
  /// Who listens; 0: nobody.
  pid_t guardian() {
    const guard::Descriptor directory(::open(settings_.state_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    const guard::Descriptor fd(guard::connect_to(directory.get()));
    const auto peer = fd ? guard::peer_of(fd.get()) : std::nullopt;
    return peer ? peer->pid : 0;
  }

  boost::asio::io_context io_{1};
  SystemClock clock_;
  std::string root_;
  config::Settings settings_;
  std::optional<process::Child> server_;
  std::optional<Daemon> daemon_;
};

TEST_F(GuardianTest, one_is_started_and_told_the_deadline) {
  start_server();
  auto& fence = start_daemon();
  EXPECT_TRUE(is(Kind::ready));
  EXPECT_FALSE(fence.armed());
  fence.prolong(clock_.now() + 300ms, clock_.now());
  ASSERT_TRUE(arm());
  EXPECT_EQ(fence.state().kind, Kind::armed);
  EXPECT_TRUE(fence.armed());
  fence.prolong(clock_.now() + 700ms, clock_.now());
  EXPECT_FALSE(server_ends(500ms)) << "the lease was proven again";
  EXPECT_TRUE(server_ends());
  EXPECT_TRUE(is(Kind::ready));
  EXPECT_FALSE(fence.armed()) << "its deadline is over";
  EXPECT_EQ(fence.state().kills, 1u);
}

TEST_F(GuardianTest, once_disarmed_nobody_is_killed_by_a_lease_that_ends) {
  start_server();
  auto& fence = start_daemon();
  fence.prolong(clock_.now() + 300ms, clock_.now());
  ASSERT_TRUE(arm());
  test::run(io_, fence.disarm("in pause"));
  EXPECT_EQ(fence.state().kind, Kind::ready) << "it has answered";
  EXPECT_FALSE(server_ends(600ms));
}

TEST_F(GuardianTest, a_lease_without_a_primary_arms_nothing) {
  start_server();
  auto& fence = start_daemon();
  EXPECT_TRUE(is(Kind::ready));
  fence.prolong(clock_.now() + 100ms, clock_.now());
  EXPECT_FALSE(server_ends(400ms));
  EXPECT_FALSE(fence.armed());
}

TEST_F(GuardianTest, the_next_daemon_finds_it_armed_and_prolongs_or_disarms) {
  start_server();
  start_daemon().prolong(clock_.now() + 2s, clock_.now());
  ASSERT_TRUE(arm());
  const pid_t first = guardian();
  end_daemon();
  auto& fence = start_daemon();
  EXPECT_TRUE(comes([&] { return fence.armed(); })) << "what the daemon before said goes on";
  EXPECT_EQ(guardian(), first);
  fence.prolong(clock_.now() + 1h, clock_.now());
  EXPECT_FALSE(server_ends(2500ms));
  test::run(io_, fence.disarm("a replica"));
  EXPECT_TRUE(is(Kind::ready));
}

TEST_F(GuardianTest, a_daemon_that_ends_takes_it_along_unless_it_is_armed) {
  start_daemon();
  ASSERT_TRUE(arm());
  daemon_->fence.farewell();
  end_daemon();
  const pid_t armed = guardian();
  EXPECT_NE(armed, 0);
  auto& fence = start_daemon();
  EXPECT_TRUE(comes([&] { return fence.armed(); }));
  EXPECT_EQ(guardian(), armed);
  test::run(io_, fence.disarm("PostgreSQL is down"));
  fence.farewell();
  end_daemon();
  EXPECT_TRUE(comes([&] { return ::kill(armed, 0) != 0 || guardian() == 0; }));
}

TEST_F(GuardianTest, one_that_is_killed_or_hangs_is_replaced_and_armed) {
  for (const int number : {SIGKILL, SIGSTOP}) {
    start_server();
    auto& fence = start_daemon();
    fence.prolong(clock_.now() + 1h, clock_.now());
    ASSERT_TRUE(arm());
    const pid_t first = guardian();
    ::kill(first, number);
    // Nothing needs to be said to it: that it is silent is seen by the heartbeat.
    EXPECT_TRUE(comes([&] { return fence.state().starts == 2 && fence.state().kind == Kind::armed; }, 20s))
        << number;
    EXPECT_NE(guardian(), first);
    fence.prolong(clock_.now() + 100ms, clock_.now());
    EXPECT_TRUE(server_ends()) << number;
    end_daemon();
    ::kill(guardian(), SIGKILL);
    EXPECT_TRUE(comes([&] { return guardian() == 0; }));
  }
}

TEST_F(GuardianTest, where_none_can_be_had_an_automatic_one_is_done_without) {
  settings_.guard.command = "/nonexistent/guard";
  auto& fence = start_daemon();
  EXPECT_TRUE(arm());
  EXPECT_TRUE(fence.usable());
  EXPECT_TRUE(fence.armed()) << "nobody asks in each cycle anew";
  EXPECT_EQ(fence.state().kind, Kind::missing);
  test::run(io_, fence.disarm("a replica"));
  EXPECT_FALSE(fence.armed());
}

TEST_F(GuardianTest, where_none_can_be_had_a_required_one_makes_the_fence_unusable) {
  settings_.guard.command = "/nonexistent/guard";
  settings_.guard.mode = config::Guard::Mode::required;
  auto& fence = start_daemon();
  EXPECT_TRUE(fence.usable()) << "it is given a moment to come up";
  EXPECT_FALSE(arm());
  EXPECT_FALSE(fence.armed());
  EXPECT_TRUE(comes([&] { return !fence.usable(); }));
  EXPECT_TRUE(fence.state().required);
}

TEST_F(GuardianTest, off_starts_none_and_ends_the_one_that_is_there) {
  auto& fence = start_daemon();
  ASSERT_TRUE(is(Kind::ready));
  const pid_t first = guardian();
  settings_.guard.mode = config::Guard::Mode::off;
  fence.use(settings_);
  EXPECT_TRUE(comes([&] { return guardian() == 0; }));
  EXPECT_EQ(fence.state().kind, Kind::off);
  EXPECT_TRUE(arm());
  EXPECT_TRUE(fence.armed());
  settings_.guard.mode = config::Guard::Mode::automatic;
  fence.use(settings_);
  EXPECT_TRUE(is(Kind::armed)) << "what was wanted meanwhile is said at once";
  EXPECT_NE(guardian(), first);
}

TEST_F(GuardianTest, one_that_speaks_another_version_is_replaced) {
  const guard::Descriptor directory(::open(settings_.state_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  // Its socket, held by a child of ours that answers as a later version would.
  const pid_t old = ::fork();
  if (old == 0) {
    const guard::Descriptor listener(guard::listen_at(directory.get()));
    pollfd news{listener.get(), POLLIN, 0};
    while (::poll(&news, 1, -1) == 1) {
      const guard::Descriptor other(guard::accept_at(listener.get()));
      guard::Status status;
      status.version = guard::kVersion + 1;
      guard::send_status(other.get(), status);
      pollfd asked{other.get(), POLLIN, 0};
      ::poll(&asked, 1, 5000);
      guard::Received received;
      guard::receive(other.get(), received);
      ::poll(nullptr, 0, 1000);
    }
    ::_exit(0);
  }
  ASSERT_TRUE(comes([&] { return guardian() != 0; }));
  auto& fence = start_daemon();
  EXPECT_TRUE(is(Kind::ready));
  EXPECT_EQ(fence.state().starts, 1u);
  EXPECT_NE(guardian(), old);
  ::kill(old, SIGKILL);
  ::waitpid(old, nullptr, 0);
}

}  // namespace
}  // namespace tanist::member
