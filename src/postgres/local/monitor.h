#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>

#include "postgres/client/connection.h"
#include "postgres/local/slot_watch.h"
#include "postgres/local/walsenders.h"
#include "postgres/server.h"

namespace tanist::postgres {

struct Context;
class Configuration;
class ControlFile;
class Directory;
class Postmaster;
class Programs;
class Standby;

/// The light that is always on: one query a second, one in flight, and now and then a new connection. Writes
/// what the server says into the facts, and tells the listener what changed. On the control thread.
class Monitor {
 public:
  Monitor(Context& context, Programs& programs, Directory& directory, ControlFile& control_file,
          Postmaster& postmaster, Configuration& configuration, Standby& standby);

  /// Until it is cancelled.
  Task<void> run();
  void close();
  /// Called whenever the facts have a new answer.
  void on_answer(std::function<void()> listener) { on_answer_ = std::move(listener); }
  /// Another postmaster, or none: what was told of the earlier one does not count.
  void take_arrival();
  void take_end();

  /// Looks at process and data directory anew, asks the server (unless an answer younger than `max_age` is
  /// there).
  Task<void> refresh(Duration max_age, Instant deadline);
  /// Waits until connections are accepted, the postmaster is gone, or the deadline.
  Task<StartOutcome> wait_started(Instant deadline);
  /// Of the files of the configuration, for clones.
  void copy_files();
  /// pg_conf_load_time() as last seen.
  const std::string& conf_load_time() const { return conf_load_time_; }
  /// Until a session has read the files anew (the monitor then reads what runs, and what waits for a
  /// restart); `before`: what conf_load_time() was.
  Task<void> wait_reloaded(std::string before, Instant deadline);

 private:
  Task<bool> is_known_to_refuse();
  Task<void> knock();
  Task<void> probe_once();
  Task<std::expected<Probe, QueryError>> ask(Instant deadline);
  Task<void> read_running_settings(Instant deadline);
  Task<void> identify_timeline(Probe& probe, Instant deadline);
  Task<void> learn_history(Timeline timeline);
  void take_probe(Probe probe);
  void take_failure(const QueryError& error);
  Task<void> back_up_files();

  Context& context_;
  Programs& programs_;
  Directory& directory_;
  ControlFile& control_file_;
  Postmaster& postmaster_;
  Configuration& configuration_;
  Standby& standby_;
  Facts& facts_;
  Clock& clock_;
  WalSenders wal_senders_{context_};
  SlotWatch slot_watch_{context_};
  std::function<void()> on_answer_;
  Connection connection_;
  /// Of a standby, by the replication protocol.
  Connection timeline_connection_;
  Instant begun_{};
  std::uint64_t finished_ = 0;
  /// The postmaster that was asked because its pid file said that it is ready.
  std::uint64_t asked_ready_ = 0;
  /// How many wait for a start.
  int hurried_ = 0;
  Instant identify_again_{};
  /// No history file was found for this timeline; it is looked for again then.
  Timeline history_missing_;
  Instant history_again_{};
  std::optional<Instant> failure_told_;
  Instant knocked_at_{};
  bool knock_failed_ = false;
  bool knocking_ = false;
  std::string conf_load_time_;
  /// conf_load_time() when the running settings were read last.
  std::string settings_read_for_;
};

}  // namespace tanist::postgres
