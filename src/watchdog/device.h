#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>

/// The Linux watchdog as it is spoken to: a device that resets the host unless it is written to in time.
namespace tanist::watchdog {

/// An open device counts down from the moment it was opened. Every call answers at once. Errors say what was
/// attempted, on which device, and what came back.
class Device {
 public:
  virtual ~Device() = default;
  /// It can be closed without a reset.
  virtual bool can_be_disabled() const = 0;
  /// Seconds from the last keepalive to the reset; the device may choose another number than it is told.
  virtual std::expected<void, std::string> set_timeout(int seconds) = 0;
  /// nullopt: the device does not tell.
  virtual std::optional<int> timeout() const = 0;
  virtual std::expected<void, std::string> keep_alive() = 0;
  /// The countdown ends, where the device allows it. The error: it goes on.
  virtual std::expected<void, std::string> disable() = 0;
};
using DevicePtr = std::unique_ptr<Device>;

enum class Driver {
  /// By the kernel's ioctls (Documentation/watchdog/watchdog-api).
  linux_device,
  /// A pipe that somebody reads: timeouts are written as `Ctimeout=<seconds>` and a line break (config.md
  /// §2.7).
  testing,
};

/// Opens and thereby starts it. A pipe needs somebody who reads it.
std::expected<DevicePtr, std::string> open_device(const std::string& path, Driver driver);
/// Whether it could be opened: nothing is started.
bool is_writable(const std::string& path);

}  // namespace tanist::watchdog
