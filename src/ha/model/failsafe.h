#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/fields.h"
#include "core/lsn.h"
#include "core/time.h"

/// Failsafe mode (ha.md §12, engine.md §6): a primary that has lost the store goes on for as long as every
/// member that could lead has promised not to.
namespace tanist::ha {

/// What the primary asks of each member, and tells it.
struct FailsafeQuestion {
  /// Who asks: name, where its PostgreSQL is and where its REST API.
  std::string leader;
  std::string conn_url;
  std::string api_url;
  /// How far its replication slots are, its own name for its own position; empty: not told.
  std::map<std::string, Lsn> slots;
  /// For how long nothing is to be taken from it. Zero: for the ttl of whoever is asked.
  Duration valid_for{};

  TANIST_FIELDS(leader, conn_url, api_url, slots, valid_for);
};

/// Whom the lease's keeper asks while the store proves nothing, and what.
struct FailsafeTerms {
  /// All others that could lead, by name: their REST addresses. Empty: there is nobody else.
  std::map<std::string, std::string> members;
  FailsafeQuestion question;

  TANIST_FIELDS(members, question);
};

struct FailsafeReply {
  bool accepted = false;
  /// Why not: what was answered, or what went wrong.
  std::string why = "it was not asked";
};

/// What this member has promised.
struct Promise {
  /// What it was asked; the name is empty where it is not known any more (the note could not be read).
  FailsafeQuestion to;
  /// Until then it does not take the leader key.
  Instant until{};

  TANIST_FIELDS(to, until);
};

}  // namespace tanist::ha
