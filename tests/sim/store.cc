#include "store.h"

#include <algorithm>
#include <utility>

#include "core/format.h"

namespace tanist::sim {

using namespace std::chrono_literals;

namespace {

constexpr Duration kLongestAttempt = 3300ms;
constexpr Duration kRetryPause = 100ms;
/// So long a stream may say nothing before it is asked.
constexpr Duration kSilence = 2s;

}  // namespace

/// One request under way. The reply is put here by the world; the coroutine that waits is woken by its ticket.
struct SimStore::Flight {
  std::weak_ptr<Process> process;
  std::uint64_t ticket = 0;
  bool replied = false;
  bool refused_connection = false;
  Answer answer;
  dcs::ClusterPtr cluster;
};

/// What the watch brought and nobody looked at yet.
struct SimStore::Inbox {
  std::weak_ptr<Process> process;
  std::uint64_t ticket = 0;
  struct Message {
    dcs::ClusterPtr cluster;
    /// The effect of an own request, which its answer tells as well.
    bool own = false;
  };
  std::deque<Message> messages;
  Time last_arrival{};
  bool broken = false;
  bool closed = false;
};

SimStore::SimStore(Process& process, Endpoint host, StoreServer& server, StoreFaults& faults)
    : process_(process), host_(host), server_(server), faults_(faults), scope_(process.executor()) {}

SimStore::~SimStore() {
  if (inbox_) inbox_->closed = true;
}

void SimStore::send(const std::string& operation, Request request, std::shared_ptr<Flight> flight) {
  World& world = process_.world();
  auto& dice = world.dice();
  const auto take = [](std::map<std::string, int>& counts, const std::string& what) {
    auto found = counts.find(what);
    if (found == counts.end() || found->second <= 0) return false;
    --found->second;
    return true;
  };
  const auto answer_to = [flight] {
    if (auto process = flight->process.lock()) process->wake(flight->ticket);
  };
  if (!server_.up() && dice.chance(0.7)) {
    world.after(dice.between(200us, 2ms), [flight, answer_to] {
      flight->refused_connection = true;
      answer_to();
    });
    return;
  }
  if (take(faults_.lose_request, operation) || (faults_.request_loss > 0 && dice.chance(faults_.request_loss))) {
    ++faults_.hits;
    return;
  }
  const Duration held = faults_.slow > 0s ? dice.between(0s, faults_.slow) : 0s;
  if (held > 100ms) ++faults_.hits;
  const bool twice = faults_.duplicates > 0 && dice.chance(faults_.duplicates);
  const bool reply_lost =
      take(faults_.lose_reply, operation) || (faults_.reply_loss > 0 && dice.chance(faults_.reply_loss));
  if (reply_lost) ++faults_.hits;
  auto process = [this_server = &server_, faults = &faults_, world = &world, host = host_, request, flight, answer_to,
                  reply_lost, twice] {
    if (!this_server->up()) return;
    this_server->acting = reply_lost ? 0 : host;
    Answer answer = request(*this_server);
    this_server->acting = 0;
    auto cluster = this_server->snapshot();
    if (twice) {
      ++faults->hits;
      (void)request(*this_server);
    }
    if (reply_lost) return;
    const Duration back = faults->slow > 0s ? world->dice().between(0s, faults->slow) : 0s;
    world->send(
        kStore, host,
        [flight, answer_to, answer = std::move(answer), cluster = std::move(cluster)] {
          if (flight->replied) return;
          flight->replied = true;
          flight->answer = answer;
          flight->cluster = cluster;
          answer_to();
        },
        back);
  };
  world.send(host_, kStore, std::move(process), held);
}

Task<SimStore::Exchange> SimStore::exchange(std::string operation, Request request, Instant deadline) {
  auto flight = std::make_shared<Flight>();
  flight->process = process_.weak_from_this();
  flight->ticket = process_.ticket();
  ++requests_;
  Exchange result;
  result.sent_at = process_.now();
  send(operation, std::move(request), flight);
  auto waiting = process_.wait(flight->ticket, std::min(deadline, process_.now() + attempt()));
  co_await std::move(waiting);
  if (flight->replied) {
    result.outcome = dcs::Outcome::done;
    result.answer = flight->answer;
    result.cluster = flight->cluster;
  } else if (flight->refused_connection) {
    result.outcome = dcs::Outcome::unavailable;
    result.detail = operation + ": connection refused by the store";
  } else {
    result.outcome = dcs::Outcome::unknown;
    result.detail = operation + ": no answer from the store";
  }
  co_return result;
}

/// A request is given up in time to try another way before the lease ends.
Duration SimStore::attempt() const { return std::min<Duration>(kLongestAttempt, ttl_ / 4); }

std::vector<dcs::Session> SimStore::own() const {
  std::vector<dcs::Session> sessions(older_sessions_.begin(), older_sessions_.end());
  if (!session_.empty()) sessions.push_back(session_);
  return sessions;
}

Task<bool> SimStore::grant_session(Instant deadline) {
  const Duration ttl = ttl_;
  auto granted = std::make_shared<std::string>();
  auto asking = exchange(
      "grant",
      [granted, ttl](StoreServer& server) {
        *granted = server.grant(ttl);
        Answer answer;
        answer.ok = true;
        answer.detail = *granted;
        return answer;
      },
      deadline);
  const Exchange got = co_await std::move(asking);
  if (got.outcome != dcs::Outcome::done) co_return false;
  const dcs::Session next = got.answer.detail;
  if (recorder_) {
    auto recording = recorder_(next);
    co_await std::move(recording);
  }
  if (!session_.empty()) older_sessions_.insert(session_);
  session_ = next;
  session_ttl_ = ttl;
  co_return true;
}

Task<bool> SimStore::ensure_session(Instant deadline) {
  if (!session_.empty() && session_ttl_ == ttl_) co_return true;
  auto granting = grant_session(deadline);
  co_return co_await std::move(granting);
}

dcs::WriteResult SimStore::result(const Exchange& exchange) {
  dcs::WriteResult r;
  if (exchange.outcome != dcs::Outcome::done) {
    r.outcome = exchange.outcome;
    r.detail = exchange.detail;
    return r;
  }
  if (exchange.answer.no_lease) {
    older_sessions_.insert(session_);
    session_.clear();
    r.outcome = dcs::Outcome::unavailable;
  } else {
    r.outcome = exchange.answer.ok ? dcs::Outcome::done : dcs::Outcome::refused;
  }
  r.version = exchange.answer.version;
  r.detail = exchange.answer.detail;
  return r;
}

Task<dcs::WriteResult> SimStore::unbound(std::string operation, Request request, Instant deadline, Merge merge) {
  auto asking = exchange(std::move(operation), std::move(request), deadline);
  const Exchange got = co_await std::move(asking);
  wrote(got, std::move(merge));
  co_return result(got);
}

Task<SimStore::Bound> SimStore::bound(std::string operation, BoundRequest request, Instant deadline, Merge merge) {
  Bound done;
  done.result.detail = "no session";
  for (int i = 0; i < 2; ++i) {
    auto ensuring = ensure_session(deadline);
    const bool have = co_await std::move(ensuring);
    if (!have) co_return done;
    const dcs::Session session = session_;
    auto asking = exchange(
        operation, [request, session](StoreServer& server) { return request(server, session); }, deadline);
    const Exchange got = co_await std::move(asking);
    wrote(got, merge);
    done.result = result(got);
    done.answer = got.answer;
    done.sent_at = got.sent_at;
    if (!got.answer.no_lease) break;
  }
  co_return done;
}

void SimStore::wrote(const Exchange& exchange, Merge merge) {
  if (!merge || exchange.outcome != dcs::Outcome::done || !exchange.answer.ok || !copy_) return;
  if (copy_->revision >= exchange.cluster->revision) return;
  auto merged = std::make_shared<dcs::Cluster>(*copy_);
  merge(*merged, *exchange.cluster);
  copy_ = told_ = std::move(merged);
  own_writes_.push_back({exchange.cluster, std::move(merge)});
}

namespace {

void merge_leader(dcs::Cluster& copy, const dcs::Cluster& server) {
  copy.leader = server.leader;
  copy.status = server.status;
  copy.status_present = server.status_present;
  copy.status_version = server.status_version;
}

void merge_bootstrap(dcs::Cluster& copy, const dcs::Cluster& server) {
  copy.initialize = server.initialize;
  copy.initialized_by_version = server.initialized_by_version;
  copy.bootstrap_note = server.bootstrap_note;
}

/// The key of a record.
struct MergeRecord {
  dcs::Cluster& copy;
  const dcs::Cluster& server;
  void operator()(const dcs::ConfigRecord&) const { copy.config = server.config; }
  void operator()(const dcs::StatusRecord&) const {
    copy.status = server.status;
    copy.status_present = server.status_present;
    copy.status_version = server.status_version;
  }
  void operator()(const dcs::LegacyOptimeRecord&) const {}
  void operator()(const dcs::FailoverRecord&) const { copy.failover = server.failover; }
  void operator()(const dcs::SyncRecord&) const { copy.sync = server.sync; }
  void operator()(const dcs::HistoryRecord&) const { copy.history = server.history; }
  void operator()(const dcs::FailsafeRecord&) const {
    copy.failsafe = server.failsafe;
    copy.failsafe_version = server.failsafe_version;
    copy.failsafe_broken = server.failsafe_broken;
  }
  void operator()(const dcs::InitializeRecord&) const { merge_bootstrap(copy, server); }
};

void merge_member(dcs::Cluster& copy, const dcs::Cluster& server, const std::string& name) {
  const dcs::Member* member = server.member(name);
  if (member) {
    copy.members[name] = *member;
  } else {
    copy.members.erase(name);
  }
}

}  // namespace

Task<std::expected<dcs::ClusterPtr, dcs::LoadError>> SimStore::load(dcs::Read how, Instant deadline) {
  if (how == dcs::Read::watched && watched()) co_return watched();
  std::string why = "no time left";
  while (process_.now() < deadline) {
    auto asking = exchange(
        "load",
        [](StoreServer& server) {
          Answer answer;
          answer.ok = true;
          answer.revision = server.snapshot()->revision;
          return answer;
        },
        deadline);
    const Exchange got = co_await std::move(asking);
    if (got.outcome == dcs::Outcome::done) co_return stamped(*got.cluster, true, got.sent_at);
    why = got.detail;
    auto pause = process_.sleep_until(std::min(deadline, process_.now() + kRetryPause));
    co_await std::move(pause);
  }
  co_return std::unexpected(dcs::LoadError{why});
}

Task<dcs::WriteResult> SimStore::keep_session(Instant deadline) {
  auto ensuring = ensure_session(deadline);
  const bool have = co_await std::move(ensuring);
  if (!have) co_return dcs::WriteResult{dcs::Outcome::unavailable, 0, "no session"};
  const dcs::Session session = session_;
  auto keeping = unbound("keep", [session](StoreServer& server) { return server.keep_alive(session); }, deadline);
  auto kept = co_await std::move(keeping);
  if (kept.outcome == dcs::Outcome::unavailable && session_.empty()) {
    // The lease had ended; a new one is as good for whoever only wants to be alive.
    auto again = ensure_session(deadline);
    const bool renewed = co_await std::move(again);
    if (renewed) kept.outcome = dcs::Outcome::done;
  }
  co_return kept;
}

Task<dcs::Store::Acquired> SimStore::acquire(dcs::AcquireConditions conditions, Instant deadline) {
  const std::string name = identity_.name;
  auto asking = bound(
      "acquire",
      [name, conditions](StoreServer& server, const dcs::Session& session) {
        return server.acquire(name, session, conditions);
      },
      deadline, merge_leader);
  const Bound got = co_await std::move(asking);
  co_return acquired(got);
}

dcs::Store::Acquired SimStore::acquired(const Bound& got) {
  Acquired acquired;
  acquired.outcome = got.result.outcome;
  acquired.detail = got.result.detail;
  leader_created_ = 0;
  if (got.result.done()) {
    acquired.proof = {got.sent_at, got.answer.valid_for};
    leader_created_ = got.answer.leader_created;
  }
  return acquired;
}

Task<dcs::Renewal> SimStore::renew(std::optional<dcs::Status> status, Instant deadline) {
  dcs::Renewal renewal;
  while (process_.now() < deadline) {
    auto ensuring = ensure_session(deadline);
    const bool have = co_await std::move(ensuring);
    if (!have) {
      renewal.detail = "no session";
    } else {
      const std::string name = identity_.name;
      const dcs::Session session = session_;
      const auto sessions = own();
      auto asking = exchange(
          "renew",
          [name, session, sessions, status](StoreServer& server) {
            return server.renew(name, session, sessions, status);
          },
          deadline);
      const Exchange got = co_await std::move(asking);
      wrote(got, merge_leader);
      renewal.detail = got.outcome == dcs::Outcome::done ? got.answer.detail : got.detail;
      if (got.outcome == dcs::Outcome::done && got.answer.ok) {
        renewal.outcome = dcs::RenewOutcome::proven;
        renewal.proof = {got.sent_at, got.answer.valid_for};
        renewal.status_written = got.answer.status_written;
        leader_created_ = got.answer.leader_created;
        co_return renewal;
      }
      if (got.outcome == dcs::Outcome::done && got.answer.lost) {
        renewal.outcome = dcs::RenewOutcome::lost;
        co_return renewal;
      }
      if (got.outcome == dcs::Outcome::done) (void)result(got);
    }
    auto pause = process_.sleep_until(std::min(deadline, process_.now() + kRetryPause));
    co_await std::move(pause);
  }
  co_return renewal;
}

Task<dcs::WriteResult> SimStore::release(std::optional<dcs::Status> last_status, Instant deadline) {
  const std::string name = identity_.name;
  const auto sessions = own();
  const dcs::Version created = leader_created_;
  return unbound(
      "release",
      [name, sessions, created, last_status](StoreServer& server) {
        return server.release(name, sessions, created, last_status);
      },
      deadline, merge_leader);
}

Task<dcs::WriteResult> SimStore::touch_member(Document value, Instant deadline) {
  const dcs::ClusterPtr known = watched();
  const dcs::Member* mine = known ? known->member(identity_.name) : nullptr;
  if (mine && !session_.empty() && session_ttl_ == ttl_ && mine->session == session_ &&
      last_member_session_ == session_ && last_member_ == value)
    co_return dcs::WriteResult{dcs::Outcome::done, mine->version, {}};
  const std::string name = identity_.name;
  Merge merge = [name](dcs::Cluster& copy, const dcs::Cluster& server) { merge_member(copy, server, name); };
  auto writing = bound(
      "member",
      [name, value](StoreServer& server, const dcs::Session& session) {
        return server.touch_member(name, session, value);
      },
      deadline, std::move(merge));
  const Bound got = co_await std::move(writing);
  const dcs::WriteResult& written = got.result;
  if (written.done()) {
    last_member_ = value;
    last_member_session_ = session_;
  } else {
    last_member_session_.clear();
  }
  co_return written;
}

Task<dcs::WriteResult> SimStore::remove_member(Instant deadline) {
  const std::string name = identity_.name;
  last_member_session_.clear();
  return unbound(
      "member", [name](StoreServer& server) { return server.remove_member(name); }, deadline,
      [name](dcs::Cluster& copy, const dcs::Cluster& server) { merge_member(copy, server, name); });
}

Task<dcs::WriteResult> SimStore::write(dcs::Record record, dcs::Condition condition, Instant deadline) {
  return unbound(
      "write", [record, condition](StoreServer& server) { return server.write(record, condition); }, deadline,
      [record](dcs::Cluster& copy, const dcs::Cluster& server) { std::visit(MergeRecord{copy, server}, record); });
}

Task<dcs::WriteResult> SimStore::delete_sync(dcs::Condition condition, Instant deadline) {
  return unbound(
      "write", [condition](StoreServer& server) { return server.delete_sync(condition); }, deadline,
      [](dcs::Cluster& copy, const dcs::Cluster& server) { copy.sync = server.sync; });
}

Task<dcs::WriteResult> SimStore::begin_bootstrap(std::optional<dcs::Version> take_over, Instant deadline) {
  const dcs::Identity me = identity_;
  const auto sessions = own();
  auto beginning = bound(
      "begin",
      [me, sessions, take_over](StoreServer& server, const dcs::Session& session) {
        return server.begin_bootstrap(me.name, me.incarnation, session, sessions, take_over);
      },
      deadline, merge_bootstrap);
  const Bound got = co_await std::move(beginning);
  co_return got.result;
}

Task<dcs::Store::Acquired> SimStore::finish_bootstrap(dcs::BootstrapResult bootstrap, Instant deadline) {
  const std::string name = identity_.name;
  const auto sessions = own();
  Merge merge = [](dcs::Cluster& copy, const dcs::Cluster& server) {
    merge_leader(copy, server);
    merge_bootstrap(copy, server);
    copy.config = server.config;
  };
  auto asking = bound(
      "finish",
      [name, sessions, bootstrap](StoreServer& server, const dcs::Session& session) {
        auto mine = sessions;
        mine.push_back(session);
        return server.finish_bootstrap(name, session, mine, bootstrap);
      },
      deadline, std::move(merge));
  const Bound got = co_await std::move(asking);
  co_return acquired(got);
}

Task<dcs::WriteResult> SimStore::cancel_bootstrap(Instant deadline) {
  const std::string name = identity_.name;
  const auto sessions = own();
  return unbound(
      "cancel", [name, sessions](StoreServer& server) { return server.cancel_bootstrap(name, sessions); }, deadline,
      merge_bootstrap);
}

Task<void> SimStore::open(dcs::Identity identity) {
  identity_ = std::move(identity);
  if (!identity_.previous_session.empty()) older_sessions_.insert(identity_.previous_session);
  while (true) {
    subscribe();
    auto loading = load(dcs::Read::linearizable, process_.now() + 5s);
    auto loaded = co_await std::move(loading);
    if (loaded) {
      copy_ = told_ = stamped(**loaded, false, (*loaded)->read_at);
      break;
    }
    auto pause = process_.sleep_for(1s);
    co_await std::move(pause);
  }
  scope_.spawn("watch", watch());
}

Task<void> SimStore::close() {
  auto closing = scope_.close();
  co_await std::move(closing);
  if (inbox_) inbox_->closed = true;
  inbox_.reset();
  copy_.reset();
}

dcs::ClusterPtr SimStore::stamped(const dcs::Cluster& cluster, bool linearizable, Instant read_at) const {
  auto copy = std::make_shared<dcs::Cluster>(cluster);
  copy->linearizable = linearizable;
  copy->read_at = read_at;
  return copy;
}

void SimStore::break_watch() {
  if (inbox_) inbox_->broken = true;
}

void SimStore::subscribe() {
  if (inbox_) inbox_->closed = true;
  inbox_ = std::make_shared<Inbox>();
  inbox_->process = process_.weak_from_this();
  inbox_->ticket = process_.ticket();
  server_.on_change([inbox = inbox_, server = &server_, faults = &faults_, world = &process_.world(), host = host_] {
    if (inbox->closed || inbox->broken) return false;
    if (!world->open(kStore, host)) {
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

void SimStore::adopt(const dcs::Cluster& cluster, Instant read_at, bool own_effect) {
  if (copy_ && cluster.revision < copy_->revision) return;
  auto next = std::make_shared<dcs::Cluster>(cluster);
  next->linearizable = false;
  next->read_at = read_at;
  std::erase_if(own_writes_, [&](const OwnWrite& own) { return own.server->revision <= cluster.revision; });
  for (const OwnWrite& own : own_writes_) own.merge(*next, *own.server);
  copy_ = next;
  const dcs::ClusterPtr before = std::exchange(told_, copy_);
  if (!listener_ || !before || own_effect) return;
  Change change;
  const auto session = [](const dcs::Cluster& c) { return c.leader ? c.leader->session : std::string(); };
  change.leader_changed =
      before->leader_name() != next->leader_name() ||
      (next->leader_name() == identity_.name && session(*before) != session(*next));
  change.wakes = change.leader_changed || before->config.version != next->config.version ||
                 before->failover.version != next->failover.version ||
                 before->initialize.version != next->initialize.version ||
                 before->bootstrap_note.version != next->bootstrap_note.version ||
                 (before->status_version != next->status_version && next->leader_name() != identity_.name);
  if (change.wakes) listener_(change);
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
        const bool reachable = server_.up() && world.open(host_, kStore) && world.open(kStore, host_);
        if (inbox->broken || !reachable) break;
        alive_until = process_.now() + kSilence;
      }
      inbox->ticket = process_.ticket();
      auto waiting = process_.wait(inbox->ticket, alive_until);
      co_await std::move(waiting);
    }
    copy_.reset();
    while (!copy_) {
      subscribe();
      auto loading = load(dcs::Read::linearizable, process_.now() + 5s);
      auto loaded = co_await std::move(loading);
      if (loaded) adopt(**loaded, (*loaded)->read_at, false);
      auto pause = process_.sleep_for(process_.world().dice().between(10ms, 200ms));
      co_await std::move(pause);
    }
  }
}

}  // namespace tanist::sim
