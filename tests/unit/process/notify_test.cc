#include "process/notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>

namespace tanist::process {
namespace {

using namespace std::chrono_literals;

struct Notify : testing::Test {
  void SetUp() override {
    fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  void TearDown() override {
    ::close(fd);
    ::unlink(path.c_str());
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }
  std::string received() {
    char buffer[256];
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    return n < 0 ? "" : std::string(buffer, static_cast<std::size_t>(n));
  }

  std::string path = "/tmp/tanist-notify-" + std::to_string(::getpid());
  int fd = -1;
};

TEST_F(Notify, a_message_arrives) {
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  const auto manager = ServiceManager::take_from_environment();
  EXPECT_TRUE(manager.tell("READY=1"));
  EXPECT_EQ(received(), "READY=1");
}

TEST_F(Notify, children_do_not_learn_of_it) {
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  ::setenv("WATCHDOG_USEC", "3000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  const auto manager = ServiceManager::take_from_environment();
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
    EXPECT_EQ(std::getenv(name), nullptr) << name;
  EXPECT_EQ(manager.watchdog(), Duration(3s));
}

TEST_F(Notify, without_a_service_manager_nobody_is_told) {
  EXPECT_FALSE(ServiceManager::take_from_environment().tell("READY=1"));
  EXPECT_FALSE(ServiceManager().tell("READY=1"));
  ::setenv("NOTIFY_SOCKET", "relative", 1);
  EXPECT_FALSE(ServiceManager::take_from_environment().tell("READY=1"));
}

TEST_F(Notify, a_watchdog_that_is_meant_for_another_process_is_not_fed) {
  ::setenv("WATCHDOG_USEC", "3000000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(ServiceManager::take_from_environment().watchdog(), std::nullopt);
  ::setenv("WATCHDOG_USEC", "soon", 1);
  EXPECT_EQ(ServiceManager::take_from_environment().watchdog(), std::nullopt);
}

}  // namespace
}  // namespace tanist::process
