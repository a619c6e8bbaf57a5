#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "guard/kill.h"
#include "guard/message.h"

namespace tanist::guard {

/// The guardian of one data directory (engine.md §5). It waits on its socket and on an alarm of
/// CLOCK_BOOTTIME; after whatever wakes it, it compares the clock with the deadline first. The end of a
/// connection changes nothing.
class Server {
 public:
  struct Options {
    /// Of the member: `<data_dir>.tanist`.
    const char* state_dir = "";
    /// Allocations refused since the start. May be null.
    const std::uint32_t* allocations = nullptr;
  };

  explicit Server(Options options) : options_(options) {}

  enum class Start { done, failed, another };
  /// Takes the lock and the socket. `another`: one guards this data directory already. What failed is logged.
  Start open();
  /// What the process could not get for itself (Lacks), for who asks.
  void set_lacks(std::uint32_t lacks) { lacks_ = lacks; }
  /// Until it is told to end, or nobody needs it any more. Returns the exit code.
  int run();

 private:
  static constexpr std::size_t kConnections = 4;
  struct Connection {
    Descriptor fd;
    std::int64_t heard_at = 0;
  };
  enum class State {
    disarmed,
    armed,
    /// The deadline has passed, and all that is left cannot commit any more: it is looked at again and again.
    watching,
    killing,
    /// Nobody is left; one that was just being started might still come to light.
    lingering,
  };

  void wait();
  void set_alarm();
  int patience_ms() const;
  void keep_deadline();
  void begin_killing();
  void kill_again();
  void linger();
  void end_deadline(bool killed);
  bool needed();

  void accept_connection();
  void hear(Connection& from);
  Result obey(const Request& request, std::span<Descriptor> passed);
  Result arm(const Request& request, std::span<Descriptor> passed);
  void tell(Connection& to, Result result, std::uint64_t serial);
  void complain(const Text& text);

  Options options_;
  Descriptor directory_;
  Descriptor lock_;
  Descriptor listener_;
  Descriptor alarm_;
  Descriptor signals_;
  std::array<Connection, kConnections> connections_;
  State state_ = State::disarmed;
  Target target_;
  std::uint64_t epoch_ = 0;
  std::int64_t kill_at_ = 0;
  std::int64_t killing_since_ = 0;
  std::int64_t gone_at_ = 0;
  std::int64_t alone_since_ = 0;
  unsigned killed_ = 0;
  std::uint32_t kills_ = 0;
  std::int64_t last_kill_ = 0;
  std::int64_t complained_at_ = 0;
  std::uint32_t lacks_ = 0;
  bool told_to_leave_ = false;
};

}  // namespace tanist::guard
