#pragma once

#include <optional>
#include <string>

#include "ha/policy/draft.h"

/// A cluster that follows another one (ha.md §20): its leader, the standby leader, streams from outside, the
/// others from it, and nobody is promoted.
namespace tanist::ha::policy {

/// This member has the lock of a standby cluster.
bool leads_standby_cluster(const View& view);
/// What a server in recovery is: `standby_leader` or `replica`. Who leads stays a standby leader until it is
/// promoted, also once the cluster follows nobody any more.
postgres::Role standby_role(const View& view);

/// A member of this very cluster that standby_cluster names as the one to follow; empty: none.
std::string names_own_member(const View& view);
/// The other cluster, as whom to stream from; nullopt: none is followed, or standby_cluster makes no sense.
std::optional<postgres::Upstream> remote_member(const View& view);
/// Whether this member is to follow the other cluster itself (ha.md §10.2.2).
bool follows_remote(const View& view);

/// Whom the WAL of this member is compared with, and mended from (ha.md §10.3).
struct RejoinSource {
  postgres::Upstream upstream;
  /// As messages name it.
  std::string name;
  /// A primary, as far as is known without asking it.
  bool primary = false;
  /// It has told that its checkpoint after the promotion is still to come.
  bool checkpoint_pending = false;
  /// Nobody has told of its checkpoint: it is seen to.
  bool checkpoint_unknown = false;
  /// A member of this cluster; nullptr: the other cluster.
  const dcs::Member* member = nullptr;
};
std::optional<RejoinSource> rejoin_source(const View& view);

/// The lock holder runs as a primary, and the cluster is to follow another one: a clean stop, as the last of
/// its WAL is what the other cluster goes on with. False: there is nothing to demote.
bool demote_to_standby_cluster(Draft& d);
/// The lock holder of a standby cluster, with a server that answers and is no primary.
bool lead_standby_cluster(Draft& d);
/// Nobody leads, and this member is not to: after a while it gets its WAL from the other cluster. True: it
/// acts.
bool follow_remote_without_leader(Draft& d);

}  // namespace tanist::ha::policy
