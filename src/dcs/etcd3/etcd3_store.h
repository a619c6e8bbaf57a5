#pragma once

#include <memory>
#include <string>
#include <vector>

#include "async/event.h"
#include "async/task_scope.h"
#include "dcs/codec.h"
#include "dcs/etcd3/client.h"
#include "dcs/etcd3/lease.h"
#include "dcs/etcd3/requests.h"
#include "dcs/etcd3/store.h"
#include "dcs/etcd3/watch.h"

/// The store itself. store.cc: opening, views, single keys. leader.cc: the leader key. bootstrap.cc: the race
/// for it.
namespace tanist::dcs::etcd3 {

class Etcd3Store final : public Store {
 public:
  Etcd3Store(Executor executor, Clock& clock, Options options);
  ~Etcd3Store() override;

  Task<void> open(Identity identity) override;
  Task<void> close() override;
  Task<std::expected<ClusterPtr, LoadError>> load(Read how, Instant deadline) override;
  Claim claim() const override { return lease_.current(); }
  bool is_mine(const Claim& claim) const override { return lease_.mine(claim); }
  void on_claim(std::function<Task<void>(Claim)> recorder) override;
  std::string store_id() const override { return client_.cluster_id(); }
  void take_any_store() override { client_.take_any_cluster(); }
  void set_timing(const config::Timing& timing) override;
  Duration lease_length() const override { return options_.timing.ttl; }
  Task<WriteResult> keep_claim(Instant deadline) override;
  Task<Acquired> acquire(AcquireConditions conditions, std::optional<LedFrom> from,
                         Instant deadline) override;
  Task<Renewal> renew(std::optional<Status> status, Instant deadline) override;
  Task<WriteResult> release(std::optional<Status> last_status, Instant deadline) override;
  Task<WriteResult> touch_member(Document value, Instant deadline) override;
  Task<WriteResult> remove_member(Instant deadline) override;
  Task<WriteResult> write(Record record, Condition condition, Instant deadline) override;
  Task<WriteResult> delete_sync(Condition condition, Instant deadline) override;
  Task<WriteResult> begin_bootstrap(std::optional<Version> take_over, Instant deadline) override;
  Task<Acquired> finish_bootstrap(BootstrapResult result, Instant deadline) override;
  Task<WriteResult> cancel_bootstrap(Instant deadline) override;
  void on_change(std::function<void(Change)> listener) override { listeners_.push_back(std::move(listener)); }
  ClusterPtr watched() const override;
  StoreTraits traits() const override { return {}; }
  void reload(const config::StoreOptions& options) override;

 private:
  using TxnResult = etcd3::TxnResult;

  std::string path(std::string_view key) const { return prefix_ + std::string(key); }
  /// Runs it, and brings the watched copy up to date with what it did or found.
  Task<TxnResult> transact(std::vector<Compare> compares, std::vector<Op> success, std::vector<Op> failure,
                           Instant deadline, Client::Way way = Client::Way::usual);
  Task<WriteResult> put_key(std::string key, std::string value, Claim lease, Condition condition,
                            Instant deadline);
  Task<WriteResult> erase_key(std::string key, Condition condition, Instant deadline);
  /// The transaction of acquire and finish_bootstrap was successful: its proof.
  Task<Acquired> won(Lease::Grip grip, Header header, Instant deadline);
  /// As transact, with `status` among what is put. A store that refuses it (it is full) is not worth the
  /// leader key: `*status` is reset, and the transaction goes on without it.
  Task<TxnResult> transact_with_status(std::vector<Compare> compares, std::vector<Op> success,
                                       std::vector<Op> failure, std::optional<Status>* status,
                                       Instant deadline, Client::Way way = Client::Way::usual);
  void complain_of_refused_status(const CallError& error);
  Task<void> topology_loop();
  ClusterPtr decode_view(const Tree& tree, bool linearizable, Instant read_at) const;
  /// The copy shows the leader key as it was before the last proof that it is mine.
  bool copy_behind_proof() const;

  Clock& clock_;
  Options options_;
  std::string prefix_;
  Identity identity_;
  Client client_;
  Lease lease_;
  TaskScope scope_;
  std::unique_ptr<Watch> watch_;
  std::vector<std::function<void(Change)>> listeners_;
  Event disturbed_;
  /// When next to say that the store takes no status.
  Instant complain_at_{};
  /// The revision that the last proof of the leader key speaks of.
  std::int64_t proven_at_ = 0;
  mutable BrokenKeyLog broken_;
  mutable ClusterPtr view_;
  mutable std::uint64_t view_generation_ = 0;
  /// The last member value that the store is known to hold.
  std::string member_value_;
  Claim member_claim_;
};

Store::Acquired failed_acquire(const CallError& error);

}  // namespace tanist::dcs::etcd3
