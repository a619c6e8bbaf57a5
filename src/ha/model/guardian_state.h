#pragma once

#include <cstdint>
#include <optional>

#include "core/time.h"

namespace tanist::ha {

/// The guardian of this member, as others are told of it.
struct GuardianState {
  enum class Kind {
    /// There is to be none.
    off,
    /// There is to be one, and it does not answer.
    missing,
    /// It answers, and kills nobody.
    ready,
    /// It kills what can commit when the lease is over.
    armed,
  };
  Kind kind = Kind::off;
  /// Without it this member does not lead.
  bool required = false;
  /// How often one was started by this daemon.
  std::uint64_t starts = 0;
  /// How often those that this daemon has talked to have killed PostgreSQL.
  std::uint64_t kills = 0;
};

}  // namespace tanist::ha
