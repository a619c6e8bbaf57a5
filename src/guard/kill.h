#pragma once

#include <cstdint>
#include <string_view>

#include "guard/proc.h"

/// The end of everything in a data directory that can commit (engine.md §5), without a heap and without
/// waiting.
namespace tanist::guard {

/// Whom the deadline is about.
struct Target {
  Descriptor data_dir;
  Place place;
  /// The postmaster that was named last; it may have ended, and another one begun.
  Descriptor pidfd;
  /// Base name of its program.
  Line<64> program;
  /// A postmaster that was seen with nothing but what a stop waits for; when that ends, it has no children.
  pid_t settled = 0;
  std::uint64_t settled_ticks = 0;
};

enum class Left {
  nothing,
  /// A postmaster that has written its shutdown checkpoint and waits for its archiver, or for WAL senders.
  cannot_commit,
  may_commit,
};
/// What is there now. In doubt it may commit. Notes in `target` whose end it is.
Left look(Target& target);

struct Round {
  /// Processes that lived when it came to them.
  unsigned met = 0;
  bool by_cgroup = false;
};
/// SIGSTOP for the postmaster, SIGKILL for its children and then for it, SIGKILL for whatever server process
/// works in the data directory besides. The end is there when a round meets nobody. Where the postmaster has
/// a cgroup that holds it, its children and what those have started, and nothing else, `cgroup.kill` comes
/// first.
Round kill_round(const Target& target);

/// Kind of a title that only a server after its shutdown checkpoint may be left with.
enum class TitleKind { other, waits, harmless };
/// `waits`: the archiver and WAL senders, for which a stop waits; `harmless`: the logger, the statistics
/// collector.
TitleKind kind_of_title(std::string_view title);

/// Writes to `cgroup.kill` of the postmaster's cgroup; false: it holds others as well, or there is none that
/// may be killed so.
bool kill_cgroup(pid_t postmaster);

}  // namespace tanist::guard
