#include "member/service_status.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>

namespace tanist::member {
namespace {

using namespace std::chrono_literals;
using Messages = std::vector<std::string>;

struct ServiceStatusTest : testing::Test {
  void SetUp() override {
    fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    ::setenv("WATCHDOG_USEC", "4000000", 1);
    status.emplace(process::ServiceManager::take_from_environment());
    snapshot.settings = std::make_shared<const config::Settings>();
    snapshot.role = postgres::Role::replica;
    snapshot.state = postgres::State::running;
    snapshot.store_ok = true;
  }
  void TearDown() override {
    ::close(fd);
    ::unlink(path.c_str());
  }
  Messages received() {
    Messages all;
    char buffer[256];
    for (ssize_t n = 0; (n = ::recv(fd, buffer, sizeof buffer, 0)) >= 0;)
      all.emplace_back(buffer, static_cast<std::size_t>(n));
    return all;
  }
  void publish(Duration at, Duration decided) {
    snapshot.published_at = Instant(at);
    snapshot.last_decision_at = Instant(decided);
    status->published(snapshot);
  }

  std::string path = "/tmp/tanist-status-" + std::to_string(::getpid());
  int fd = -1;
  std::optional<ServiceStatus> status;
  ha::Snapshot snapshot;
};

TEST_F(ServiceStatusTest, role_and_state_are_told_when_they_change) {
  publish(1s, 1s);
  publish(2s, 2s);
  snapshot.role = postgres::Role::primary;
  snapshot.paused = true;
  publish(3s, 3s);
  EXPECT_EQ(received(),
            (Messages{"STATUS=replica, PostgreSQL running", "STATUS=primary, PostgreSQL running, paused"}));
}

TEST_F(ServiceStatusTest, the_watchdog_is_fed_while_the_cycle_decides_and_not_a_moment_longer) {
  status->ready(Instant(100s));
  publish(100s, 100s);
  publish(100s + 200ms, 100s);  // too soon after the last
  publish(101s, 101s);
  received();
  // loop_wait 10 s and twice retry_timeout 10 s after the last decision
  publish(131s, 101s);
  EXPECT_EQ(received(), Messages{"WATCHDOG=1"});
  publish(132s, 101s);
  EXPECT_EQ(received(), Messages{}) << "this thread publishes, but decides nothing any more";
  publish(133s, 133s);
  EXPECT_EQ(received(), Messages{"WATCHDOG=1"});
}

TEST_F(ServiceStatusTest, before_the_first_decision_the_start_counts) {
  status->ready(Instant(100s));
  received();
  publish(110s, 0s);
  const auto messages = received();
  EXPECT_EQ(std::ranges::count(messages, "WATCHDOG=1"), 1);
}

TEST_F(ServiceStatusTest, a_postmaster_that_says_stopping_is_contradicted) {
  status->ready(Instant(1s));
  publish(1s, 1s);
  received();
  snapshot.state = postgres::State::stopping;
  publish(1500ms, 1s);
  EXPECT_EQ(received(), (Messages{"STATUS=replica, PostgreSQL stopping", "READY=1"}));
}

TEST_F(ServiceStatusTest, a_reload_is_told_with_its_time_and_ends_ready) {
  status->ready(Instant(1s));
  received();
  status->reloading();
  status->reloaded();
  const auto messages = received();
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_TRUE(messages[0].starts_with("RELOADING=1\nMONOTONIC_USEC="));
  EXPECT_EQ(messages[1], "READY=1");
}

TEST_F(ServiceStatusTest, nothing_says_ready_before_the_member_serves) {
  status->reloading();
  status->reloaded();
  snapshot.state = postgres::State::stopping;
  publish(1s, 1s);
  EXPECT_EQ(received(), Messages{"STATUS=replica, PostgreSQL stopping"});
  // A reload that began before and ends later has nothing to end.
  status->reloading();
  status->ready(Instant(2s));
  status->reloaded();
  EXPECT_EQ(received(), Messages{"READY=1"});
}

TEST_F(ServiceStatusTest, a_daemon_that_ends_is_never_ready_again) {
  status->ready(Instant(1s));
  received();
  status->stopping();
  status->stopping();
  EXPECT_EQ(received(), Messages{"STOPPING=1"});
  status->reloading();
  status->reloaded();
  snapshot.state = postgres::State::stopping;
  publish(1s, 1s);
  EXPECT_EQ(received(), (Messages{"STATUS=replica, PostgreSQL stopping", "WATCHDOG=1"}));
}

}  // namespace
}  // namespace tanist::member
