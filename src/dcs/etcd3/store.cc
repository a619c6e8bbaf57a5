#include "dcs/etcd3/store.h"

#include "async/wait.h"
#include "core/format.h"
#include "dcs/etcd3/etcd3_store.h"
#include "log/log.h"

TANIST_LOGGER("patroni.dcs.etcd3");

namespace tanist::dcs::etcd3 {

using namespace std::chrono_literals;

namespace {

/// Between two attempts to find an etcd at the start, and between two lines that say so.
constexpr Duration kOpenPause = 500ms;
constexpr Duration kOpenSays = 5s;
constexpr Duration kTopologyPause = 5s;
constexpr Duration kTopologyMinimum = 60s;
constexpr Duration kTopologyFirst = 300s;
constexpr Duration kCertificatesBudget = 10s;

}  // namespace

Store::Acquired failed_acquire(const CallError& error) {
  Store::Acquired out;
  out.outcome = failed_write(error).outcome;
  out.detail = error.detail;
  return out;
}

Etcd3Store::Etcd3Store(Executor executor, Clock& clock, Options options)
    : clock_(clock),
      options_(std::move(options)),
      prefix_(options_.base_path + "/"),
      client_(executor, clock, options_.connection, options_.timing),
      lease_(client_, clock, options_.timing.ttl),
      scope_(executor) {}

Etcd3Store::~Etcd3Store() = default;

Task<void> Etcd3Store::open(Identity identity) {
  identity_ = std::move(identity);
  for (const auto& claim : identity_.previous_claims) lease_.adopt(claim);
  client_.expect_cluster(identity_.store_id);
  watch_ = std::make_unique<Watch>(client_, clock_, prefix_, identity_.name, [this](Change change) {
    for (const auto& listener : listeners_) listener(change);
  });
  watch_->set_patience(options_.timing.retry_timeout);
  std::string said;
  Instant say_at{};
  for (;;) {
    const Instant begun = clock_.now();
    auto connected = co_await client_.connect(begun + std::min(kOpenSays, options_.timing.retry_timeout));
    if (connected) break;
    if (clock_.now() >= say_at) {
      if (said != connected.error()) log::warning("could not connect to etcd: {}", connected.error());
      said = std::move(connected.error());
      log::info("waiting on etcd");
      say_at = begun + kOpenSays;
    }
    co_await clock_.sleep_until(begun + kOpenPause);
  }
  client_.on_disturbance([this] {
    watch_->restart();
    disturbed_.set();
  });
  client_.on_restored([this] {
    lease_.void_all();
    proven_at_ = 0;
    member_value_.clear();
    watch_->restart();
  });
  scope_.spawn("etcd watch", watch_->run());
  scope_.spawn("etcd topology", topology_loop());
}

Task<void> Etcd3Store::close() {
  co_await scope_.close();
  client_.on_disturbance({});
  client_.on_restored({});
}

Task<void> Etcd3Store::topology_loop() {
  Duration period = kTopologyFirst;
  for (;;) {
    co_await run_until(clock_, disturbed_.wait(), clock_.now() + period);
    disturbed_.clear();
    co_await client_.refresh_topology(clock_.now() + options_.timing.retry_timeout);
    period = std::max<Duration>(kTopologyMinimum, 10 * options_.timing.ttl);
    // Failures come in crowds.
    co_await clock_.sleep_for(kTopologyPause);
  }
}

void Etcd3Store::on_claim(std::function<Task<void>(Claim)> recorder) {
  lease_.on_claim(std::move(recorder));
}

void Etcd3Store::set_timing(const config::Timing& timing) {
  options_.timing = timing;
  lease_.set_ttl(timing.ttl);
  client_.set_timing(timing);
  if (watch_) watch_->set_patience(timing.retry_timeout);
}

void Etcd3Store::reload(const config::StoreOptions& options) {
  const auto* given = std::get_if<config::Etcd3>(&options);
  if (given != nullptr) client_.renew_credentials(given->username, given->password);
  if (scope_.closed()) return;
  scope_.spawn("etcd certificates", client_.renew_certificates(clock_.now() + kCertificatesBudget));
}

ClusterPtr Etcd3Store::decode_view(const Tree& tree, bool linearizable, Instant read_at) const {
  auto decoded = decode(tree);
  broken_.report(decoded.broken);
  return as_view(std::move(decoded.cluster), linearizable, read_at);
}

/// A write of mine whose answer was lost is not in the copy until the stream brings it; a renewal may have
/// proven the key before that.
bool Etcd3Store::copy_behind_proof() const {
  if (watch_->streamed() >= proven_at_) return false;
  const auto leader = watch_->tree().find(key::kLeader);
  return leader == watch_->tree().end() || leader->second.value != identity_.name ||
         !lease_.mine(leader->second.claim);
}

ClusterPtr Etcd3Store::watched() const {
  if (!watch_ || !watch_->ready() || copy_behind_proof()) return nullptr;
  const Instant now = clock_.now();
  if (view_ && view_generation_ == watch_->generation()) {
    // Nothing changed; the stream vouches for it up to now.
    auto again = *view_;
    again.read_at = now;
    view_ = std::make_shared<const Cluster>(std::move(again));
  } else {
    view_ = decode_view(watch_->tree(), false, now);
    view_generation_ = watch_->generation();
  }
  return view_;
}

Task<std::expected<ClusterPtr, LoadError>> Etcd3Store::load(Read how, Instant deadline) {
  if (how == Read::watched) {
    const bool ready = co_await watch_->wait_ready(deadline);
    if (!ready) {
      co_return std::unexpected(LoadError{"Etcd is not responding properly: " + watch_->trouble()});
    }
    if (auto copy = watched()) co_return copy;
  }
  auto answer = co_await client_.call("/kv/range", range_body(prefix_), deadline, is_range());
  if (!answer) co_return std::unexpected(LoadError{std::move(answer.error().detail)});
  const Tree tree = tree_of(answer->body, prefix_);
  co_return decode_view(tree, true, answer->sent_at);
}

Task<Etcd3Store::TxnResult> Etcd3Store::transact(std::vector<Compare> compares, std::vector<Op> success,
                                                 std::vector<Op> failure, Instant deadline, Client::Way way) {
  const auto relative = [this](const std::string& key) { return key.substr(prefix_.size()); };
  std::vector<Watch::Expectation> expectations;
  for (const auto& op : success) {
    const auto value = op.kind == Op::Kind::put ? std::optional<std::string>(op.value) : std::nullopt;
    expectations.emplace_back(*watch_, relative(op.key), value);
  }
  TxnRequest request{std::move(compares), success, failure};
  auto out = co_await send(client_, std::move(request), deadline, way);
  if (!out) co_return out;
  const auto revision = out->header.revision;
  if (out->succeeded()) {
    for (const auto& op : success) {
      std::optional<KeyValue> kv;
      if (op.kind == Op::Kind::put) kv = KeyValue{op.value, version_at(revision), op.lease};
      watch_->wrote(relative(op.key), std::move(kv), revision);
    }
  } else {
    for (std::size_t i = 0; i < failure.size(); ++i) {
      const StoredKey* found = out->found(i);
      const auto kv = found != nullptr ? std::optional<KeyValue>(found->kv) : std::nullopt;
      watch_->found(relative(failure[i].key), kv, revision);
    }
  }
  co_return out;
}

Task<WriteResult> Etcd3Store::put_key(std::string key, std::string value, Claim lease, Condition condition,
                                      Instant deadline) {
  auto request = put_request(path(key), value, lease, condition);
  const auto txn = co_await transact(std::move(request.compares), std::move(request.success),
                                     std::move(request.failure), deadline);
  co_return put_result(key, value, lease, condition, txn);
}

Task<WriteResult> Etcd3Store::erase_key(std::string key, Condition condition, Instant deadline) {
  auto request = erase_request(path(key), condition);
  const auto txn = co_await transact(std::move(request.compares), std::move(request.success),
                                     std::move(request.failure), deadline);
  co_return erase_result(key, condition, txn);
}

Task<WriteResult> Etcd3Store::write(Record record, Condition condition, Instant deadline) {
  auto encoded = encode(record);
  auto writing = put_key(std::move(encoded.key), std::move(encoded.value), {}, condition, deadline);
  co_return co_await std::move(writing);
}

Task<WriteResult> Etcd3Store::delete_sync(Condition condition, Instant deadline) {
  co_return co_await erase_key(std::string(key::kSync), condition, deadline);
}

Task<WriteResult> Etcd3Store::keep_claim(Instant deadline) {
  auto grip = co_await lease_.prove(deadline);
  if (!grip) co_return failed_write(grip.error());
  WriteResult out;
  out.outcome = Outcome::done;
  co_return out;
}

Task<WriteResult> Etcd3Store::touch_member(Document value, Instant deadline) {
  const std::string key = std::string(key::kMembers) + identity_.name;
  const std::string text = to_json(value);
  for (int attempt = 0;; ++attempt) {
    auto grip = co_await lease_.take(deadline);
    if (!grip) co_return failed_write(grip.error());
    if (text == member_value_ && grip->lease == member_claim_) {
      const auto at = watch_->tree().find(key);
      const bool known =
          at != watch_->tree().end() && at->second.value == text && at->second.claim == grip->lease;
      if (known || !watch_->ready()) {
        WriteResult same;
        same.outcome = Outcome::done;
        if (known) same.version = at->second.version;
        co_return same;
      }
    }
    member_value_.clear();
    auto writing = put_key(key, text, grip->lease, Always{}, deadline);
    auto result = co_await std::move(writing);
    if (result.done()) {
      member_value_ = text;
      member_claim_ = grip->lease;
    }
    // put_key does not tell a lost lease from other trouble, but a lease that is asked about tells.
    if (result.outcome != Outcome::unavailable || attempt > 0 || clock_.now() >= deadline) co_return result;
    auto alive = co_await lease_.prove(deadline);
    if (!alive || alive->lease == grip->lease) co_return result;
  }
}

Task<WriteResult> Etcd3Store::remove_member(Instant deadline) {
  const std::string key = path(std::string(key::kMembers) + identity_.name);
  member_value_.clear();
  WriteResult out;
  Claim bound_to = lease_.current();
  bool ambiguous = false;
  for (int attempt = 0; attempt < 3; ++attempt) {
    std::vector<Compare> compares{has_lease(key, bound_to.empty() ? "0" : bound_to)};
    std::vector<Op> success{erase(key)};
    std::vector<Op> failure{range(key)};
    auto txn = co_await transact(std::move(compares), std::move(success), std::move(failure), deadline);
    if (!txn) co_return failed_write(txn.error());
    ambiguous = ambiguous || txn->ambiguous;
    const StoredKey* found = txn->found(0);
    if (txn->succeeded() || found == nullptr) {
      out.outcome = Outcome::done;
      co_return out;
    }
    out.detail = fmt::format("the member key is bound to session {}", found->kv.claim);
    if (!lease_.mine(found->kv.claim)) break;
    bound_to = found->kv.claim;
  }
  out.outcome = ambiguous ? Outcome::unknown : Outcome::refused;
  co_return out;
}

std::unique_ptr<Store> make_store(Executor executor, Clock& clock, Options options) {
  return std::make_unique<Etcd3Store>(std::move(executor), clock, std::move(options));
}

}  // namespace tanist::dcs::etcd3

namespace tanist::dcs {

std::unique_ptr<Store> make_store(Executor executor, Clock& clock, const config::Etcd3& connection,
                                  const Place& place, const config::Timing& timing) {
  return etcd3::make_store(std::move(executor), clock, {connection, place.path(), timing});
}

}  // namespace tanist::dcs
