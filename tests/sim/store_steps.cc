#include <utility>

#include "core/format.h"
#include "store.h"
#include "store_merge.h"

/// What a store without transactions and claims does in several steps (the port says in which sense they are
/// one).
namespace tanist::sim {

using namespace std::chrono_literals;

namespace {

constexpr Duration kStepPause = 100ms;

bool same(const std::optional<dcs::Version>& wanted, const dcs::Version& is) {
  return !wanted || *wanted == is;
}

bool hold(const dcs::AcquireConditions& conditions, const dcs::Cluster& now) {
  return same(conditions.sync, now.sync.version) && same(conditions.failsafe, now.failsafe_version) &&
         same(conditions.failover, now.failover.version) && same(conditions.config, now.config.version) &&
         same(conditions.initialize, now.initialize.version) &&
         same(conditions.leadership, now.leadership_version) && same(conditions.status, now.status_version);
}

dcs::Store::Acquired acquired_as(dcs::Outcome outcome, std::string detail) {
  dcs::Store::Acquired out;
  out.outcome = outcome;
  out.detail = std::move(detail);
  return out;
}

}  // namespace

Task<SimStore::Exchange> SimStore::step(std::string operation, Request request, Instant deadline,
                                        Merge merge) {
  Exchange got = co_await exchange(std::move(operation), std::move(request), deadline);
  wrote(got, std::move(merge));
  if (got.answered()) got.detail = got.answer.detail;
  co_return got;
}

Task<bool> SimStore::sign_leadership(Instant deadline) {
  const std::string name = identity_.name;
  const auto from = led_from_;
  auto signing = step(
      "write", [name, from](StoreServer& server) { return server.sign_leadership(name, from); }, deadline,
      merge_leader);
  const Exchange got = co_await std::move(signing);
  signed_ = got.ok();
  co_return signed_;
}

/// A request that arrives late must not take what was proven since: that has written the key again.
Task<dcs::Outcome> SimStore::give_back(dcs::Version won, Instant deadline) {
  const std::string name = identity_.name;
  auto erasing = step(
      "release", [name, won](StoreServer& server) { return server.erase_leader(name, won); }, deadline,
      merge_leader);
  const Exchange got = co_await std::move(erasing);
  // Refused: it is not mine any more, which is as good.
  co_return got.answered() ? dcs::Outcome::refused : dcs::Outcome::unknown;
}

Task<dcs::Store::Acquired> SimStore::acquire_in_steps(dcs::AcquireConditions conditions, Instant deadline) {
  const std::string name = identity_.name;
  const Duration ttl = ttl_;
  signed_ = false;
  auto creating = step(
      "acquire", [name, ttl](StoreServer& server) { return server.create_leader(name, ttl); }, deadline,
      merge_leader);
  const Exchange created = co_await std::move(creating);
  if (!created.answered()) co_return acquired_as(created.outcome, created.detail);
  if (!created.answer.ok) co_return acquired_as(dcs::Outcome::refused, created.detail);

  const Exchange now = co_await read_all(deadline);
  std::string why;
  if (!now.answered()) {
    why = "the leader key was won, and nothing tells whether all is as it was: " + now.detail;
  } else if (now.cluster->leader_name() != name) {
    co_return acquired_as(dcs::Outcome::refused, "the leader key was lost at once");
  } else if (!hold(conditions, *now.cluster)) {
    why = "a key that the decision rests on has changed";
  } else {
    const bool is_signed = co_await sign_leadership(deadline);
    if (!is_signed) why = "the leader key was won, and that could not be written down";
  }
  if (!why.empty()) {
    const dcs::Outcome outcome = co_await give_back(created.answer.version, deadline);
    co_return acquired_as(outcome, why);
  }
  Acquired out = acquired_as(dcs::Outcome::done, {});
  out.proof = {created.sent_at, created.answer.valid_for};
  co_return out;
}

Task<dcs::Renewal> SimStore::renew_in_steps(std::optional<dcs::Status> status, Instant deadline) {
  const std::string name = identity_.name;
  dcs::Renewal renewal;
  while (process_.now() < deadline) {
    const Duration ttl = ttl_;
    auto refreshing = step(
        "renew", [name, ttl](StoreServer& server) { return server.refresh_leader(name, ttl); }, deadline,
        merge_leader);
    const Exchange got = co_await std::move(refreshing);
    renewal.detail = got.detail;
    if (got.answered() && got.answer.lost) {
      signed_ = false;
      renewal.outcome = dcs::RenewOutcome::lost;
      renewal.key_absent = !got.cluster->leader;
      co_return renewal;
    }
    // A key that was won by a request of unknown outcome, or by an earlier daemon.
    bool proven = got.ok();
    if (proven && !signed_) proven = co_await sign_leadership(deadline);
    if (proven) {
      renewal.outcome = dcs::RenewOutcome::proven;
      renewal.proof = {got.sent_at, got.answer.valid_for};
      if (!status) co_return renewal;
      const dcs::Record record = dcs::StatusRecord{*status};
      auto writing = step(
          "renew", [record](StoreServer& server) { return server.write(record, dcs::Always{}); }, deadline,
          merge_leader);
      const Exchange written = co_await std::move(writing);
      renewal.status_written = written.ok();
      co_return renewal;
    }
    co_await process_.sleep_until(std::min(deadline, process_.now() + kStepPause));
  }
  co_return renewal;
}

Task<dcs::WriteResult> SimStore::release_in_steps(std::optional<dcs::Status> last_status, Instant deadline) {
  signed_ = false;
  const std::string name = identity_.name;
  const Exchange now = co_await read_all(deadline);
  if (!now.answered()) co_return dcs::WriteResult{dcs::Outcome::unavailable, {}, now.detail};
  if (now.cluster->leader_name() != name)
    co_return dcs::WriteResult{dcs::Outcome::refused, {}, "the leader key is not mine"};
  if (last_status) {
    const dcs::Record record = dcs::StatusRecord{*last_status};
    const dcs::Condition condition = dcs::IfVersion{now.cluster->status_version};
    auto writing = step(
        "release", [record, condition](StoreServer& server) { return server.write(record, condition); },
        deadline, merge_leader);
    const Exchange written = co_await std::move(writing);
    if (!written.answered()) co_return dcs::WriteResult{written.outcome, {}, written.detail};
  }
  dcs::Version mine = now.cluster->leader->version;
  while (true) {
    auto erasing = step(
        "release", [name, mine](StoreServer& server) { return server.erase_leader(name, mine); }, deadline,
        merge_leader);
    const Exchange got = co_await std::move(erasing);
    if (!got.answered() || got.ok()) co_return result(got);
    // A renewal that was on its way has come first.
    const Exchange again = co_await read_all(deadline);
    if (!again.answered()) co_return dcs::WriteResult{dcs::Outcome::unavailable, {}, again.detail};
    if (again.cluster->leader_name() != name) co_return result(got);
    mine = again.cluster->leader->version;
  }
}

Task<dcs::WriteResult> SimStore::put_member_value(Document value, bool forced, Instant deadline) {
  const std::string name = identity_.name;
  const Duration ttl = ttl_;
  const dcs::ClusterPtr known = watched();
  const dcs::Member* mine = known ? known->member(name) : nullptr;
  const bool young = !forced && session_ttl_ == ttl && member_put_at_ != Instant{} &&
                     process_.now() - member_put_at_ < ttl / 6;
  if (young && mine && last_member_ == value)
    co_return dcs::WriteResult{dcs::Outcome::done, mine->version, {}};
  auto writing = step(
      "member", [name, value, ttl](StoreServer& server) { return server.put_member(name, value, ttl); },
      deadline, [name](dcs::Cluster& copy, const dcs::Cluster& server) { merge_member(copy, server, name); });
  const Exchange got = co_await std::move(writing);
  last_member_ = value;
  session_ttl_ = ttl;
  member_put_at_ = got.sent_at;
  co_return result(got);
}

Task<dcs::WriteResult> SimStore::begin_in_steps(std::optional<dcs::Version> take_over, Instant deadline) {
  const dcs::Identity me = identity_;
  const Duration ttl = ttl_;
  const Exchange now = co_await read_all(deadline);
  if (!now.answered()) co_return dcs::WriteResult{dcs::Outcome::unavailable, {}, now.detail};
  const auto& initialize = now.cluster->initialize;
  const bool as_wanted =
      take_over ? initialize.version == *take_over && initialize.value.empty() : !initialize.present;
  if (!as_wanted || now.cluster->leader)
    co_return dcs::WriteResult{dcs::Outcome::refused, {}, "somebody else has created /initialize"};
  auto noting = step(
      "begin", [me, ttl](StoreServer& server) { return server.put_note(me.name, me.incarnation, ttl); },
      deadline, merge_bootstrap);
  const Exchange noted = co_await std::move(noting);
  if (!noted.ok()) co_return result(noted);
  const dcs::Condition condition = dcs::IfVersion{take_over.value_or(dcs::Version())};
  auto creating = step(
      "begin", [condition](StoreServer& server) { return server.put_initialize({}, condition); }, deadline,
      merge_bootstrap);
  const Exchange created = co_await std::move(creating);
  if (created.answered() && !created.answer.ok) {
    auto erasing = step(
        "begin", [me](StoreServer& server) { return server.erase_note(me.name); }, deadline, merge_bootstrap);
    (void)co_await std::move(erasing);
  }
  if (created.ok()) begun_ = created.answer.version;
  co_return result(created);
}

Task<dcs::Store::Acquired> SimStore::finish_in_steps(dcs::BootstrapResult bootstrap, Instant deadline) {
  const std::string name = identity_.name;
  const Duration ttl = ttl_;
  const Exchange now = co_await read_all(deadline);
  if (!now.answered()) co_return acquired_as(dcs::Outcome::unavailable, now.detail);
  const auto& seen = *now.cluster;
  const bool stored = seen.initialize.value == bootstrap.system_id;
  const bool mine = seen.bootstrap_note.present() && seen.bootstrap_note.name == name &&
                    seen.bootstrap_note.incarnation == identity_.incarnation;
  const bool led_by_other = seen.leader && seen.leader->name != name;
  if (led_by_other || (!stored && !mine))
    co_return acquired_as(dcs::Outcome::refused, "the bootstrap is not mine any more");
  if (!stored) {
    const dcs::Condition condition = dcs::IfVersion{seen.initialize.version};
    const std::string id = bootstrap.system_id;
    auto storing = step(
        "finish", [id, condition](StoreServer& server) { return server.put_initialize(id, condition); },
        deadline, merge_bootstrap);
    const Exchange got = co_await std::move(storing);
    if (!got.ok()) co_return acquired_as(result(got).outcome, got.detail);
  }
  const dcs::Record record = dcs::ConfigRecord{bootstrap.config};
  auto configuring = step(
      "finish", [record](StoreServer& server) { return server.write(record, dcs::Always{}); }, deadline,
      [](dcs::Cluster& copy, const dcs::Cluster& server) { copy.config = server.config; });
  const Exchange configured = co_await std::move(configuring);
  if (!configured.ok()) co_return acquired_as(dcs::Outcome::unknown, configured.detail);
  signed_ = false;
  const bool lead_already = seen.leader.has_value();
  auto leading = step(
      "finish",
      [name, ttl, lead_already](StoreServer& server) {
        return lead_already ? server.refresh_leader(name, ttl) : server.create_leader(name, ttl);
      },
      deadline, merge_leader);
  const Exchange led = co_await std::move(leading);
  if (!led.ok()) co_return acquired_as(dcs::Outcome::unknown, led.detail);
  const bool is_signed = co_await sign_leadership(deadline);
  if (!is_signed) co_return acquired_as(dcs::Outcome::unknown, "the leadership could not be written down");
  // Left there it ends by itself.
  auto erasing = step(
      "finish", [name](StoreServer& server) { return server.erase_note(name); }, deadline, merge_bootstrap);
  (void)co_await std::move(erasing);
  Acquired out = acquired_as(dcs::Outcome::done, {});
  out.proof = {led.sent_at, led.answer.valid_for};
  co_return out;
}

Task<dcs::WriteResult> SimStore::cancel_in_steps(Instant deadline) {
  const std::string name = identity_.name;
  const Exchange now = co_await read_all(deadline);
  if (!now.answered()) co_return dcs::WriteResult{dcs::Outcome::unavailable, {}, now.detail};
  const auto& note = now.cluster->bootstrap_note;
  const bool noted = note.present() && note.name == name && note.incarnation == identity_.incarnation;
  const bool as_begun = begun_ && now.cluster->initialize.version == *begun_;
  if (!noted && !as_begun)
    co_return dcs::WriteResult{dcs::Outcome::refused, {}, "the bootstrap is not mine any more"};
  const dcs::Condition condition = dcs::IfVersion{now.cluster->initialize.version};
  auto erasing = step(
      "cancel", [condition](StoreServer& server) { return server.erase_initialize(condition); }, deadline,
      merge_bootstrap);
  const Exchange erased = co_await std::move(erasing);
  if (!erased.ok() || !noted) co_return result(erased);
  auto forgetting = step(
      "cancel", [name](StoreServer& server) { return server.erase_note(name); }, deadline, merge_bootstrap);
  const Exchange forgotten = co_await std::move(forgetting);
  co_return result(forgotten);
}

}  // namespace tanist::sim
