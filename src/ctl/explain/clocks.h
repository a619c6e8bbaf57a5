#pragma once

#include <optional>
#include <vector>

#include "core/time.h"

/// How clocks of several hosts are laid over one another. Pure.
namespace tanist::ctl::explain {

/// One question to a member and its answer, by the clock of who asked and by that of the member.
struct Round {
  WallTime sent;
  WallTime received_there;
  WallTime answered_there;
  WallTime received;
};

/// How far a member's clock is ahead of this host's: `ahead`, give or take `error`.
struct Offset {
  Duration ahead{};
  Duration error{};
};

/// What holds in all the rounds: each says that the clock is ahead by no more than the way there seems to
/// take, and by no less than the way back seems to give back. Where they contradict each other (a clock was
/// set meanwhile) the last one counts. nullopt: there is none.
std::optional<Offset> offset_of(const std::vector<Round>& rounds);

/// A moment by both clocks of a host.
struct Moment {
  WallTime wall;
  Instant boot;
};

/// When an entry of a member's journal was written, by the clock of this host. `answered`: both clocks of
/// the member, as of its answer. The clock that does not step counts where both agree within a minute; else
/// the host was started anew in between, and the calendar counts.
WallTime here(const Moment& entry, const Moment& answered, const Offset& offset);

}  // namespace tanist::ctl::explain
