#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/document.h"
#include "core/history.h"
#include "core/lsn.h"
#include "core/time.h"
#include "dcs/model.h"

/// What is written to the store, on which conditions, and what comes of it: values, which decisions, orders
/// and the journal may hold. The port that carries them is store.h.
namespace tanist::dcs {

/// How the outcome of a write is known. A reply that was lost is `unknown`, never `refused`.
enum class Outcome {
  /// Done; `version` holds the key's new version.
  done,
  /// The store answered: a condition was not met, or a permanent error (permission, bad request). Nothing was
  /// changed.
  refused,
  /// The request may or may not have taken effect: no answer, or an answer that does not tell.
  unknown,
  /// It certainly had no effect and may be repeated: never sent, or answered with a temporary error.
  unavailable,
};

struct [[nodiscard]] WriteResult {
  Outcome outcome = Outcome::unavailable;
  Version version = 0;
  /// What the store said, for the log; empty when done.
  std::string detail;
  bool done() const { return outcome == Outcome::done; }
};

/// What must still be as it was decided on when the leader key is taken. nullopt: not compared. 0: must be
/// absent.
/// The leader key itself tells nothing of a leadership that began and ended in between: it is absent before
/// and after. A request that was held up so long would win on a view from before what that leader
/// acknowledged. `leadership` tells: every member of ours that takes the key writes it in the same
/// transaction. `status` is for members of other make, which do not: every leader writes it, first of all and
/// last of all, and nobody does while the key is free. (/history would tell of promotions only, and late.)
struct AcquireConditions {
  std::optional<Version> sync;
  std::optional<Version> failsafe;
  std::optional<Version> failover;
  std::optional<Version> config;
  std::optional<Version> initialize;
  std::optional<Version> leadership;
  std::optional<Version> status;
};

/// Condition of a single write.
struct Always {};
struct IfAbsent {};
struct IfVersion {
  Version version;
};
using Condition = std::variant<Always, IfAbsent, IfVersion>;

/// The keys written one at a time, as typed values.
struct ConfigRecord {
  Document data;
};
struct StatusRecord {
  Status status;
};
/// `/optime/leader`, only while some member is older than 2.1.0.
struct LegacyOptimeRecord {
  Lsn optime;
};
struct FailoverRecord {
  /// All empty: `{}`, no request.
  std::string leader;
  std::string candidate;
  std::optional<WallTime> scheduled_at;
};
struct SyncRecord {
  std::string leader;
  std::vector<std::string> voters;
  int quorum = 0;
};
struct HistoryRecord {
  std::vector<HistoryLine> lines;
};
struct FailsafeRecord {
  std::map<std::string, std::string> members;
};
struct InitializeRecord {
  std::string system_id;
};
using Record = std::variant<ConfigRecord, StatusRecord, LegacyOptimeRecord, FailoverRecord, SyncRecord,
                            HistoryRecord, FailsafeRecord, InitializeRecord>;

/// What a bootstrap winner finally stores, in one transaction where the backend can (etcd3, Raft, ZooKeeper),
/// else in this order: system identifier, configuration, leader key.
struct BootstrapResult {
  std::string system_id;
  Document config;
};

}  // namespace tanist::dcs
