#pragma once

#include <optional>

#include "ha/model/decision.h"

/// Whose WAL contains whose: what timelines, /history and comparisons tell of it (docs/safety.md).
namespace tanist::ha::policy {

/// Where a member's WAL ends. Zero: not known.
struct WalEnd {
  Timeline timeline;
  /// The larger of what was received and what was replayed.
  Lsn position;
  Lsn replayed;
};
WalEnd own_end(const View& view);
WalEnd end_of(const PeerAnswer& answer);

enum class Standing {
  current,   // on the newest timeline that is known of, or on a newer one
  behind,    // on an older one, and not past the point where the cluster left it: a prefix of the newest
  diverged,  // past that point, or on a timeline that the cluster never was on
  unknown,   // its timeline, or where that was left, is not known
};

/// The timelines that the cluster has gone through, as far as a view knows them.
class Line {
 public:
  explicit Line(const View& view);
  /// The newest that is known of; 0: none.
  Timeline newest() const { return newest_; }
  Standing standing(const WalEnd& end) const;
  /// Somebody is seen on this one.
  void reaches(Timeline timeline);

 private:
  const dcs::History* history_ = nullptr;
  Timeline newest_;
};

/// Own WAL is known to have left that of the leader, the present or the last one: by its position, or by a
/// comparison.
bool diverged(const View& view, const Memory& memory);

/// What a race is decided on, besides the answers of peers.
RaceGround race_ground(const View& view);

/// Notes a standby that is, and stays, on a timeline that its leader has not reached.
void watch_timeline(const View& view, Memory& memory);
/// The leader has been on this timeline, and has what this standby has of it.
void share_timeline(Standings& standings, const std::string& leader, Timeline mine);

}  // namespace tanist::ha::policy
