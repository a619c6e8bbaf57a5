#include "store.h"

#include <algorithm>
#include <utility>

#include "core/format.h"
#include "store_merge.h"

namespace tanist::sim {

using namespace std::chrono_literals;

namespace {

constexpr Duration kLongestAttempt = 3300ms;
constexpr Duration kRetryPause = 100ms;

}  // namespace

/// One request under way. The reply is put here by the world; the coroutine that waits is woken by its
/// ticket.
struct SimStore::Flight {
  std::weak_ptr<Process> process;
  std::uint64_t ticket = 0;
  bool replied = false;
  bool refused_connection = false;
  /// Which store answered.
  std::string store;
  Answer answer;
  StoredPtr cluster;
};

SimStore::SimStore(Process& process, Endpoint host, StoreServer& server, StoreFaults& faults)
    : process_(process), host_(host), server_(server), faults_(faults), scope_(process.executor()) {}

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
  StoreServer& reached = server();
  if (!reached.up() && dice.chance(0.7)) {
    world.after(dice.between(200us, 2ms), [flight, answer_to] {
      flight->refused_connection = true;
      answer_to();
    });
    return;
  }
  if (take(faults_.lose_request, operation) ||
      (faults_.request_loss > 0 && dice.chance(faults_.request_loss))) {
    ++faults_.hits;
    return;
  }
  const Duration held = faults_.slow > 0s ? dice.between(0s, faults_.slow) : 0s;
  if (held > 100ms) ++faults_.hits;
  const bool twice = faults_.duplicates > 0 && dice.chance(faults_.duplicates);
  const bool reply_lost =
      take(faults_.lose_reply, operation) || (faults_.reply_loss > 0 && dice.chance(faults_.reply_loss));
  if (reply_lost) ++faults_.hits;
  auto process = [this_server = &reached, faults = &faults_, world = &world, host = host_, request, flight,
                  answer_to, reply_lost, twice] {
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
        [flight, answer_to, store = this_server->id(), answer = std::move(answer),
         cluster = std::move(cluster)] {
          if (flight->replied) return;
          flight->replied = true;
          flight->store = store;
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
  co_await process_.wait(flight->ticket, std::min(deadline, process_.now() + attempt()));
  if (flight->replied && store_id_.empty()) store_id_ = flight->store;
  if (flight->replied && flight->store != store_id_) {
    result.outcome = dcs::Outcome::unavailable;
    foreign_ = flight->store;
    result.detail = fmt::format("{}: {} answered, this member uses {}", operation, flight->store, store_id_);
  } else if (flight->replied) {
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
Duration SimStore::attempt() const {
  return std::min<Duration>(kLongestAttempt, ttl_ / 4);
}

std::vector<dcs::Claim> SimStore::own() const {
  std::vector<dcs::Claim> sessions(older_sessions_.begin(), older_sessions_.end());
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
  const dcs::Claim next = got.answer.detail;
  if (recorder_) {
    co_await recorder_(next);
  }
  if (!session_.empty()) older_sessions_.insert(session_);
  session_ = next;
  session_ttl_ = ttl;
  co_return true;
}

Task<bool> SimStore::ensure_session(Instant deadline) {
  if (!session_.empty() && session_ttl_ == ttl_) co_return true;
  co_return co_await grant_session(deadline);
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

Task<dcs::WriteResult> SimStore::unbound(std::string operation, Request request, Instant deadline,
                                         Merge merge) {
  const Exchange got = co_await exchange(std::move(operation), std::move(request), deadline);
  wrote(got, std::move(merge));
  co_return result(got);
}

Task<SimStore::Bound> SimStore::bound(std::string operation, BoundRequest request, Instant deadline,
                                      Merge merge) {
  Bound done;
  done.result.detail = "no session";
  for (int i = 0; i < 2; ++i) {
    const bool have = co_await ensure_session(deadline);
    if (!have) co_return done;
    const dcs::Claim session = session_;
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
  auto merged = std::make_shared<Stored>(*copy_);
  merge(*merged, *exchange.cluster);
  copy_ = told_ = std::move(merged);
  own_writes_.push_back({exchange.cluster, std::move(merge)});
}

Task<std::expected<dcs::ClusterPtr, dcs::LoadError>> SimStore::load(dcs::Read how, Instant deadline) {
  if (how == dcs::Read::watched && watched()) co_return watched();
  co_return co_await load_all(deadline);
}

Task<SimStore::Exchange> SimStore::read_all(Instant deadline) {
  return exchange(
      "load",
      [](StoreServer&) {
        Answer answer;
        answer.ok = true;
        return answer;
      },
      deadline);
}

Task<std::expected<StoredPtr, dcs::LoadError>> SimStore::load_all(Instant deadline) {
  std::string why = "no time left";
  while (process_.now() < deadline) {
    const Exchange got = co_await read_all(deadline);
    if (got.answered()) co_return stamped(*got.cluster, true, got.sent_at);
    why = got.detail;
    co_await process_.sleep_until(std::min(deadline, process_.now() + kRetryPause));
  }
  co_return std::unexpected(dcs::LoadError{why});
}

Task<dcs::WriteResult> SimStore::keep_claim(Instant deadline) {
  if (!has_claims()) {
    // Each key lives by itself.
    if (member_put_at_ == Instant{}) co_return dcs::WriteResult{dcs::Outcome::done, {}, {}};
    co_return co_await put_member_value(last_member_, true, deadline);
  }
  const bool have = co_await ensure_session(deadline);
  if (!have) co_return dcs::WriteResult{dcs::Outcome::unavailable, {}, "no session"};
  const dcs::Claim session = session_;
  auto keeping =
      unbound("keep", [session](StoreServer& server) { return server.keep_alive(session); }, deadline);
  auto kept = co_await std::move(keeping);
  if (kept.outcome == dcs::Outcome::unavailable && session_.empty()) {
    // The lease had ended; a new one is as good for whoever only wants to be alive.
    const bool renewed = co_await ensure_session(deadline);
    if (renewed) kept.outcome = dcs::Outcome::done;
  }
  co_return kept;
}

Task<dcs::Store::Acquired> SimStore::acquire(dcs::AcquireConditions conditions,
                                             std::optional<dcs::LedFrom> from, Instant deadline) {
  led_from_ = from;
  // Beside a key that was won just now the record of before may stand for a while.
  if (led_from_ && !traits().transactional) {
    led_from_->branch.clear();
    led_from_->next.clear();
  }
  if (!traits().transactional) co_return co_await acquire_in_steps(conditions, deadline);
  const std::string name = identity_.name;
  auto asking = bound(
      "acquire",
      [name, conditions, from](StoreServer& server, const dcs::Claim& session) {
        return server.acquire(name, session, conditions, from);
      },
      deadline, merge_leader);
  const Bound got = co_await std::move(asking);
  co_return acquired(got);
}

dcs::Store::Acquired SimStore::acquired(const Bound& got) {
  Acquired acquired;
  acquired.outcome = got.result.outcome;
  acquired.detail = got.result.detail;
  // A request that may still arrive must find another session.
  if (got.result.outcome == dcs::Outcome::unknown) session_ttl_ = {};
  if (got.result.done()) {
    acquired.proof = {got.sent_at, got.answer.valid_for};
  }
  return acquired;
}

Task<dcs::Renewal> SimStore::renew(std::optional<dcs::Status> status, Instant deadline) {
  if (!traits().transactional) co_return co_await renew_in_steps(std::move(status), deadline);
  dcs::Renewal renewal;
  while (process_.now() < deadline) {
    const bool have = co_await ensure_session(deadline);
    if (!have) {
      renewal.detail = "no session";
    } else {
      const std::string name = identity_.name;
      const dcs::Claim session = session_;
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
        co_return renewal;
      }
      if (got.outcome == dcs::Outcome::done && got.answer.lost) {
        renewal.outcome = dcs::RenewOutcome::lost;
        co_return renewal;
      }
      if (got.outcome == dcs::Outcome::done) (void)result(got);
    }
    co_await process_.sleep_until(std::min(deadline, process_.now() + kRetryPause));
  }
  co_return renewal;
}

Task<dcs::WriteResult> SimStore::release(std::optional<dcs::Status> last_status, Instant deadline) {
  if (!traits().transactional) co_return co_await release_in_steps(std::move(last_status), deadline);
  const std::string name = identity_.name;
  const auto sessions = own();
  auto releasing = unbound(
      "release",
      [name, sessions, last_status](StoreServer& server) {
        return server.release(name, sessions, last_status);
      },
      deadline, merge_leader);
  auto released = co_await std::move(releasing);
  if (released.outcome == dcs::Outcome::unknown) session_ttl_ = {};
  co_return released;
}

Task<dcs::WriteResult> SimStore::touch_member(Document value, Instant deadline) {
  if (!has_claims()) co_return co_await put_member_value(std::move(value), false, deadline);
  const dcs::ClusterPtr known = watched();
  const dcs::Member* mine = known ? known->member(identity_.name) : nullptr;
  if (mine && !session_.empty() && session_ttl_ == ttl_ && mine->claim == session_ &&
      last_member_session_ == session_ && last_member_ == value)
    co_return dcs::WriteResult{dcs::Outcome::done, mine->version, {}};
  const std::string name = identity_.name;
  Merge merge = [name](dcs::Cluster& copy, const dcs::Cluster& server) { merge_member(copy, server, name); };
  auto writing = bound(
      "member",
      [name, value](StoreServer& server, const dcs::Claim& session) {
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
  member_put_at_ = {};
  return unbound(
      "member", [name](StoreServer& server) { return server.remove_member(name); }, deadline,
      [name](dcs::Cluster& copy, const dcs::Cluster& server) { merge_member(copy, server, name); });
}

Task<dcs::WriteResult> SimStore::write(dcs::Record record, dcs::Condition condition, Instant deadline) {
  return unbound(
      "write", [record, condition](StoreServer& server) { return server.write(record, condition); }, deadline,
      [record](dcs::Cluster& copy, const dcs::Cluster& server) {
        std::visit(MergeRecord{copy, server}, record);
      });
}

Task<dcs::WriteResult> SimStore::delete_sync(dcs::Condition condition, Instant deadline) {
  return unbound(
      "write", [condition](StoreServer& server) { return server.delete_sync(condition); }, deadline,
      [](dcs::Cluster& copy, const dcs::Cluster& server) { copy.sync = server.sync; });
}

Task<dcs::WriteResult> SimStore::begin_bootstrap(std::optional<dcs::Version> take_over, Instant deadline) {
  if (!traits().transactional) co_return co_await begin_in_steps(std::move(take_over), deadline);
  const dcs::Identity me = identity_;
  const auto sessions = own();
  auto beginning = bound(
      "begin",
      [me, sessions, take_over](StoreServer& server, const dcs::Claim& session) {
        return server.begin_bootstrap(me.name, me.incarnation, session, sessions, take_over);
      },
      deadline, merge_bootstrap);
  const Bound got = co_await std::move(beginning);
  co_return got.result;
}

Task<dcs::Store::Acquired> SimStore::finish_bootstrap(dcs::BootstrapResult bootstrap, Instant deadline) {
  if (!traits().transactional) co_return co_await finish_in_steps(std::move(bootstrap), deadline);
  const std::string name = identity_.name;
  const auto sessions = own();
  Merge merge = [](dcs::Cluster& copy, const dcs::Cluster& server) {
    merge_leader(copy, server);
    merge_bootstrap(copy, server);
    copy.config = server.config;
  };
  auto asking = bound(
      "finish",
      [name, sessions, bootstrap](StoreServer& server, const dcs::Claim& session) {
        auto mine = sessions;
        mine.push_back(session);
        return server.finish_bootstrap(name, session, mine, bootstrap);
      },
      deadline, std::move(merge));
  const Bound got = co_await std::move(asking);
  co_return acquired(got);
}

Task<dcs::WriteResult> SimStore::cancel_bootstrap(Instant deadline) {
  if (!traits().transactional) return cancel_in_steps(deadline);
  const std::string name = identity_.name;
  const auto sessions = own();
  return unbound(
      "cancel", [name, sessions](StoreServer& server) { return server.cancel_bootstrap(name, sessions); },
      deadline, merge_bootstrap);
}

StoredPtr SimStore::stamped(const Stored& cluster, bool linearizable, Instant read_at) {
  auto copy = std::make_shared<Stored>(cluster);
  copy->linearizable = linearizable;
  copy->read_at = read_at;
  return copy;
}

}  // namespace tanist::sim
