#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "async/disk_thread.h"
#include "async/event.h"
#include "async/task_scope.h"
#include "config/settings.h"
#include "guard/message.h"
#include "guard/proc.h"
#include "ha/ports.h"
#include "process/child.h"
#include "process/pidfd.h"

namespace tanist::member {

/// To a guardian that was found or started.
struct GuardianLink {
  guard::Descriptor socket;
  process::PidFd process;
  /// It has said how things are.
  bool greeted = false;
  /// Armed, as far as its answers go.
  bool armed = false;
  /// What was said last is not answered yet, since then.
  std::optional<Instant> asked_at;
  std::uint64_t asked = 0;
  /// What was said last: a deadline, zero for none at all; nullopt: nothing yet.
  std::optional<Instant> told;
  /// It was killing, or did not read: to be said again then.
  std::optional<Instant> again_at;
  std::uint32_t kills = 0;
};

/// The daemon's side of the guardian (engine.md §5): starts it, tells it each deadline, and starts another
/// one where it does not answer. One thread. What is wanted is kept here; whoever comes to guard hears it
/// first of all, so nothing is lost with a guardian, or with a connection.
class Guardian final : public ha::Fence {
 public:
  struct Parts {
    Clock& clock;
    DiskThread& disk;
    TaskScope& scope;
    /// A descriptor that names the postmaster that runs; -1: none does.
    std::function<int()> postmaster;
  };

  Guardian(Parts parts, const config::Settings& settings);
  ~Guardian() override;

  /// Looks for a guardian that an earlier daemon has left, else starts one; goes on with the scope.
  void start();
  /// New settings: `guard` alone counts.
  void use(const config::Settings& settings);
  /// The daemon ends in order: a guardian with nobody to guard ends, too.
  void farewell();

  bool usable() const override;
  bool armed() const override;
  Task<bool> arm(Instant deadline) override;
  void prolong(Instant kill_at, Instant asked_at) override;
  Task<void> disarm(std::string why) override;
  ha::GuardianState state() const override;

 private:
  using Mode = config::Guard::Mode;

  /// What the disk thread brings.
  struct Found {
    guard::Descriptor socket;
    guard::Descriptor data_dir;
    std::string error;
  };

  Task<void> serve();
  Task<void> connect();
  Task<void> look_for_one();
  Task<void> open_data_dir(Instant deadline);
  Task<bool> start_one();
  Task<void> listen();
  void greet(Found found);
  void take(const guard::Status& status);
  void learn(const guard::Status& status);
  void flush();
  void send(guard::Request request, bool with_descriptors);
  void lose(const std::string& why);
  void replace(const std::string& why);
  bool working() const;
  /// It has answered what was said last.
  bool settled() const;
  bool in_grace() const;
  Instant now() const { return parts_.clock.now(); }

  Parts parts_;
  const std::uint64_t epoch_;
  Mode mode_;
  std::string program_;
  std::string state_dir_;
  std::string data_dir_;
  guard::Descriptor data_dir_fd_;
  std::optional<GuardianLink> link_;
  std::optional<process::Child> child_;
  /// What the engine wants.
  bool armed_ = false;
  std::optional<Instant> kill_at_;
  std::string why_;
  /// The engine has said what it wants: what a guardian says of the daemon before does not count any more.
  bool decided_ = false;
  std::uint64_t serial_ = 0;
  std::uint64_t starts_ = 0;
  std::uint64_t kills_ = 0;
  /// None has answered since then; nullopt: one does.
  std::optional<Instant> missing_since_;
  Instant started_at_{};
  Instant complained_at_{};
  Event changed_;
  Event answered_;
};

}  // namespace tanist::member
