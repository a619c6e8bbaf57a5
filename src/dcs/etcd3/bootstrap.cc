#include "core/format.h"
#include "dcs/etcd3/etcd3_store.h"

/// The race for a bootstrap, and its end.
namespace tanist::dcs::etcd3 {

Task<WriteResult> Etcd3Store::begin_bootstrap(std::optional<Version> take_over, Instant deadline) {
  const std::string initialize = path(key::kInitialize);
  const std::string note = path(key::kBootstrapNote);
  const std::string text = encode_bootstrap_note(identity_.name, identity_.incarnation);
  WriteResult out;
  /// Of a note that an earlier incarnation of this member left.
  Version own_old_note;
  bool ambiguous = false;
  for (int attempt = 0; attempt < 3; ++attempt) {
    auto grip = co_await lease_.prove(deadline);
    if (!grip) {
      out = failed_write(grip.error());
      out.outcome = ambiguous ? Outcome::unknown : Outcome::unavailable;
      co_return out;
    }
    std::vector<Compare> compares{has_version(initialize, take_over.value_or(Version())),
                                  has_version(note, own_old_note), is_absent(path(key::kLeader))};
    std::vector<Op> success{put(initialize, ""), put(path(key::kInitializedBy), identity_.name),
                            put(note, text, grip->lease)};
    std::vector<Op> failure{range(initialize), range(note)};
    auto txn = co_await transact(std::move(compares), std::move(success), std::move(failure), deadline);
    if (!txn) {
      ambiguous = ambiguous || txn.error().ambiguous;
      out = failed_write(txn.error());
      if (txn.error().fault == Fault::lease_not_found) {
        lease_.doubt(grip->lease);
        continue;
      }
      if (ambiguous) out.outcome = Outcome::unknown;
      co_return out;
    }
    ambiguous = ambiguous || txn->ambiguous;
    const StoredKey* current = txn->found(0);
    const StoredKey* holder = txn->found(1);
    const bool mine = holder != nullptr && holder->kv.value == text && lease_.mine(holder->kv.claim);
    if (txn->succeeded() || (mine && current != nullptr && current->kv.version == holder->kv.version)) {
      out.outcome = Outcome::done;
      out.version = txn->succeeded() ? version_at(txn->header.revision) : current->kv.version;
      out.detail.clear();
      co_return out;
    }
    const bool unchanged = current != nullptr && take_over && current->kv.version == *take_over;
    if (unchanged && holder != nullptr && lease_.mine(holder->kv.claim) &&
        holder->kv.version != own_old_note) {
      own_old_note = holder->kv.version;
      continue;
    }
    out.outcome = ambiguous ? Outcome::unknown : Outcome::refused;
    out.detail = holder != nullptr ? "another bootstrap is under way: " + holder->kv.value
                 : current != nullptr
                     ? fmt::format("/initialize exists already, with version {}", current->kv.version.text())
                     : std::string("the leader key exists, or /initialize is gone");
    co_return out;
  }
  co_return out;
}

Task<Store::Acquired> Etcd3Store::finish_bootstrap(BootstrapResult result, Instant deadline) {
  const std::string leader = path(key::kLeader);
  const std::string note = path(key::kBootstrapNote);
  Acquired out;
  auto grip = co_await lease_.prove(deadline);
  if (!grip) {
    out = failed_acquire(grip.error());
    out.outcome = Outcome::unavailable;
    co_return out;
  }
  // The note names this incarnation and lives on its lease: that it is there proves that it is mine.
  std::vector<Compare> compares{has_value(note, encode_bootstrap_note(identity_.name, identity_.incarnation)),
                                is_absent(leader)};
  std::vector<Op> success{put(path(key::kInitialize), result.system_id),
                          put(path(key::kInitializedBy), identity_.name),
                          put(path(key::kConfig), to_json(result.config)),
                          put(leader, identity_.name, grip->lease),
                          put(path(key::kLeadership), encode_leadership(identity_.name, std::nullopt)),
                          erase(note)};
  std::vector<Op> failure{range(leader), range(note)};
  auto txn = co_await transact(std::move(compares), std::move(success), std::move(failure), deadline);
  if (!txn) {
    if (txn.error().fault == Fault::lease_not_found) lease_.doubt(grip->lease);
    co_return failed_acquire(txn.error());
  }
  const StoredKey* holder = txn->found(0);
  const bool done_before = txn->ambiguous && holder != nullptr && holder->kv.value == identity_.name &&
                           holder->kv.claim == grip->lease;
  if (txn->succeeded() || done_before) {
    co_return co_await won(*grip, txn->header, deadline);
  }
  out.outcome = txn->ambiguous ? Outcome::unknown : Outcome::refused;
  out.detail = holder != nullptr          ? fmt::format("the leader key is held by {}", holder->kv.value)
               : txn->found(1) != nullptr ? "the bootstrap was taken over: " + txn->found(1)->kv.value
                                          : std::string("the note of this bootstrap is gone");
  co_return out;
}

Task<WriteResult> Etcd3Store::cancel_bootstrap(Instant deadline) {
  const std::string note = path(key::kBootstrapNote);
  std::vector<Compare> compares{
      has_value(note, encode_bootstrap_note(identity_.name, identity_.incarnation))};
  std::vector<Op> success{erase(path(key::kInitialize)), erase(path(key::kInitializedBy)), erase(note)};
  std::vector<Op> failure{range(note)};
  auto txn = co_await transact(std::move(compares), std::move(success), std::move(failure), deadline);
  if (!txn) co_return failed_write(txn.error());
  WriteResult out;
  const StoredKey* holder = txn->found(0);
  if (txn->succeeded() || (txn->ambiguous && holder == nullptr)) {
    out.outcome = Outcome::done;
    co_return out;
  }
  out.outcome = txn->ambiguous ? Outcome::unknown : Outcome::refused;
  out.detail = holder != nullptr ? "the bootstrap was taken over: " + holder->kv.value
                                 : std::string("the note of this bootstrap is gone");
  co_return out;
}

}  // namespace tanist::dcs::etcd3
