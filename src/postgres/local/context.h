#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "async/disk_thread.h"
#include "async/event.h"
#include "async/task_scope.h"
#include "config/settings.h"
#include "postgres/client/conninfo.h"
#include "postgres/server.h"
#include "postgres/types.h"

namespace tanist::net {
class Resolver;
}

namespace tanist::postgres {

/// What the parts of one local server share: their means, the settings, and what is known of the server. It
/// belongs to whoever puts the parts together and outlives them; all of it on the control thread. Each fact
/// has one part that writes it.
struct Context {
  Context(Executor executor, Clock& the_clock, DiskThread& the_disk);
  ~Context();

  const config::Postgresql& pg() const { return settings->postgresql; }
  /// Nothing of the server is left.
  bool stopped() const { return facts.process == Process::none; }

  /// Tells the listener, and wakes who waits for a change of the facts.
  void changed(std::optional<ServerEvent> event = std::nullopt);
  /// Waits for the next change of the facts, at most `step`; false at the deadline. Whoever loops clears
  /// `change` before it looks.
  Task<bool> wait_change(Duration step, Instant deadline);
  /// A background task, unless the parts are being closed.
  TaskHandle spawn(std::string name, Task<void> task);
  /// Runs work on the disk thread whose own result is an error text.
  Task<Result> on_disk(std::string what, std::function<std::expected<void, std::string>()> work,
                       Instant deadline);
  /// The same for work that may take minutes, on a thread of its own.
  Task<Result> on_long_disk(std::string what, std::function<std::expected<void, std::string>()> work,
                            Instant deadline);

  Clock& clock;
  /// For small files.
  DiskThread& disk;
  /// For what may take minutes, or hang.
  DiskThread long_disk;
  std::unique_ptr<net::Resolver> resolver;
  TaskScope scope;
  /// The configured ones as they are for the role.
  config::SettingsPtr settings;
  Facts facts;
  /// Where what runs listens.
  LocalAddress address;
  /// Grows with each postmaster that comes or goes: what was asked of an earlier one does not count.
  std::uint64_t generation = 0;
  Event change;
  /// Somebody wants the monitor to ask now.
  Event probe_wanted;
  std::function<void(ServerEvent)> listener;
  bool closing = false;
};

}  // namespace tanist::postgres
