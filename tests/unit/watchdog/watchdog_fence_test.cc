#include "watchdog/watchdog_fence.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "contract/run_task.h"
#include "log/log.h"
#include "unit/core/manual_clock.h"

namespace tanist::watchdog {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using Mode = config::Watchdog::Mode;

/// What a device was told, and how it behaves.
struct Hardware {
  bool magic_close = true;
  bool settable = true;
  int timeout = 60;
  int shortest = 1;
  bool fails = false;
  bool missing = false;
  std::vector<std::string> told;
};

class FakeDevice final : public Device {
 public:
  explicit FakeDevice(Hardware& hardware) : hardware_(hardware) { hardware_.told.emplace_back("open"); }
  ~FakeDevice() override { hardware_.told.emplace_back("close"); }
  bool can_be_disabled() const override { return hardware_.magic_close; }
  std::expected<void, std::string> set_timeout(int seconds) override {
    if (!hardware_.settable) return std::unexpected("cannot be set");
    hardware_.timeout = std::max(seconds, hardware_.shortest);
    hardware_.told.push_back("timeout " + std::to_string(hardware_.timeout));
    return {};
  }
  std::optional<int> timeout() const override { return hardware_.timeout; }
  std::expected<void, std::string> keep_alive() override {
    if (hardware_.fails) return std::unexpected("could not keep it alive: Input/output error");
    hardware_.told.emplace_back("alive");
    return {};
  }
  std::expected<void, std::string> disable() override {
    if (!hardware_.magic_close) return std::unexpected("cannot be disabled");
    hardware_.told.emplace_back("disable");
    return {};
  }

 private:
  Hardware& hardware_;
};

class WatchdogTest : public testing::Test {
 protected:
  WatchdogTest() {
    log::redirect([this](log::Level level, const std::string& line) {
      if (level >= log::Level::info) said_ += line + "\n";
    });
    configure(Mode::automatic);
  }
  ~WatchdogTest() override { log::redirect({}); }

  void configure(Mode mode, int margin = 5, Duration ttl = 30s, std::string device = "/dev/watchdog") {
    auto settings = std::make_shared<config::Settings>();
    settings->dynamic.timing = {ttl, loop_wait_, 10s};
    settings->watchdog.mode = mode;
    settings->watchdog.safety_margin = margin;
    settings->watchdog.device = std::move(device);
    fence_.take_settings(settings);
  }
  bool arm() { return tanist::test::run(io_, fence_.arm(clock_.now() + 2s)); }
  void disarm() { tanist::test::run(io_, fence_.disarm("not a leader")); }
  std::vector<std::string> told() { return std::exchange(hardware_.told, {}); }
  std::string said() { return std::exchange(said_, {}); }

  boost::asio::io_context io_;
  tanist::test::ManualClock clock_{io_};
  Hardware hardware_;
  Duration loop_wait_ = 10s;
  std::string said_;
  WatchdogFence fence_{clock_,
                       [this](const std::string& path, Driver) -> std::expected<DevicePtr, std::string> {
                         if (hardware_.missing)
                           return std::unexpected("could not open " + path + ": No such file");
                         return std::make_unique<FakeDevice>(hardware_);
                       }};
};

TEST_F(WatchdogTest, it_counts_down_from_each_renewal_and_ends_when_disarmed) {
  EXPECT_TRUE(fence_.usable());
  EXPECT_TRUE(arm());
  EXPECT_THAT(told(), ElementsAre("open", "timeout 25", "alive"));
  EXPECT_THAT(said(), HasSubstr("/dev/watchdog activated with 25 second timeout, timing slack 15 seconds"));
  EXPECT_TRUE(fence_.watchdog().active);
  EXPECT_EQ(fence_.watchdog().timeout, 25);
  fence_.prolong(clock_.now() + 29s, clock_.now());
  EXPECT_THAT(told(), ElementsAre("alive"));
  disarm();
  EXPECT_THAT(told(), ElementsAre("disable", "close"));
  EXPECT_FALSE(fence_.armed());
  EXPECT_FALSE(fence_.watchdog().active);
  fence_.prolong(clock_.now() + 29s, clock_.now());
  EXPECT_THAT(told(), ElementsAre()) << "nobody arms it without need";
}

TEST_F(WatchdogTest, a_late_renewal_shortens_the_countdown_and_the_next_one_restores_it) {
  EXPECT_TRUE(arm());
  told();
  fence_.prolong(clock_.now() + 19900ms, clock_.now());
  EXPECT_THAT(told(), ElementsAre("timeout 19", "alive"));
  fence_.prolong(clock_.now() + 29s, clock_.now());
  EXPECT_THAT(told(), ElementsAre("timeout 25", "alive"));
  // One that is over already: the countdown goes on.
  fence_.prolong(clock_.now() + 900ms, clock_.now());
  EXPECT_THAT(told(), ElementsAre());
  // A device that takes no such timeout is not kept alive past the lease.
  hardware_.shortest = 20;
  fence_.prolong(clock_.now() + 10s, clock_.now());
  EXPECT_THAT(told(), ElementsAre("timeout 20"));
  fence_.prolong(clock_.now() + 29s, clock_.now());
  EXPECT_THAT(told(), ElementsAre("timeout 25", "alive"));
}

TEST_F(WatchdogTest, modes) {
  hardware_.missing = true;
  EXPECT_TRUE(arm()) << "automatic goes on without";
  EXPECT_EQ(fence_.watchdog().problem, "") << "most hosts have none";
  EXPECT_EQ(said(), "");
  configure(Mode::required, 5, 30s, "/nowhere/watchdog");
  EXPECT_FALSE(fence_.usable());
  EXPECT_FALSE(arm());
  EXPECT_THAT(said(), HasSubstr("Configuration requires watchdog, but watchdog could not be configured."));
  EXPECT_THAT(fence_.watchdog().problem, HasSubstr("Could not activate /nowhere/watchdog: could not open"));
  hardware_.missing = false;
  configure(Mode::off);
  EXPECT_TRUE(fence_.usable());
  EXPECT_TRUE(arm());
  EXPECT_THAT(told(), ElementsAre());
  // From off to on, and back at once.
  configure(Mode::required);
  fence_.prolong(clock_.now() + 29s, clock_.now());
  EXPECT_THAT(told(), ElementsAre("open", "timeout 25", "alive"));
  EXPECT_TRUE(fence_.usable());
  configure(Mode::off);
  EXPECT_THAT(told(), ElementsAre("disable", "close"));
}

TEST_F(WatchdogTest, of_a_short_lease_a_quarter_at_most_is_margin) {
  for (const auto& [ttl, left] : {std::pair(3s, 2), std::pair(4s, 3), std::pair(8s, 6), std::pair(19s, 15)}) {
    loop_wait_ = 1s;
    configure(Mode::automatic, 5, ttl);
    EXPECT_TRUE(arm());
    EXPECT_THAT(told(), ElementsAre("open", "timeout " + std::to_string(left), "alive"));
    disarm();
    told();
  }
}

TEST_F(WatchdogTest, timeouts_that_do_not_fit) {
  configure(Mode::automatic, -1);
  EXPECT_TRUE(arm());
  EXPECT_THAT(told(), ElementsAre("open", "timeout 15", "alive"));
  // A change counts with the next renewal, on the device that is open.
  configure(Mode::automatic, 10);
  EXPECT_THAT(told(), ElementsAre());
  fence_.prolong(clock_.now() + 29s, clock_.now());
  EXPECT_THAT(told(), ElementsAre("timeout 20", "alive"));
  disarm();
  told();

  configure(Mode::automatic, 5, 12s);
  EXPECT_TRUE(arm());
  EXPECT_THAT(said(), HasSubstr("Watchdog not supported because leader TTL 12 is less than 2x loop_wait 10"));
  configure(Mode::required, 5, 12s);
  EXPECT_FALSE(fence_.usable());
  EXPECT_FALSE(arm());
  EXPECT_THAT(told(), ElementsAre());

  hardware_.settable = false;
  hardware_.timeout = 60;
  configure(Mode::automatic);
  EXPECT_TRUE(arm());
  EXPECT_THAT(said(),
              HasSubstr("Watchdog timeout 60 seconds does not ensure safe termination within 25 seconds"));
  EXPECT_THAT(told(), ElementsAre("open", "alive"));
  disarm();
  told();
  configure(Mode::required);
  EXPECT_FALSE(arm());
  EXPECT_THAT(said(),
              HasSubstr("Configuration requires watchdog, but a safe watchdog timeout 25 could not be "
                        "configured. Watchdog timeout is 60."));
  EXPECT_THAT(told(), ElementsAre("open", "disable", "close"));
  hardware_.timeout = 8;
  EXPECT_FALSE(arm());
  EXPECT_THAT(said(), HasSubstr("loop_wait of 10 seconds is too long for watchdog 8 second timeout"));
  EXPECT_THAT(told(), ElementsAre("open", "disable", "close"));
}

TEST_F(WatchdogTest, a_device_that_cannot_be_disabled_gets_a_last_keepalive) {
  hardware_.magic_close = false;
  EXPECT_TRUE(arm());
  EXPECT_THAT(said(), HasSubstr("Watchdog implementation can't be disabled. Watchdog will trigger after"));
  told();
  disarm();
  EXPECT_THAT(told(), ElementsAre("alive", "close"));
  EXPECT_THAT(said(), HasSubstr("System will reboot after 25 seconds when watchdog times out."));
}

TEST_F(WatchdogTest, a_keepalive_that_fails_is_told_and_ends_a_lead_that_requires_it) {
  EXPECT_TRUE(arm());
  hardware_.fails = true;
  said();
  fence_.prolong(clock_.now() + 29s, clock_.now());
  fence_.prolong(clock_.now() + 29s, clock_.now());
  EXPECT_EQ(said(), "could not keep it alive: Input/output error\n");
  EXPECT_TRUE(fence_.armed()) << "tried again with the next renewal";
  hardware_.fails = false;
  fence_.prolong(clock_.now() + 29s, clock_.now());
  disarm();
  configure(Mode::required);
  EXPECT_TRUE(arm());
  hardware_.fails = true;
  fence_.prolong(clock_.now() + 29s, clock_.now());
  EXPECT_FALSE(fence_.armed());
  EXPECT_FALSE(arm());
  EXPECT_FALSE(fence_.usable()) << "whoever leads gives way, whoever does not stands back";
  clock_.advance(31s);
  configure(Mode::required, 5, 30s, "/dev/null");
  EXPECT_TRUE(fence_.usable()) << "and tries again";
}

/// What a reader of the pipe gets.
std::string drained(int fd) {
  char buffer[256];
  const auto n = ::read(fd, buffer, sizeof buffer);
  return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : "";
}

TEST(Device, a_pipe_stands_for_one_where_tests_say_so) {
  std::string directory = "/tmp/tanist-watchdog-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/watchdog";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const auto nobody = open_device(path, Driver::testing);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error(), "could not open " + path + ": No such device or address");
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  EXPECT_TRUE(is_writable(path));
  const auto other = open_device(path, Driver::linux_device);
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error(), HasSubstr(path + " does not answer as a watchdog does: "));
  EXPECT_EQ(drained(reader), "V");
  {
    auto device = open_device(path, Driver::testing);
    ASSERT_TRUE(device) << device.error();
    EXPECT_TRUE((*device)->set_timeout(25));
    EXPECT_EQ((*device)->timeout(), 25);
    EXPECT_TRUE((*device)->keep_alive());
    EXPECT_EQ(drained(reader), "Ctimeout=25\n1");
    EXPECT_TRUE((*device)->disable());
    EXPECT_EQ(drained(reader), "V");
  }
  auto device = open_device(path, Driver::testing);
  ASSERT_TRUE(device);
  ::close(reader);
  ::signal(SIGPIPE, SIG_IGN);
  const auto kept = (*device)->keep_alive();
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error(), "could not keep watchdog " + path + " alive: Broken pipe");
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace tanist::watchdog
