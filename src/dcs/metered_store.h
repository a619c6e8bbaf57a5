#pragma once

#include <memory>

#include "async/clock.h"
#include "dcs/store.h"
#include "dcs/store_times.h"

namespace tanist::dcs {

/// A store whose requests are counted and timed; all else is the store behind it. What is answered without a
/// request (the watched copy, a member's value that stands there already) is not counted.
class MeteredStore final : public Store {
 public:
  MeteredStore(Clock& clock, std::unique_ptr<Store> store) : clock_(clock), store_(std::move(store)) {}

  Task<void> open(Identity identity) override { return store_->open(std::move(identity)); }
  Task<void> close() override { return store_->close(); }
  Task<std::expected<ClusterPtr, LoadError>> load(Read how, Instant deadline) override;
  StoreTraits traits() const override { return store_->traits(); }
  Claim claim() const override { return store_->claim(); }
  bool is_mine(const Claim& claim) const override { return store_->is_mine(claim); }
  void on_claim(std::function<Task<void>(Claim)> recorder) override { store_->on_claim(std::move(recorder)); }
  std::string store_id() const override { return store_->store_id(); }
  void take_any_store() override { store_->take_any_store(); }
  void set_timing(const config::Timing& timing) override { store_->set_timing(timing); }
  Duration lease_length() const override { return store_->lease_length(); }
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
  void on_change(std::function<void(Change)> listener) override { store_->on_change(std::move(listener)); }
  ClusterPtr watched() const override { return store_->watched(); }
  void reload(const config::StoreOptions& options) override { store_->reload(options); }
  const StoreTimes* times() const override { return &times_; }

 private:
  template <class Answer>
  Task<Answer> timed(StoreOperation operation, Task<Answer> asked);

  Clock& clock_;
  std::unique_ptr<Store> store_;
  StoreTimes times_;
};

}  // namespace tanist::dcs
