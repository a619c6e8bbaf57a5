#include "ha/engine/store_reading.h"

#include <utility>

#include "log/log.h"

TANIST_LOGGER("patroni.ha");

namespace tanist::ha {

Lock StoreReading::lock_of(const dcs::Cluster& cluster) const {
  if (cluster.unlocked()) return Lock::free;
  if (cluster.leader->name != settings_->name) return Lock::others;
  return ports_.store.is_mine(cluster.leader->session) ? Lock::mine : Lock::foreign_session;
}

bool StoreReading::begin_cycle() {
  fresh_ = false;
  return std::exchange(fresh_wanted_, false);
}

Task<void> StoreReading::read(bool linearizable) {
  if (fresh_) co_return;
  const Duration loop_wait = settings_.timing().loop_wait;
  const bool leading = keeper_.lease().until != Instant{};
  bool ok = true;
  std::string why;
  // The leader key may hang on my session although I do not lead (a lease that I could not prove, a reply
  // that was lost). Keeping the session alive blindly would keep everybody else from leading: a read tells
  // first.
  const bool key_may_be_mine = !leading && (seen_.lock_unknown || lock() == Lock::mine);
  linearizable = linearizable || seen_.lock_unknown || key_may_be_mine;
  if (!leading && !key_may_be_mine && now() - session_kept_at_ >= loop_wait - loop_wait / 10) {
    auto kept = co_await ports_.store.keep_session(deadline());
    // Refused is an answer: the store is there.
    ok = kept.outcome == dcs::Outcome::done || kept.outcome == dcs::Outcome::refused;
    if (kept.done()) session_kept_at_ = now();
    why = kept.detail;
  }
  if (ok) {
    const auto how = linearizable ? dcs::Read::linearizable : dcs::Read::watched;
    auto loaded = co_await ports_.store.load(how, deadline());
    if (loaded) {
      seen_.cluster = *loaded;
      if (linearizable) fresh_ = true;
    } else {
      ok = false;
      why = loaded.error().detail;
    }
  }
  // A renewal that failed says something only of a lease that is still counted on.
  if (ok && !linearizable && leading && keeper_.failing_since()) {
    ok = false;
    why = keeper_.failing_why();
  }
  if (ok) {
    last_seen_ = unix_seconds(ports_.clock.wall_now());
    if (!seen_.cluster->unlocked() || !seen_.last_with_leader) seen_.last_with_leader = seen_.cluster;
    if (linearizable) seen_.lock_unknown = false;
  } else {
    if (seen_.ok || seen_.unavailable_since == Instant{}) {
      seen_.unavailable_since = keeper_.failing_since().value_or(now());
      log::error("Error communicating with DCS");
    }
    log::debug("{}", why);
  }
  seen_.ok = ok;
  seen_.why = why;
}

}  // namespace tanist::ha
