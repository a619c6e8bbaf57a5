#include "watchdog/device.h"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "core/format.h"

namespace tanist::watchdog {

namespace {

std::string why(int error) {
  return std::strerror(error);
}

class OpenDevice : public Device {
 public:
  OpenDevice(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  /// Without the magic character: whoever forgets to disable it has it fire.
  ~OpenDevice() override { close(); }
  OpenDevice(const OpenDevice&) = delete;
  OpenDevice& operator=(const OpenDevice&) = delete;

  std::expected<void, std::string> keep_alive() override { return write_all("1", "keep watchdog {} alive"); }

  std::expected<void, std::string> disable() override {
    if (!can_be_disabled()) return std::unexpected(fmt::format("watchdog {} cannot be disabled", path_));
    auto written = write_all("V", "disable watchdog {}");
    if (!written) return written;
    close();
    return {};
  }

 protected:
  std::expected<void, std::string> write_all(std::string_view text, const char* attempt) {
    const std::string what = fmt::format(fmt::runtime(attempt), path_);
    while (!text.empty()) {
      const auto n = ::write(fd_, text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return std::unexpected(fmt::format("could not {}: {}", what, why(n == 0 ? EIO : errno)));
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  std::string path_;
  int fd_;
};

class LinuxDevice final : public OpenDevice {
 public:
  LinuxDevice(std::string path, int fd, const watchdog_info& info)
      : OpenDevice(std::move(path), fd), options_(info.options) {}

  bool can_be_disabled() const override { return (options_ & WDIOF_MAGICCLOSE) != 0; }

  std::expected<void, std::string> set_timeout(int seconds) override {
    if ((options_ & WDIOF_SETTIMEOUT) == 0)
      return std::unexpected(fmt::format("watchdog {} has a timeout that cannot be set", path_));
    int wanted = seconds;
    if (::ioctl(fd_, WDIOC_SETTIMEOUT, &wanted) != 0) {
      return std::unexpected(
          fmt::format("could not set the timeout of watchdog {} to {} s: {}", path_, seconds, why(errno)));
    }
    return {};
  }

  std::optional<int> timeout() const override {
    int seconds = 0;
    if (::ioctl(fd_, WDIOC_GETTIMEOUT, &seconds) != 0) return std::nullopt;
    return seconds;
  }

 private:
  decltype(watchdog_info::options) options_;
};

class TestingDevice final : public OpenDevice {
 public:
  using OpenDevice::OpenDevice;

  bool can_be_disabled() const override { return true; }

  std::expected<void, std::string> set_timeout(int seconds) override {
    auto written = write_all(fmt::format("Ctimeout={}\n", seconds), "set the timeout of watchdog {}");
    if (written) timeout_ = seconds;
    return written;
  }

  std::optional<int> timeout() const override { return timeout_; }

 private:
  int timeout_ = 60;
};

}  // namespace

std::expected<DevicePtr, std::string> open_device(const std::string& path, Driver driver) {
  // Without waiting for a reader, where it is a pipe.
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return std::unexpected(fmt::format("could not open {}: {}", path, why(errno)));
  if (driver == Driver::testing) return std::make_unique<TestingDevice>(path, fd);
  watchdog_info info{};
  if (::ioctl(fd, WDIOC_GETSUPPORT, &info) != 0) {
    const int error = errno;
    // It may be a watchdog all the same, and counts down by now.
    (void)!::write(fd, "V", 1);
    ::close(fd);
    return std::unexpected(fmt::format("{} does not answer as a watchdog does: {}", path, why(error)));
  }
  return std::make_unique<LinuxDevice>(path, fd, info);
}

bool is_writable(const std::string& path) {
  return ::access(path.c_str(), W_OK) == 0;
}

}  // namespace tanist::watchdog
