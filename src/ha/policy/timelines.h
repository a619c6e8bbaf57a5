#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ha/model/decision.h"

/// Whose WAL contains whose: what timelines, /history and comparisons tell of it (docs/safety.md).
namespace tanist::ha::policy {

/// The switches by which WAL has come to its timeline, the oldest first. Older ones may have been dropped.
using Way = std::vector<HistoryLine>;

/// Where a member's WAL ends. Zero: not known.
struct WalEnd {
  Timeline timeline;
  /// The larger of what was received and what was replayed.
  Lsn position;
  Lsn replayed;
  /// nullopt: not known.
  std::optional<Way> way = std::nullopt;
  /// Which of all timelines of that number it is on; empty: not known.
  std::string branch = {};
};
/// Which of all timelines of this number the own one is; empty: not known.
std::string own_branch(const View& view, Timeline timeline);
WalEnd own_end(const View& view);
WalEnd end_of(const PeerAnswer& answer);

/// Its WAL comes from this leader: by the settings that are in force, and no server serves a timeline that it
/// has not been on.
bool streams_from(const View& view, const std::string& leader);

/// What this member leads from where it takes the leader key now.
dcs::LedFrom led_from(const View& view);

/// All that is in `its` is in `mine` as well; by numbers alone where a way is not known.
bool holds(const WalEnd& mine, const WalEnd& its);
/// `other` left the timeline of `mine` before the end of what is there: it lacks some of that, whatever its
/// number.
bool left_before_end(const WalEnd& mine, const WalEnd& other);

enum class Standing {
  current,   // on the newest timeline that is known of, or on a newer one
  behind,    // on an older one, and not past the point where the cluster left it: a prefix of the newest
  diverged,  // past that point, or on a timeline that the cluster never was on, whatever its number
  unknown,   // its timeline, or where that was left, is not known
};

/// The timelines that the cluster has gone through, as far as a view knows them. Their numbers alone order
/// nothing: two members that were promoted apart give the same ones to different WAL, and the one that led
/// last may have the lower one. What orders them is /history, where the last leader wrote it.
class Line {
 public:
  explicit Line(const View& view);
  /// The newest that is known of; 0: none.
  Timeline newest() const { return newest_; }
  Standing standing(const WalEnd& end) const;
  /// On the timeline of the last leader, by its number and by the way to it.
  bool led_last_on(const WalEnd& end) const;
  /// Somebody has taken the key since the last line of /history was written. As a rule he goes on from there,
  /// or was not promoted at all; so who is on that line, or goes on from it, comes before who is beside it.
  /// `name`: whose WAL it is; of who took the key last nothing is known yet.
  bool along(const WalEnd& end) const;
  bool beside(const WalEnd& end, const std::string& name) const;
  /// `last`, of the member `name`, is what the last leader itself wrote, and `other` left that timeline
  /// before its end: however high its number is by now, it lacks what was acknowledged since. Of others on
  /// that timeline nothing follows: two promotions that left one at the same point look alike.
  bool left_by(const std::string& name, const WalEnd& last, const WalEnd& other) const;
  /// It is on a timeline of the number that the last leader was on, or has begun, and not on that one.
  bool another_branch(const WalEnd& end) const;
  /// The same, and its way there looks like that of the last leader: a rewind would take it for the same.
  bool looks_alike(const WalEnd& end) const;
  /// Who led last, where /history tells what it led on; empty: it does not.
  const std::string& last_leader() const { return last_leader_; }
  /// Somebody is seen on this one.
  void reaches(Timeline timeline);

 private:
  bool same_way(const Way& way, Timeline to) const;
  bool outlived(const View& view) const;
  void find_leadership(const View& view);
  Timeline begun_by_last(const View& view) const;

  const dcs::History* history_ = nullptr;
  std::string author_;
  std::string took_last_;
  std::string last_leader_;
  /// The last line of /history is of the last leadership, not of one before by the same member.
  bool told_last_ = false;
  /// What the last leader led from; nullptr: it has not signed, or tells nothing of it.
  const dcs::LedFrom* led_from_ = nullptr;
  dcs::Version leadership_;
  /// The timeline that was begun under that leadership; 0: none is known of.
  Timeline begun_;
  Timeline newest_;
};

/// What the last leader is known to have had. That is what /status says; where he was promoted with less and
/// has not written it since, what he was promoted with: all beyond was given up with that.
Lsn position_to_reach(const View& view);

/// Own WAL is known to have left that of the leader, the present or the last one: by its position, or by a
/// comparison.
bool diverged(const View& view, const Memory& memory);

/// What a race is decided on, besides the answers of peers.
RaceGround race_ground(const View& view);
/// It is not so any more, as far as others are concerned: that this member itself is seen to lead, on the
/// timeline that it had, is nothing new.
bool race_ground_moved(const RaceGround& then, const View& view);

/// Notes a standby that is, and stays, on a timeline that its leader has not reached.
void watch_timeline(const View& view, Memory& memory);
/// The leader has been on this timeline, and has what this standby has of it.
void share_timeline(Standings& standings, const std::string& leader, Timeline mine);

}  // namespace tanist::ha::policy
