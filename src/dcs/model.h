#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/document.h"
#include "core/history.h"
#include "core/lsn.h"
#include "core/time.h"

/// What a cluster is, as the keys below `/<namespace>/<scope>/` tell it. Typed values; the codec turns them
/// into the JSON of the store and back. A key that cannot be read becomes what dcs.md §1.3 says, with
/// `broken` set.
namespace tanist::dcs {

/// Opaque version of a key for compare-and-set: etcd3 mod_revision, … 0: the key is absent.
using Version = std::int64_t;

/// A binding of a key to a lease or session (etcd3: the lease id as text). Empty: bound to none.
using Session = std::string;

struct Member {
  std::string name;
  Session session;
  Version version = 0;
  std::string conn_url;
  std::string api_url;
  std::string proxy_url;
  std::string state = "unknown";
  /// `master` of old members is read as `primary`.
  std::string role;
  std::string patroni_version;
  Lsn xlog_location;
  Lsn replay_lsn;
  Lsn receive_lsn;
  std::string replication_state;
  Timeline timeline;
  Document tags = Document::map();
  bool pause = false;
  bool pending_restart = false;
  /// Present (false) only on a leader that has not finished the checkpoint after its promotion.
  bool checkpoint_after_promote_pending = false;
  /// The whole value as stored, for what is shown verbatim (pending_restart_reason, scheduled_restart, …).
  Document raw;

  bool nofailover() const;
  int failover_priority() const;
  bool nosync() const;
  bool clonefrom() const;
  bool nostream() const;
  std::string replicatefrom() const;
  /// host and port of conn_url (5432 when it has none); nullopt when there is no usable conn_url.
  std::optional<std::pair<std::string, int>> host_port() const;
};

struct Leader {
  std::string name;
  Session session;
  Version version = 0;
};

/// `/status` (or the legacy `/optime/leader`).
struct Status {
  Lsn optime;
  std::map<std::string, Lsn> slots;
  std::vector<std::string> retain_slots;
  bool operator==(const Status&) const = default;
};

/// `/sync`; empty leader: synchronous mode is not active.
struct SyncState {
  Version version = 0;
  std::string leader;
  std::vector<std::string> voters;
  int quorum = 0;
  bool active() const { return !leader.empty(); }
  /// Case-insensitive, as PostgreSQL compares application_name.
  bool is_voter(const std::string& name) const;
  bool is_member(const std::string& name) const;
};

/// `/failover`; leader set: a switchover, else a manual failover.
struct Failover {
  Version version = 0;
  std::string leader;
  std::string candidate;
  std::optional<WallTime> scheduled_at;
  /// The text of scheduled_at when it could not be read: an invalid request, to be cleared.
  std::string invalid_schedule;
  bool present() const { return !leader.empty() || !candidate.empty(); }
};

using tanist::HistoryLine;

struct History {
  Version version = 0;
  std::vector<HistoryLine> lines;
  /// The text was exactly `[]`, which means timeline 1; missing or broken means unknown.
  bool empty_list = false;
  /// The last line has fewer than five items.
  bool incomplete = false;
  /// Last line's timeline + 1; 1 for `[]`; 0 when unknown.
  Timeline cluster_timeline() const;
};

/// `/config`; absent or broken data: `valid` is false and the last valid configuration stays in force.
struct Config {
  Version version = 0;
  Document data = Document::map();
  bool valid = false;
};

/// `/initialize`: absent, empty while somebody bootstraps, else the system identifier.
struct Initialize {
  Version version = 0;
  bool present = false;
  std::string value;
  /// At least 10 characters, all digits.
  bool valid_system_id() const;
};

/// Tanist's own note about a bootstrap in progress (`tanist/bootstrap`, bound to the winner's lease) and the
/// permanent mark that this /initialize was created by a Tanist member (`tanist/initialized_by`): together
/// they tell whether another Tanist member may take over an abandoned bootstrap.
struct BootstrapNote {
  std::string name;
  std::string incarnation;
  Session session;
  Version version = 0;
  bool present() const { return version != 0; }
};

/// One view of the cluster. Immutable once loaded.
struct Cluster {
  Initialize initialize;
  Config config;
  std::optional<Leader> leader;
  Status status;
  bool status_present = false;
  Version status_version = 0;
  std::map<std::string, Member> members;
  Failover failover;
  SyncState sync;
  History history;
  /// name → api_url; nullopt: absent. Broken content: `failsafe_broken`.
  std::optional<std::map<std::string, std::string>> failsafe;
  Version failsafe_version = 0;
  bool failsafe_broken = false;
  BootstrapNote bootstrap_note;
  /// mod version of `tanist/initialized_by`; equal to initialize.version when that value was written by a
  /// Tanist.
  Version initialized_by_version = 0;
  /// mod version of `tanist/leadership`, which names who took the leader key last and is written together
  /// with it: unlike the leader key it stays when a leadership ends, and so tells that there was one.
  Version leadership_version = 0;
  /// Store-wide position up to which this view tells everything; what happened later may be in it, too (own
  /// writes in the watched copy).
  std::int64_t revision = 0;
  /// Read linearizably, or from the watched copy.
  bool linearizable = false;
  /// When the request that brought it was sent.
  Instant read_at{};

  /// No leader name is known.
  bool unlocked() const { return !leader || leader->name.empty(); }
  std::string leader_name() const { return leader ? leader->name : std::string(); }
  const Member* member(const std::string& name) const;
  const Member* leader_member() const;
  /// Nothing stored at all.
  bool empty() const;
};

using ClusterPtr = std::shared_ptr<const Cluster>;

/// Name of a member's physical replication slot (replication.md §2).
std::string slot_name(const std::string& member_name);

}  // namespace tanist::dcs
