#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/document.h"
#include "core/time.h"
#include "ha/model/snapshot.h"

/// What GET /events tells of: the cluster as a member sees it, and what became of it. Pure.
namespace tanist::api {

/// How far a member is behind the leader, in classes: positions change all the time.
enum class LagClass {
  /// It is the leader, or there is no leader's position to compare with.
  none,
  /// Within maximum_lag_on_failover.
  ok,
  /// It has received that much, and has not replayed it.
  replaying,
  /// It has not even received it.
  behind,
  /// It publishes no position.
  unknown,
};

struct MemberSeen {
  std::string role;
  std::string state;
  std::int64_t timeline = 0;
  LagClass lag = LagClass::none;
  /// Bytes; nullopt: not known.
  std::optional<std::int64_t> receive_lag;
  std::optional<std::int64_t> replay_lag;
  bool pending_restart = false;
  /// As in GET /cluster; null: none.
  Document scheduled_restart;
  Document progress;
  std::string rejoin_error;
};

/// What the member itself is busy with.
struct TaskSeen {
  std::string name;
  std::string phase;
  /// The member that it reads from; empty: none.
  std::string source;
  bool operator==(const TaskSeen&) const = default;
};

struct Picture {
  std::string scope;
  /// Who sees it.
  std::string name;
  /// The store answers. While it does not, all of the cluster is as it was last seen.
  bool store = false;
  /// Of which moment the cluster is; the epoch: there was none to be seen yet.
  Instant as_of{};
  /// Empty: nobody leads.
  std::string leader;
  bool pause = false;
  /// The dynamic configuration as it is stored.
  Document config = Document::map();
  std::map<std::string, MemberSeen> members;
  /// `from`, `to`, `at` where they are known; null: none was asked for.
  Document switchover;
  std::optional<TaskSeen> task;
  /// Its own replication slots that endanger the disk or their consumers, by name.
  std::map<std::string, postgres::SlotRisk> slots;
};

/// `before`: the one made last. A copy of the store that is older than what it saw does not count.
Picture picture_of(const ha::Snapshot& snapshot, Instant now, const Picture& before);

struct Change {
  /// Of kEventTypes.
  std::string_view type;
  /// A map.
  Document data;
};

/// What a listener that knew `before` is told, in an order in which it can be applied.
std::vector<Change> changes(const Picture& before, const Picture& after);

/// All of it, for whoever knew nothing.
Document picture_document(const Picture& picture);

struct EventType {
  std::string_view name;
  /// For the page.
  std::string_view fields;
  std::string_view when;
};
inline constexpr EventType kEventTypes[] = {
    {"snapshot", "`why`, and all of what the others tell",
     "first, and where a listener cannot be told what it missed: `begin`, or `unknown id`"},
    {"store", "`reachable`", "the store answers this member, or does not: then the rest is as it was"},
    {"leader", "`leader`, `before`", "the leader key names another, or nobody (`null`)"},
    {"joined", "`member`, `role`, `state`, …", "a member has appeared in the store"},
    {"left", "`member`", "its key has gone: it ended, or was not heard of for `ttl`"},
    {"role", "`member`, `role`, `before`", "as in `/cluster`: `leader`, `replica`, `sync_standby`, …"},
    {"state", "`member`, `state`, `before`", "as in `/cluster`: `running`, `streaming`, `stopping`, …"},
    {"timeline", "`member`, `timeline`, `before`", "it writes or follows another timeline"},
    {"lag", "`member`, `lag`, `before`, `receive_lag`, `replay_lag`",
     "a replica is within `maximum_lag_on_failover` (`ok`), has not replayed what it received "
     "(`replaying`), is `behind`, or does not tell (`unknown`); bytes"},
    {"pending_restart", "`member`, `pending_restart`", "a parameter waits for a restart, or none does"},
    {"rejoin", "`member`, `error`", "a replica cannot follow the leader, and why; or it can again (`null`)"},
    {"schedule", "`what`, `member` or `from` and `to`, `at`, …",
     "a `switchover` or `restart` was asked for or planned; `withdrawn` where it is over or taken back"},
    {"progress", "`member`, `done_bytes`, `total_bytes`, …", "of a clone or rewind"},
    {"pause", "`pause`", "the cluster was paused or resumed"},
    {"config", "`changed`: names of keys", "the dynamic configuration changed"},
    {"task", "`member`, `task`, `phase`, `source`",
     "what the member that is asked is busy with, and where it is; both `null` when it has ended"},
    {"slot", "`member`, `slot`, `risk`, `before`, `active`, `retained_bytes`, `limit_bytes`",
     "a replication slot of the member that is asked holds back more WAL than `tanist.slot_wal_warning` "
     "(`limit`) or than is free on the disk (`disk`), is about to lose what its consumer needs (`losing`), "
     "or "
     "has (`lost`); `null`: that is over"},
};

}  // namespace tanist::api
