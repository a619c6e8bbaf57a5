#include "dcs/metered_store.h"

#include <utility>

namespace tanist::dcs {
namespace {

/// No request to another process, let alone another host, is answered as fast.
constexpr Duration kWithoutRequest = std::chrono::microseconds(20);

bool failed(const WriteResult& result) {
  return result.outcome == Outcome::unknown || result.outcome == Outcome::unavailable;
}
bool failed(const Store::Acquired& result) {
  return result.outcome == Outcome::unknown || result.outcome == Outcome::unavailable;
}
bool failed(const Renewal& renewal) {
  return renewal.outcome == RenewOutcome::unproven;
}
bool failed(const std::expected<ClusterPtr, LoadError>& view) {
  return !view;
}

}  // namespace

template <class Answer>
Task<Answer> MeteredStore::timed(StoreOperation operation, Task<Answer> asked) {
  const Instant begun = clock_.now();
  Answer answer = co_await std::move(asked);
  const Duration took = clock_.now() - begun;
  const bool error = failed(answer);
  if (error || took >= kWithoutRequest) times_.add(operation, took, error);
  co_return answer;
}

Task<std::expected<ClusterPtr, LoadError>> MeteredStore::load(Read how, Instant deadline) {
  auto asked = store_->load(how, deadline);
  if (how == Read::watched) return asked;
  return timed(StoreOperation::read, std::move(asked));
}

Task<WriteResult> MeteredStore::keep_claim(Instant deadline) {
  return timed(StoreOperation::member, store_->keep_claim(deadline));
}

Task<Store::Acquired> MeteredStore::acquire(AcquireConditions conditions, std::optional<LedFrom> from,
                                            Instant deadline) {
  return timed(StoreOperation::acquire, store_->acquire(std::move(conditions), std::move(from), deadline));
}

Task<Renewal> MeteredStore::renew(std::optional<Status> status, Instant deadline) {
  return timed(StoreOperation::renew, store_->renew(std::move(status), deadline));
}

Task<WriteResult> MeteredStore::release(std::optional<Status> last_status, Instant deadline) {
  return timed(StoreOperation::release, store_->release(std::move(last_status), deadline));
}

Task<WriteResult> MeteredStore::touch_member(Document value, Instant deadline) {
  return timed(StoreOperation::member, store_->touch_member(std::move(value), deadline));
}

Task<WriteResult> MeteredStore::remove_member(Instant deadline) {
  return timed(StoreOperation::member, store_->remove_member(deadline));
}

Task<WriteResult> MeteredStore::write(Record record, Condition condition, Instant deadline) {
  return timed(StoreOperation::write, store_->write(std::move(record), std::move(condition), deadline));
}

Task<WriteResult> MeteredStore::delete_sync(Condition condition, Instant deadline) {
  return timed(StoreOperation::write, store_->delete_sync(std::move(condition), deadline));
}

Task<WriteResult> MeteredStore::begin_bootstrap(std::optional<Version> take_over, Instant deadline) {
  return timed(StoreOperation::bootstrap, store_->begin_bootstrap(std::move(take_over), deadline));
}

Task<Store::Acquired> MeteredStore::finish_bootstrap(BootstrapResult result, Instant deadline) {
  return timed(StoreOperation::bootstrap, store_->finish_bootstrap(std::move(result), deadline));
}

Task<WriteResult> MeteredStore::cancel_bootstrap(Instant deadline) {
  return timed(StoreOperation::bootstrap, store_->cancel_bootstrap(deadline));
}

}  // namespace tanist::dcs
