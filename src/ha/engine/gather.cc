#include "async/wait.h"
#include "core/document.h"
#include "ha/engine/impl.h"
#include "ha/policy/decide.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

/// Observing: the store, PostgreSQL, the lease, and what a decision asked for, put into a View.
namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

/// The monitor asks every second; an answer that old is as good as it gets without waiting.
constexpr Duration kProbeAge = 1500ms;
constexpr Duration kProbeBudget = 2s;
/// A server that does not answer is waited for no longer than this: the finding is already there.
constexpr Duration kHungBudget = 20ms;
constexpr Duration kPeersBudget = 2s;
/// For members whose session has ended: a host that is gone drops packets, and a failover must not wait for
/// it.
constexpr Duration kGonePeersBudget = 100ms;
constexpr Duration kDivergenceBudget = 5s;

}  // namespace

Lock Engine::Impl::lock_of(const dcs::Cluster& cluster) const {
  if (cluster.unlocked()) return Lock::free;
  if (cluster.leader->name != settings_->name) return Lock::others;
  return ports_.store.is_mine(cluster.leader->claim) ? Lock::mine : Lock::foreign_session;
}

Task<void> Engine::Impl::read_store(bool linearizable) {
  const bool leading = keeper_.lease().until != Instant{};
  bool ok = true;
  std::string why;
  // The leader key may hang on my session although I do not lead (a lease that I could not prove, a reply
  // that was lost). Keeping the session alive blindly would keep everybody else from leading: a read tells
  // first.
  const bool key_may_be_mine = !leading && (lock_unknown_ || (cluster_ && lock_of(*cluster_) == Lock::mine));
  linearizable = linearizable || key_may_be_mine;
  if (!leading && !key_may_be_mine &&
      now() - claim_kept_at_ >= timing().loop_wait - timing().loop_wait / 10) {
    auto kept = co_await ports_.store.keep_claim(store_deadline());
    // Refused is an answer: the store is there.
    ok = kept.outcome == dcs::Outcome::done || kept.outcome == dcs::Outcome::refused;
    if (kept.done()) claim_kept_at_ = now();
    why = kept.detail;
  }
  if (ok) {
    auto loading =
        ports_.store.load(linearizable ? dcs::Read::linearizable : dcs::Read::watched, store_deadline());
    auto loaded = co_await std::move(loading);
    if (loaded) {
      cluster_ = *loaded;
      if (linearizable) cycle_fresh_ = true;
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
    dcs_last_seen_ = unix_seconds(ports_.clock.wall_now());
    if (!cluster_->unlocked() || !last_with_leader_) last_with_leader_ = cluster_;
    if (linearizable) lock_unknown_ = false;
  } else {
    if (store_ok_ || store_unavailable_since_ == Instant{}) {
      store_unavailable_since_ = keeper_.failing_since().value_or(now());
      log::error("Error communicating with DCS");
    }
    log::debug("{}", why);
  }
  store_ok_ = ok;
  store_why_ = why;
}

Task<View> Engine::Impl::gather(bool linearizable, Answers answers) {
  if (!cycle_fresh_) {
    co_await read_store(linearizable || lock_unknown_);
  }
  if (store_ok_) {
    co_await adopt_config();
    const Lock lock = lock_of(*cluster_);
    if (lock == Lock::mine && !keeper_.lease().held(now())) {
      // Mine by a session that went on without this daemon, or by a write whose reply was lost: prove it
      // first.
      co_await keeper_.prove();
    } else if (lock != Lock::mine && cycle_fresh_ && keeper_.lease().until != Instant{} &&
               cluster_->read_at >= keeper_.proven_at()) {
      keeper_.lost(lock == Lock::free ? "the leader key is gone" : "it names " + cluster_->leader_name(),
                   lock == Lock::free);
    }
  }

  auto& server = ports_.server;
  const bool hung = server.facts().failing_since.has_value();
  auto refreshing = server.refresh(kProbeAge, now() + (hung ? kHungBudget : kProbeBudget));
  co_await std::move(refreshing);
  const auto& facts = server.facts();
  const bool control_stale = !facts.control || facts.control->seen_at < state_since_;
  if (facts.process == postgres::Process::none && facts.data_directory == postgres::DataDirectory::ok &&
      control_stale && !operations_.busy()) {
    co_await server.read_control(now() + kDiskBudget);
  }
  if (facts.running()) seen_running_ = true;
  settle_promotion();
  co_return make_view(std::move(answers));
}

View Engine::Impl::make_view(Answers answers) const {
  View view;
  view.now = now();
  view.wall_now = ports_.clock.wall_now();
  view.self = {settings_->name, incarnation_};
  view.settings = settings_;
  view.store.ok = store_ok_;
  view.store.unavailable_since = store_unavailable_since_;
  view.store.why = store_why_;
  view.store.cluster = cluster_;
  view.store.last_with_leader = last_with_leader_;
  view.store.lock_unknown = lock_unknown_;
  view.lock = cluster_ ? lock_of(*cluster_) : Lock::free;
  view.lease = keeper_.lease();
  view.postgres.facts = ports_.server.facts();
  view.postgres.state = state_;
  view.postgres.role = role_;
  view.postgres.state_since = state_since_;
  view.postgres.seen_running = seen_running_;
  view.postgres.promoting = promoting();
  view.operation = operations_.view();
  view.last_operation = operations_.last();
  view.commands = commands_;
  view.fence = {ports_.fence.usable(), ports_.fence.armed()};
  view.answers = std::move(answers);
  view.memory = memory_;
  if (view.store.cluster)
    view.postgres.recovery_difference = ports_.server.recovery_difference(wanted_upstream(view), role_);
  return view;
}

Task<void> Engine::Impl::ask_peers(std::map<std::string, std::string> urls, Instant deadline,
                                   std::map<std::string, PeerAnswer>& replies) {
  if (urls.empty()) co_return;
  auto answers = co_await ports_.peers.ask(std::move(urls), deadline);
  replies.merge(answers);
}

Task<Answers> Engine::Impl::answer(const Needs& needs, Answers so_far, const View& view) {
  Answers answers = std::move(so_far);
  if (needs.control_file) {
    co_await ports_.server.read_control(now() + kDiskBudget);
  }
  if (needs.peers) {
    std::map<std::string, std::string> urls;
    const auto add = [&](const dcs::ClusterPtr& cluster) {
      if (!cluster) return;
      if (cluster->failsafe)
        for (const auto& [name, url] : *cluster->failsafe)
          if (needs.peers->contains(name)) urls[name] = url;
      for (const auto& [name, member] : cluster->members)
        if (needs.peers->contains(name) && !member.api_url.empty()) urls[name] = member.api_url;
    };
    add(view.store.last_with_leader);
    add(view.store.cluster);
    std::map<std::string, std::string> gone;
    for (const auto& name : needs.peers_gone)
      if (auto node = urls.extract(name)) gone.insert(std::move(node));
    std::map<std::string, PeerAnswer> replies;
    std::vector<Task<void>> asking;
    asking.push_back(ask_peers(std::move(urls), now() + kPeersBudget, replies));
    asking.push_back(ask_peers(std::move(gone), now() + kGonePeersBudget, replies));
    co_await all(std::move(asking));
    for (const auto& name : *needs.peers) replies.try_emplace(name);
    if (answers.peers) replies.merge(*answers.peers);
    answers.peers = std::move(replies);
  }
  if (needs.divergence) {
    answers.divergence = co_await ports_.server.compare_with(*needs.divergence, now() + kDivergenceBudget);
  }
  co_return answers;
}

/// The dynamic configuration of the view becomes the settings, when it is valid and new.
Task<void> Engine::Impl::adopt_config() {
  const auto& config = cluster_->config;
  if (!config.valid) co_return;
  // A key that was deleted and is back may have the version of before.
  if (config_seen_.version == config.version && equal_by_text(config_seen_.data, config.data)) co_return;
  config_seen_ = config;
  if (equal_by_text(config.data, settings_->dynamic.raw)) co_return;
  auto built = builder_(config.data);
  if (!built) {
    log::error("Exception when setting dynamic_configuration: {}", built.error());
    co_return;
  }
  settings_ = *built;
  co_await apply_settings(false);
}

Task<void> Engine::Impl::apply_settings(bool force) {
  keeper_.set_timing(timing());
  keeper_.set_paused(settings_->dynamic.pause);
  ports_.store.set_timing(timing());
  apply_wanted_ = true;
  apply_forced_ = apply_forced_ || force;
  co_return;
}

/// Hands new settings to PostgreSQL, in the background: a reload may take a second to show what needs a
/// restart.
Task<void> Engine::Impl::apply_in_background() {
  while (apply_wanted_) {
    apply_wanted_ = false;
    auto applied =
        co_await ports_.server.apply(settings_, role_, std::exchange(apply_forced_, false), now() + 30s);
    if (!applied) log::error("could not apply the configuration: {}", applied.error().detail);
  }
  applying_ = false;
  publish();
}

}  // namespace tanist::ha
