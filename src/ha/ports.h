#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "async/clock.h"
#include "async/disk.h"
#include "async/task.h"
#include "config/settings.h"
#include "dcs/store.h"
#include "ha/model/failsafe.h"
#include "ha/model/guardian_state.h"
#include "ha/model/view.h"
#include "ha/model/watchdog_state.h"
#include "postgres/server.h"

/// What lies outside the process, as the engine sees it. The real ones are put together in member/, the
/// simulated ones in tests/sim.
namespace tanist::ha {

struct Decision;

/// What a small file may take.
inline constexpr Duration kDiskBudget = std::chrono::seconds(5);

/// The other members' REST API.
class Peers {
 public:
  virtual ~Peers() = default;
  /// GET {api_url} of all in parallel under one deadline; an entry for each name asked.
  virtual Task<std::map<std::string, PeerAnswer>> ask(std::map<std::string, std::string> api_urls,
                                                      Instant deadline) = 0;
  /// POST /failsafe (ha.md §12.2) to all in parallel, at the hosts of these api_urls; an entry for each name
  /// asked.
  virtual Task<std::map<std::string, FailsafeReply>> ask_promises(std::map<std::string, std::string> api_urls,
                                                                  FailsafeQuestion question,
                                                                  Instant deadline) = 0;
  /// Whether a member of that name answers at its api_url, whatever its state. Who answers and does not say
  /// who he is counts as that member; who names another cluster or member does not.
  virtual Task<bool> answers_as(std::string name, std::string api_url, Instant deadline) = 0;
};

/// Watchdog, guardian and tanist_fence: end what can commit when the daemon cannot (engine: the fence).
class Fence {
 public:
  virtual ~Fence() = default;
  virtual bool usable() const = 0;
  virtual bool armed() const = 0;
  /// A part of it is, or may be since an earlier daemon: to be disarmed where nothing may be.
  virtual bool holds() const { return armed(); }
  /// From before a promotion, or a start as primary; false: could not be armed.
  virtual Task<bool> arm(Instant deadline) = 0;
  /// A proof of the lease is about to be asked for: clocks that the lease is not counted on are read now.
  virtual void about_to_ask() {}
  /// The lease was proven again, by what was asked for at `asked_at`: everything is to be killed at
  /// `kill_at`.
  virtual void prolong(Instant kill_at, Instant asked_at) = 0;
  /// At the safepoint of a stop, as replica.
  virtual Task<void> disarm(std::string why) = 0;
  virtual GuardianState state() const { return {}; }
  virtual WatchdogState watchdog() const { return {}; }
  /// The settings in force from now on.
  virtual void take_settings(config::SettingsPtr) {}
};

/// No fence: nothing watches over the daemon.
class NoFence final : public Fence {
 public:
  bool usable() const override { return true; }
  bool armed() const override { return armed_; }
  Task<bool> arm(Instant) override {
    armed_ = true;
    co_return true;
  }
  void prolong(Instant, Instant) override {}
  Task<void> disarm(std::string) override {
    armed_ = false;
    co_return;
  }

 private:
  bool armed_ = false;
};

class Dice {
 public:
  virtual ~Dice() = default;
  /// Uniform in [0, 1).
  virtual double roll() = 0;
};

class Journal {
 public:
  virtual ~Journal() = default;
  /// Never blocks; drops and counts when it cannot keep up.
  virtual void record(const View& view, const Decision& decision) = 0;
};

struct Ports {
  Clock& clock;
  dcs::Store& store;
  postgres::Server& server;
  Peers& peers;
  Fence& fence;
  Disk& disk;
  Dice& dice;
  Journal& journal;
};

/// Settings for a new dynamic configuration over the current local one; the error says why it is refused.
using SettingsBuilder =
    std::function<std::expected<config::SettingsPtr, std::string>(const Document& dynamic)>;

}  // namespace tanist::ha
