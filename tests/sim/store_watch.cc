#include <utility>

#include "store.h"

/// The copy that the watch keeps current, and how it is lost and found again.
namespace tanist::sim {

using namespace std::chrono_literals;

namespace {

/// So long a stream may say nothing before it is asked.
constexpr Duration kSilence = 2s;

}  // namespace

/// What the watch brought and nobody looked at yet.
struct SimStore::Inbox {
  std::weak_ptr<Process> process;
  std::uint64_t ticket = 0;
  struct Message {
    StoredPtr cluster;
    /// The effect of an own request, which its answer tells as well.
    bool own = false;
  };
  std::deque<Message> messages;
  Time last_arrival{};
  bool broken = false;
  bool closed = false;
};

SimStore::~SimStore() {
  if (inbox_) inbox_->closed = true;
}

Task<void> SimStore::open(dcs::Identity identity) {
  identity_ = std::move(identity);
  store_id_ = identity_.store_id;
  older_sessions_.insert(identity_.previous_claims.begin(), identity_.previous_claims.end());
  while (true) {
    foreign_.clear();
    subscribe();
    auto loaded = co_await load_all(process_.now() + 5s);
    if (loaded) {
      copy_ = told_ = stamped(**loaded, false, (*loaded)->read_at);
      break;
    }
    if (any_store_ && !foreign_.empty()) {
      store_id_ = std::exchange(foreign_, {});
      any_store_ = false;
      continue;
    }
    co_await process_.sleep_for(1s);
  }
  // Nothing else will have it recorded which store it is.
  if (!has_claims() && recorder_) {
    co_await recorder_({});
  }
  scope_.spawn("watch", watch());
}

Task<void> SimStore::close() {
  co_await scope_.close();
  if (inbox_) inbox_->closed = true;
  inbox_.reset();
  copy_.reset();
}

void SimStore::break_watch() {
  if (inbox_) inbox_->broken = true;
}

void SimStore::subscribe() {
  if (inbox_) inbox_->closed = true;
  inbox_ = std::make_shared<Inbox>();
  inbox_->process = process_.weak_from_this();
  inbox_->ticket = process_.ticket();
  server().on_change([inbox = inbox_, server = &server(), elsewhere = faults_.elsewhere, faults = &faults_,
                      world = &process_.world(), host = host_] {
    if (inbox->closed || inbox->broken) return false;
    if (!world->open(kStore, host) || faults->elsewhere != elsewhere) {
      inbox->broken = true;
      return false;
    }
    auto& dice = world->dice();
    const Duration lag = faults->watch_lag > 0s ? dice.between(faults->watch_lag / 2, faults->watch_lag) : 0s;
    if (lag > 0s) ++faults->hits;
    const Time arrival = std::max(inbox->last_arrival, world->now() + dice.between(100us, 5ms) + lag);
    inbox->last_arrival = arrival;
    const int times = faults->duplicates > 0 && dice.chance(faults->duplicates) ? 2 : 1;
    const bool own = server->acting == host;
    world->at(arrival, [inbox, world, host, times, own, cluster = server->snapshot()] {
      if (inbox->closed || inbox->broken) return;
      if (!world->open(kStore, host)) {
        inbox->broken = true;
        return;
      }
      for (int i = 0; i < times; ++i) inbox->messages.push_back({cluster, own});
      if (auto process = inbox->process.lock()) process->wake(inbox->ticket);
    });
    return true;
  });
}

void SimStore::adopt(const Stored& cluster, Instant read_at, bool own_effect) {
  if (copy_ && cluster.revision < copy_->revision) return;
  auto next = std::make_shared<Stored>(cluster);
  next->linearizable = false;
  next->read_at = read_at;
  std::erase_if(own_writes_, [&](const OwnWrite& own) { return own.server->revision <= cluster.revision; });
  for (const OwnWrite& own : own_writes_) own.merge(*next, *own.server);
  copy_ = next;
  const StoredPtr before = std::exchange(told_, copy_);
  if (!listener_ || !before || own_effect) return;
  Change change;
  const auto session = [](const dcs::Cluster& c) { return c.leader ? c.leader->claim : std::string(); };
  change.leader_changed = before->leader_name() != next->leader_name() ||
                          (next->leader_name() == identity_.name && session(*before) != session(*next));
  change.wakes = change.leader_changed || before->config.version != next->config.version ||
                 before->failover.version != next->failover.version ||
                 before->initialize.version != next->initialize.version ||
                 before->bootstrap_note.version != next->bootstrap_note.version ||
                 (before->status_version != next->status_version && next->leader_name() != identity_.name);
  listener_(change);
}

Task<void> SimStore::watch() {
  while (true) {
    auto inbox = inbox_;
    // A stream that says nothing is asked whether it lives; a broken one is noticed by then.
    Instant alive_until = process_.now() + kSilence;
    while (true) {
      while (!inbox->messages.empty()) {
        auto message = std::move(inbox->messages.front());
        inbox->messages.pop_front();
        adopt(*message.cluster, process_.now(), message.own);
        alive_until = process_.now() + kSilence;
      }
      if (process_.now() >= alive_until) {
        World& world = process_.world();
        const bool reachable = server().up() && server().id() == store_id_ && world.open(host_, kStore) &&
                               world.open(kStore, host_);
        if (inbox->broken || !reachable) break;
        alive_until = process_.now() + kSilence;
      }
      inbox->ticket = process_.ticket();
      co_await process_.wait(inbox->ticket, alive_until);
    }
    copy_.reset();
    while (!copy_) {
      subscribe();
      auto loaded = co_await load_all(process_.now() + 5s);
      if (loaded) adopt(**loaded, (*loaded)->read_at, false);
      co_await process_.sleep_for(process_.world().dice().between(10ms, 200ms));
    }
  }
}

}  // namespace tanist::sim
