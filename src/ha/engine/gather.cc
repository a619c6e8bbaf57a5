#include <utility>

#include "async/wait.h"
#include "ha/engine/impl.h"
#include "ha/policy/decide.h"

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
constexpr Duration kSourceBudget = 5s;

}  // namespace

Task<View> Engine::Impl::gather(bool linearizable, Answers answers) {
  co_await store_.read(linearizable);
  if (store_.ok()) {
    const auto& cluster = *store_.cluster();
    settings_.know_members(cluster);
    settings_.adopt(cluster.config);
    if (!cluster.unlocked()) promises_.leader_is_seen();
    const Lock lock = store_.lock();
    if (lock == Lock::mine && !keeper_.lease().held(now())) {
      // Mine by a session that went on without this daemon, or by a write whose reply was lost: prove it
      // first.
      co_await keeper_.prove();
    } else if (lock != Lock::mine && store_.fresh() && keeper_.lease().until != Instant{} &&
               cluster.read_at >= keeper_.proven_at()) {
      keeper_.lost(lock == Lock::free ? "the leader key is gone" : "it names " + cluster.leader_name(),
                   lock == Lock::free);
    }
  }

  auto& server = ports_.server;
  const bool hung = server.facts().failing_since.has_value();
  const Duration age = std::exchange(pace_.look_closely, false) ? Duration::zero() : kProbeAge;
  auto refreshing = server.refresh(age, now() + (hung ? kHungBudget : kProbeBudget));
  co_await std::move(refreshing);
  const auto& facts = server.facts();
  const bool control_stale = !facts.control || facts.control->seen_at < words_.state_since;
  if (facts.process == postgres::Process::none && facts.data_directory == postgres::DataDirectory::ok &&
      control_stale && !operations_.busy()) {
    co_await server.read_control(now() + kDiskBudget);
  }
  if (facts.running()) words_.seen_running = true;
  if (found_.looked && !operations_.busy()) promotion_.settle();
  // A restart that was begun is noted until it has ended: a daemon that is killed in the middle goes on.
  if (!operations_.busy())
    schedule_note_.settle(*scheduling_ || orders_.commands().scheduled_restart.has_value());
  View view = make_view(std::move(answers));
  branch_.see(view);
  view.postgres.branch = branch_.known();
  co_return view;
}

View Engine::Impl::make_view(Answers answers) const {
  View view;
  view.now = now();
  view.wall_now = ports_.clock.wall_now();
  view.self = {settings_->name, incarnation_};
  view.settings = policy_settings(*settings_.get());
  view.store = store_.view();
  view.lock = store_.lock();
  view.lease = keeper_.lease();
  view.postgres.facts = ports_.server.facts();
  view.postgres.state = words_.state;
  view.postgres.role = words_.role;
  view.postgres.state_since = words_.state_since;
  view.postgres.seen_running = words_.seen_running;
  view.postgres.promoting = promotion_.goes_on();
  view.postgres.branch = branch_.known();
  view.postgres.writes_ended = words_.writes_ended;
  view.postgres.writes_began = words_.writes_began;
  view.operation = operations_.view();
  view.last_operation = operations_.last();
  view.commands = orders_.commands();
  view.fence = {ports_.fence.usable(), ports_.fence.armed(), ports_.fence.holds()};
  view.promise = promises_.held();
  // /status stands still while the store is away: how much would be lost is told by what it said itself.
  if (view.store.cluster && view.store.cluster->unlocked())
    view.store.cluster =
        with_position(view.store.cluster, promises_.told_by(view.store.cluster->leadership_name));
  if (view.promise) {
    view.store.cluster = with_promise(view.store.cluster, *view.promise, view.store.ok);
    if (view.lock == Lock::free && view.store.cluster && !view.store.cluster->unlocked())
      view.lock = Lock::others;
  }
  view.answers = std::move(answers);
  view.memory = memory_;
  if (view.store.cluster)
    view.postgres.recovery_difference = ports_.server.recovery_difference(wanted_upstream(view), words_.role);
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
    const LeadershipSeen under = view.store.cluster ? leadership_of(*view.store.cluster) : LeadershipSeen{};
    if (answers.asked_under != under) answers.peers.reset();
    answers.asked_under = under;
    std::map<std::string, PeerAnswer> replies;
    std::vector<Task<void>> asking;
    asking.push_back(ask_peers(std::move(urls), now() + std::min(kPeersBudget, timing().ttl / 4), replies));
    asking.push_back(ask_peers(std::move(gone), now() + kGonePeersBudget, replies));
    co_await all(std::move(asking));
    for (const auto& name : *needs.peers) replies.try_emplace(name);
    if (answers.peers) replies.merge(*answers.peers);
    answers.peers = std::move(replies);
    // What they have is compared with what this member has now, not with what it had a second ago.
    const auto& own = ports_.server.facts();
    if (own.probe && own.probe->in_recovery && !own.failing_since)
      co_await ports_.server.refresh(Duration::zero(), now() + kProbeBudget);
  }
  if (needs.divergence) {
    answers.divergence = co_await ports_.server.compare_with(*needs.divergence, now() + kDivergenceBudget);
  }
  if (needs.source) {
    const Instant asked_at = now();
    answers.source = co_await ports_.server.ask_source(*needs.source, asked_at + kSourceBudget);
    answers.source->asked_at = asked_at;
  }
  co_return answers;
}

}  // namespace tanist::ha
