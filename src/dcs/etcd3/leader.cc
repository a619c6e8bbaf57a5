#include <algorithm>

#include "core/format.h"
#include "dcs/etcd3/etcd3_store.h"
#include "log/log.h"

TANIST_LOGGER("patroni.dcs.etcd3");

/// The leader key: taking, proving and releasing it.
namespace tanist::dcs::etcd3 {

namespace {

/// A change of etcd's own leader between the two answers of a proof is worth asking again, but not for ever.
constexpr int kProofRounds = 3;

constexpr Duration kSayAgainAfter = std::chrono::minutes(1);

/// Both were said by one cluster in one term. What tells no term tells nothing.
bool one_authority(const Header& a, const Header& b) {
  return a.raft_term != 0 && a.raft_term == b.raft_term && !a.cluster_id.empty() &&
         a.cluster_id == b.cluster_id;
}

std::string authorities_differ(const Header& keepalive, const Header& transaction) {
  return fmt::format(
      "the lease was answered in raft term {} of cluster {}, the leader key in raft term {} of cluster {}",
      keepalive.raft_term, keepalive.cluster_id, transaction.raft_term, transaction.cluster_id);
}

/// The last answer was a no that asking again does not change.
bool refused(const CallError& error) {
  return error.last == Fault::refused || error.last == Fault::no_space;
}

}  // namespace

void Etcd3Store::complain_of_refused_status(const CallError& error) {
  const Instant now = clock_.now();
  if (now < complain_at_) return;
  complain_at_ = now + kSayAgainAfter;
  if (error.last == Fault::no_space) {
    log::error(
        "etcd is out of space and stores nothing any more: {}\n"
        "HINT: the leader keeps its key, but no failover and no change of the configuration is possible: "
        "compact and defragment etcd or raise its --quota-backend-bytes, then run etcdctl alarm disarm",
        error.detail);
  } else {
    log::error("etcd refuses to store the status of the leader: {}", error.detail);
  }
}

Task<Etcd3Store::TxnResult> Etcd3Store::transact_with_status(std::vector<Compare> compares,
                                                             std::vector<Op> success, std::vector<Op> failure,
                                                             std::optional<Status>* status, Instant deadline,
                                                             Client::Way way) {
  auto with_status = success;
  if (*status) with_status.insert(with_status.begin(), put(path(key::kStatus), encode_status(**status)));
  auto txn = co_await transact(compares, std::move(with_status), failure, deadline, way);
  if (txn || !*status || !refused(txn.error())) co_return std::move(txn);
  complain_of_refused_status(txn.error());
  status->reset();
  const bool ambiguous = txn.error().ambiguous;
  txn = co_await transact(std::move(compares), std::move(success), std::move(failure), deadline, way);
  if (txn) {
    txn->ambiguous = txn->ambiguous || ambiguous;
  } else if (ambiguous) {
    txn.error().ambiguous = true;
    if (txn.error().fault != Fault::lease_not_found) txn.error().fault = Fault::unknown;
  }
  co_return std::move(txn);
}

Task<Store::Acquired> Etcd3Store::won(Lease::Grip grip, Header header, Instant deadline) {
  Acquired out;
  if (one_authority(grip.header, header)) {
    out.outcome = Outcome::done;
    out.proof = grip.proof;
    proven_at_ = std::max(proven_at_, header.revision);
    co_return out;
  }
  // The key is there, but lease and key were not vouched for by one authority.
  auto renewal = co_await renew(std::nullopt, deadline);
  out.outcome = renewal.outcome == RenewOutcome::proven ? Outcome::done : Outcome::unknown;
  out.proof = renewal.proof;
  out.detail = renewal.outcome == RenewOutcome::proven ? std::string() : renewal.detail;
  co_return out;
}

Task<Store::Acquired> Etcd3Store::acquire(AcquireConditions conditions, std::optional<LedFrom> from,
                                          Instant deadline) {
  const std::string leader = path(key::kLeader);
  std::vector<Compare> compares{is_absent(leader)};
  std::vector<Op> failure{range(leader)};
  const auto require = [&](std::string_view key, const std::optional<Version>& version) {
    if (!version) return;
    compares.push_back(has_version(path(key), *version));
    failure.push_back(range(path(key)));
  };
  require(key::kSync, conditions.sync);
  require(key::kFailsafe, conditions.failsafe);
  require(key::kFailover, conditions.failover);
  require(key::kConfig, conditions.config);
  require(key::kInitialize, conditions.initialize);
  require(key::kLeadership, conditions.leadership);
  require(key::kStatus, conditions.status);

  bool ambiguous = false;
  for (int attempt = 0;; ++attempt) {
    auto grip = co_await lease_.prove(deadline);
    if (!grip) {
      auto out = failed_acquire(grip.error());
      // An orphaned lease binds nothing: without a transaction sent nothing can have been taken.
      out.outcome = ambiguous ? Outcome::unknown : Outcome::unavailable;
      co_return out;
    }
    std::vector<Op> success{put(leader, identity_.name, grip->lease),
                            put(path(key::kLeadership), encode_leadership(identity_.name, from))};
    auto txn = co_await transact(compares, std::move(success), failure, deadline);
    if (!txn) {
      ambiguous = ambiguous || txn.error().ambiguous;
      if (txn.error().fault == Fault::lease_not_found && attempt == 0) {
        log::warning("the lease {} is gone, taking the leader key with a new one", grip->lease);
        lease_.doubt(grip->lease);
        continue;
      }
      auto out = failed_acquire(txn.error());
      if (ambiguous) out.outcome = Outcome::unknown;
      if (out.outcome == Outcome::unknown) lease_.retire();
      co_return out;
    }
    ambiguous = ambiguous || txn->ambiguous;
    const StoredKey* found = txn->found(0);
    const bool done_before = ambiguous && !txn->succeeded() && found != nullptr &&
                             found->kv.value == identity_.name && found->kv.claim == grip->lease;
    if (txn->succeeded() || done_before) {
      co_return co_await won(*grip, txn->header, deadline);
    }
    Acquired out;
    // While an unanswered attempt may still be under way, a refusal of a later one does not settle it.
    out.outcome = ambiguous ? Outcome::unknown : Outcome::refused;
    if (ambiguous) lease_.retire();
    out.detail = found != nullptr ? fmt::format("the leader key is held by {}", found->kv.value)
                                  : std::string("a key on which the decision rests has changed");
    co_return out;
  }
}

Task<Renewal> Etcd3Store::renew(std::optional<Status> status, Instant deadline) {
  const std::string leader = path(key::kLeader);
  const std::string& name = identity_.name;
  Renewal out;
  for (int round = 0; round < kProofRounds; ++round) {
    auto grip = co_await lease_.prove(deadline);
    if (!grip) {
      out.detail = std::move(grip.error().detail);
      co_return out;
    }
    std::vector<Compare> compares{has_value(leader, name), has_lease(leader, grip->lease)};
    std::vector<Op> failure{range(leader)};
    auto checking = transact_with_status(std::move(compares), {}, std::move(failure), &status, deadline,
                                         Client::Way::hedged);
    auto txn = co_await std::move(checking);
    if (!txn) {
      out.detail = std::move(txn.error().detail);
      co_return out;
    }
    if (!txn->succeeded()) {
      const StoredKey* found = txn->found(0);
      const bool my_name = found != nullptr && found->kv.value == name;
      if (!my_name || !lease_.mine(found->kv.claim)) {
        out.outcome = RenewOutcome::lost;
        out.key_absent = found == nullptr;
        out.detail = found == nullptr ? std::string("the leader key is absent")
                     : my_name ? fmt::format("the leader key has my name but session {}, which is not mine",
                                             found->kv.claim)
                               : fmt::format("the leader key is held by {}", found->kv.value);
        co_return out;
      }
      // An older session of mine: a restarted daemon, or a changed ttl. The key moves to the lease that was
      // proven.
      const Claim before = found->kv.claim;
      std::vector<Compare> same{has_value(leader, name), has_lease(leader, before)};
      std::vector<Op> move{put(leader, name, grip->lease)};
      std::vector<Op> look{range(leader)};
      txn =
          co_await transact_with_status(std::move(same), std::move(move), std::move(look), &status, deadline);
      if (!txn) {
        out.detail = std::move(txn.error().detail);
        if (txn.error().fault != Fault::lease_not_found) co_return out;
        lease_.doubt(grip->lease);
        continue;
      }
      if (!txn->succeeded()) {
        out.detail = "the leader key changed while it was moved to the current session";
        continue;
      }
      log::info("moved the leader key from session {} to {}", before, grip->lease);
    }
    out.status_written = out.status_written || status.has_value();
    if (one_authority(grip->header, txn->header)) {
      out.outcome = RenewOutcome::proven;
      out.proof = grip->proof;
      proven_at_ = std::max(proven_at_, txn->header.revision);
      out.detail.clear();
      co_return out;
    }
    out.detail = authorities_differ(grip->header, txn->header);
  }
  co_return out;
}

Task<WriteResult> Etcd3Store::release(std::optional<Status> last_status, Instant deadline) {
  const std::string leader = path(key::kLeader);
  WriteResult out;
  out.outcome = Outcome::refused;
  Claim bound_to = lease_.current();
  bool ambiguous = false;
  for (int round = 0; round < kProofRounds; ++round) {
    std::vector<Compare> compares{has_value(leader, identity_.name),
                                  has_lease(leader, bound_to.empty() ? std::string("0") : bound_to)};
    // No lease at all is nobody's: the first transaction only looks.
    if (bound_to.empty()) compares.push_back(is_absent(leader));
    std::vector<Op> success{erase(leader)};
    std::vector<Op> failure{range(leader)};
    auto txn = co_await transact_with_status(std::move(compares), std::move(success), std::move(failure),
                                             &last_status, deadline);
    if (!txn) {
      out = failed_write(txn.error());
      if (ambiguous) out.outcome = Outcome::unknown;
      if (out.outcome == Outcome::unknown) lease_.retire();
      co_return out;
    }
    ambiguous = ambiguous || txn->ambiguous;
    const StoredKey* found = txn->found(0);
    const bool mine_still =
        found != nullptr && found->kv.value == identity_.name && lease_.mine(found->kv.claim);
    if (txn->succeeded() || (ambiguous && !mine_still)) {
      out.outcome = Outcome::done;
      out.version = version_at(txn->header.revision);
      out.detail.clear();
      co_return out;
    }
    if (!mine_still) {
      out.outcome = Outcome::refused;
      out.detail = found == nullptr ? std::string("the leader key is absent")
                                    : fmt::format("the leader key is held by {} in session {}",
                                                  found->kv.value, found->kv.claim);
      co_return out;
    }
    bound_to = found->kv.claim;
  }
  out.outcome = ambiguous ? Outcome::unknown : Outcome::unavailable;
  if (ambiguous) lease_.retire();
  out.detail = "the leader key changed its session while it was released";
  co_return out;
}

}  // namespace tanist::dcs::etcd3
