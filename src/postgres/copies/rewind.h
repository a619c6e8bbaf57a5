#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "postgres/server.h"
#include "process/child.h"

namespace tanist::postgres {

struct Context;
class Archive;
class Configuration;
class ControlFile;
class Directory;
class Programs;
class WalComparison;

/// Nothing may start on the data directory until pg_rewind has ended well, or without a change: a mark in the
/// state directory and facts().half_rewound say so.
Task<std::expected<void, std::string>> note_rewind(Context& context, bool under_way, Instant deadline);
/// Another data directory takes the place of the one that was to be rewound.
Task<Result> forget_rewind(Context& context, Instant deadline);

/// pg_rewind: bringing a data directory back to where its WAL left the leader's (postgres.md §24). On the
/// control thread, one run at a time.
class Rewind {
 public:
  Rewind(Context& context, Programs& programs, Directory& directory, ControlFile& control_file,
         Configuration& configuration, Archive& archive, WalComparison& comparison);

  /// Whether the program can be run, into the facts; asked once of each program.
  Task<void> check(Instant deadline);
  Task<Result> checkpoint_source(Upstream source, Instant deadline);
  /// Fails without having changed anything, or leaves facts().half_rewound.
  Task<Result> rewind(Upstream source, std::function<void(Progress)> progress, Instant deadline);

 private:
  using Finished = std::expected<process::Finished, std::string>;
  /// A socket in the data directory of the source, which pg_rewind cannot copy; nullopt: none is known of.
  Task<std::optional<std::string>> socket_at_source(Upstream source, Instant deadline);
  /// The files name the configured restore_command, so that pg_rewind finds it there.
  Task<bool> offer_restore_command(Instant deadline);
  /// With `restore_command`: fetches WAL that pg_rewind misses and runs it again.
  Task<Finished> run(std::vector<std::string> argv, process::Environment environment,
                     std::string restore_command, std::function<void(Progress)> progress, Instant deadline);
  /// Runs `op` once the mark is there.
  Task<std::expected<Finished, std::string>> marked(Task<std::expected<Finished, std::string>> op,
                                                    std::string source, Instant deadline);
  /// The mark goes when the run ended well, or has changed nothing.
  Task<void> settle_mark();
  /// Why it failed, and whether that was the source's fault.
  Task<Failure> explain(std::expected<Finished, std::string> ran, std::string restore_command,
                        Upstream source, Instant deadline);

  Context& context_;
  Programs& programs_;
  Directory& directory_;
  ControlFile& control_file_;
  Configuration& configuration_;
  Archive& archive_;
  WalComparison& comparison_;
  /// The program that was found to work.
  std::string checked_;
  /// The run under way, or the last one: it has begun to change the data directory; it ended well; the mark
  /// could not be made or removed.
  struct Run {
    bool touched = false;
    bool succeeded = false;
    std::string mark_error;
  } run_;
};

}  // namespace tanist::postgres
