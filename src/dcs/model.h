#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/document.h"
#include "core/history.h"
#include "core/lsn.h"
#include "core/time.h"

/// What a cluster is, as the keys below `/<namespace>/<scope>/` tell it. Typed values; the codec turns them
/// into the JSON of the store and back. A key that cannot be read becomes what dcs.md §1.3 says, with
/// `broken` set.
namespace tanist::dcs {

/// Which write a key holds, in the store's own words, for compare-and-set: etcd3's mod_revision, ZooKeeper's
/// count of a node's writes, the opaque text of Kubernetes. Two versions of one key are the same or not;
/// nothing else can be said of them, and nothing at all of those of two keys. A key that was deleted and
/// created anew may have a version that it had before (ZooKeeper counts each node from 0). Whoever compares
/// over such a gap compares the content as well, or relies on a key that is never deleted: AcquireConditions
/// says how.
class Version {
 public:
  /// Of a key that is not there.
  Version() = default;
  explicit Version(std::string text) : text_(std::move(text)) {}

  bool absent() const { return text_.empty(); }
  /// For the store that gave it, for the log and the journal; empty when absent.
  const std::string& text() const { return text_; }
  bool operator==(const Version&) const = default;

 private:
  std::string text_;
};

/// What a key is bound to, a token that the store chooses (etcd3: the id of the lease, Consul: of the
/// session). It tells what this daemon, or an earlier one on the same data directory, wrote from what another
/// daemon of the same name did. Empty: bound to none; always so where the store has no claims
/// (StoreTraits::claims).
using Claim = std::string;

struct Member {
  std::string name;
  Claim claim;
  Version version;
  std::string conn_url;
  std::string api_url;
  std::string proxy_url;
  std::string state = "unknown";
  /// `master` of old members is read as `primary`.
  std::string role;
  std::string patroni_version;
  /// Empty: of another make, or of a Tanist so old that it does not tell.
  std::string tanist_version;
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
  int sync_priority() const;
  bool clonefrom() const;
  bool nostream() const;
  std::string replicatefrom() const;
  /// Where it stands; empty: not told.
  std::string zone() const;
  /// A member of other make, which knows nothing of what Tanist does beyond Patroni.
  bool foreign() const { return tanist_version.empty(); }
  /// host and port of conn_url (5432 when it has none); nullopt when there is no usable conn_url.
  std::optional<std::pair<std::string, int>> host_port() const;
};

struct Leader {
  std::string name;
  Claim claim;
  Version version;
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
  Version version;
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
  Version version;
  std::string leader;
  std::string candidate;
  std::optional<WallTime> scheduled_at;
  /// The text of scheduled_at when it could not be read: an invalid request, to be cleared.
  std::string invalid_schedule;
  bool present() const { return !leader.empty() || !candidate.empty(); }
};

using tanist::HistoryLine;

struct History {
  Version version;
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
  Version version;
  Document data = Document::map();
  bool valid = false;
};

/// `/initialize`: absent, empty while somebody bootstraps, else the system identifier.
struct Initialize {
  Version version;
  bool present = false;
  std::string value;
  /// A Tanist wrote this value. The store tells: what another writes over it is another's.
  bool by_tanist = false;
  /// At least 10 characters, all digits.
  bool valid_system_id() const;
};

/// Tanist's own note about a bootstrap in progress (`tanist/bootstrap`, bound to the winner's lease) and the
/// permanent mark that this /initialize was created by a Tanist member (`tanist/initialized_by`): together
/// they tell whether another Tanist member may take over an abandoned bootstrap.
struct BootstrapNote {
  std::string name;
  std::string incarnation;
  Claim claim;
  Version version;
  bool present() const { return !version.absent(); }
};

/// The WAL of a member when it decided to take the leader key, and what /status said then: a promotion goes
/// on from there, and gives up what `optime` tells of beyond it.
struct LedFrom {
  Timeline timeline;
  /// The larger of what was received and what was replayed: where the promotion leaves `timeline` is not
  /// before `replayed`.
  Lsn position;
  Lsn replayed;
  Lsn optime;
  /// Which of all timelines of that number it is: what was drawn for it when it was begun. Empty: not known.
  std::string branch = {};
  /// Drawn for the timeline that a promotion under this leadership begins. Empty: by a member that tells
  /// nothing of it.
  std::string next = {};
};

/// One view of the cluster. Immutable once loaded.
struct Cluster {
  Initialize initialize;
  Config config;
  std::optional<Leader> leader;
  Status status;
  bool status_present = false;
  Version status_version;
  std::map<std::string, Member> members;
  Failover failover;
  SyncState sync;
  History history;
  /// name → api_url; nullopt: absent. Broken content: `failsafe_broken`.
  std::optional<std::map<std::string, std::string>> failsafe;
  Version failsafe_version;
  bool failsafe_broken = false;
  BootstrapNote bootstrap_note;
  /// Of `tanist/leadership`, which names who took the leader key last and is written together with it: unlike
  /// the leader key it stays when a leadership ends, and so tells that there was one.
  Version leadership_version;
  /// The name in it; empty: the note is not there.
  std::string leadership_name;
  /// What it was taken from; nullopt: not told.
  std::optional<LedFrom> led_from;
  /// Read linearizably, or from the watched copy.
  bool linearizable = false;
  /// When the request that brought it was sent.
  Instant read_at{};

  /// No leader name is known.
  bool unlocked() const { return !leader || leader->name.empty(); }
  std::string leader_name() const { return leader ? leader->name : std::string(); }
  const Member* member(const std::string& name) const;
  const Member* leader_member() const;
  /// One whose PostgreSQL is at one of these hosts (commas between them); nullptr: none.
  const Member* member_at(const std::string& hosts, std::int64_t port) const;
  /// Nothing stored at all.
  bool empty() const;
};

using ClusterPtr = std::shared_ptr<const Cluster>;

/// Name of a member's physical replication slot (replication.md §2).
std::string slot_name(const std::string& member_name);

}  // namespace tanist::dcs
