#pragma once

#include <optional>

#include "core/time.h"
#include "postgres/types.h"

namespace tanist::ha {

/// What the words of member key and REST say of PostgreSQL: set by decisions and operations.
struct Words {
  postgres::State state = postgres::State::stopped;
  Instant state_since{};
  postgres::Role role = postgres::Role::uninitialized;
  std::optional<postgres::Progress> progress;
  /// It was seen running since the daemon started.
  bool seen_running = false;
  /// When a primary was told to stop, and when a standby was first seen to accept writes: what an
  /// interruption of a switchover is made of. nullopt: not since the daemon started.
  std::optional<Instant> writes_ended;
  std::optional<Instant> writes_began;
};

}  // namespace tanist::ha
