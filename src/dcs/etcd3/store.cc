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

std::string versions_differ(const std::string& key, const Condition& condition, const StoredKey* found) {
  const std::string now =
      found != nullptr ? fmt::format("version {}", found->kv.version) : std::string("absent");
  const auto* wanted = std::get_if<IfVersion>(&condition);
  const std::string then = wanted != nullptr && wanted->version != 0
                               ? fmt::format("version {}", wanted->version)
                               : std::string("absent");
  return fmt::format("{} is {}, expected {}", key, now, then);
}

/// What a transaction that puts one key (and reads it where its condition fails) came to.
template <class Txn>
WriteResult put_result(const std::string& key, const std::string& value, const Session& lease,
                       const Condition& condition, const Txn& txn) {
  WriteResult out;
  if (txn.succeeded()) {
    out.outcome = Outcome::done;
    out.version = txn.header.revision;
    return out;
  }
  const StoredKey* found = txn.found(0);
  // An earlier attempt whose reply was lost did it: the value stands there as wanted.
  if (txn.ambiguous && found != nullptr && found->kv.value == value && found->kv.session == lease) {
    out.outcome = Outcome::done;
    out.version = found->kv.version;
    return out;
  }
  out.outcome = txn.ambiguous ? Outcome::unknown : Outcome::refused;
  out.detail = versions_differ(key, condition, found);
  return out;
}

}  // namespace

Compare to_compare(std::string key, const Condition& condition) {
  const auto* version = std::get_if<IfVersion>(&condition);
  return has_version(std::move(key), version != nullptr ? version->version : 0);
}

WriteResult failed_write(const CallError& error) {
  WriteResult out;
  out.detail = error.detail;
  switch (error.fault) {
    case Fault::unavailable: out.outcome = Outcome::unavailable; break;
    case Fault::unknown: out.outcome = Outcome::unknown; break;
    case Fault::lease_not_found:
      out.outcome = error.ambiguous ? Outcome::unknown : Outcome::unavailable;
      break;
    case Fault::refused:
    case Fault::no_space:
    case Fault::wrong_password: out.outcome = Outcome::refused; break;
  }
  return out;
}

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
  for (const auto& session : identity_.previous_sessions) lease_.adopt(session);
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

void Etcd3Store::on_session(std::function<Task<void>(Session)> recorder) {
  lease_.on_session(std::move(recorder));
}

void Etcd3Store::set_timing(const config::Timing& timing) {
  options_.timing = timing;
  lease_.set_ttl(timing.ttl);
  client_.set_timing(timing);
  if (watch_) watch_->set_patience(timing.retry_timeout);
}

void Etcd3Store::reload(const config::Settings& settings) {
  if (settings.etcd3) client_.renew_credentials(settings.etcd3->username, settings.etcd3->password);
  if (scope_.closed()) return;
  scope_.spawn("etcd certificates", client_.renew_certificates(clock_.now() + kCertificatesBudget));
}

ClusterPtr Etcd3Store::decode_view(const Tree& tree, std::int64_t revision, bool linearizable,
                                   Instant read_at) const {
  auto decoded = decode(tree);
  broken_.report(decoded.broken);
  decoded.cluster.revision = revision;
  decoded.cluster.linearizable = linearizable;
  decoded.cluster.read_at = read_at;
  return std::make_shared<const Cluster>(std::move(decoded.cluster));
}

ClusterPtr Etcd3Store::watched() const {
  if (!watch_ || !watch_->ready()) return nullptr;
  const Instant now = clock_.now();
  if (view_ && view_generation_ == watch_->generation()) {
    // Nothing changed; the stream vouches for it up to now.
    auto again = *view_;
    again.revision = watch_->streamed();
    again.read_at = now;
    view_ = std::make_shared<const Cluster>(std::move(again));
  } else {
    view_ = decode_view(watch_->tree(), watch_->streamed(), false, now);
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
    co_return watched();
  }
  auto answer = co_await client_.call("/kv/range", range_body(prefix_), deadline, is_range());
  if (!answer) co_return std::unexpected(LoadError{std::move(answer.error().detail)});
  const Tree tree = tree_of(answer->body, prefix_);
  co_return decode_view(tree, answer->header.revision, true, answer->sent_at);
}

const StoredKey* Etcd3Store::Txn::found(std::size_t i) const {
  return i < answer.found.size() && answer.found[i] ? &*answer.found[i] : nullptr;
}

Task<Etcd3Store::TxnResult> Etcd3Store::transact(std::vector<Compare> compares, std::vector<Op> success,
                                                 std::vector<Op> failure, Instant deadline) {
  const auto relative = [this](const std::string& key) { return key.substr(prefix_.size()); };
  std::vector<Watch::Expectation> expectations;
  for (const auto& op : success) {
    const auto value = op.kind == Op::Kind::put ? std::optional<std::string>(op.value) : std::nullopt;
    expectations.emplace_back(*watch_, relative(op.key), value);
  }
  auto answer = co_await client_.call("/kv/txn", txn_body(compares, success, failure), deadline,
                                      is_txn(success.size(), failure.size()));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  Txn out{*read_txn(answer->body, success.size(), failure.size()), answer->header, answer->ambiguous};
  const auto revision = out.header.revision;
  if (out.succeeded()) {
    for (const auto& op : success) {
      std::optional<KeyValue> kv;
      if (op.kind == Op::Kind::put) kv = KeyValue{op.value, revision, op.lease};
      watch_->wrote(relative(op.key), std::move(kv), revision);
    }
  } else {
    for (std::size_t i = 0; i < failure.size(); ++i) {
      const StoredKey* found = out.found(i);
      const auto kv = found != nullptr ? std::optional<KeyValue>(found->kv) : std::nullopt;
      watch_->found(relative(failure[i].key), kv, revision);
    }
  }
  co_return std::move(out);
}

Task<WriteResult> Etcd3Store::put_key(std::string key, std::string value, Session lease, Condition condition,
                                      Instant deadline) {
  std::vector<Compare> compares;
  if (!std::holds_alternative<Always>(condition)) compares.push_back(to_compare(path(key), condition));
  std::vector<Op> success{put(path(key), value, lease)};
  std::vector<Op> failure{range(path(key))};
  auto txn = co_await transact(std::move(compares), std::move(success), std::move(failure), deadline);
  if (!txn) co_return failed_write(txn.error());
  co_return put_result(key, value, lease, condition, *txn);
}

Task<WriteResult> Etcd3Store::erase_key(std::string key, Condition condition, Instant deadline) {
  std::vector<Compare> compares;
  if (!std::holds_alternative<Always>(condition)) compares.push_back(to_compare(path(key), condition));
  std::vector<Op> success{erase(path(key))};
  std::vector<Op> failure{range(path(key))};
  auto txn = co_await transact(std::move(compares), std::move(success), std::move(failure), deadline);
  if (!txn) co_return failed_write(txn.error());
  WriteResult out;
  const StoredKey* found = txn->found(0);
  if (txn->succeeded() || (txn->ambiguous && found == nullptr)) {
    out.outcome = Outcome::done;
    co_return out;
  }
  out.outcome = txn->ambiguous ? Outcome::unknown : Outcome::refused;
  out.detail = versions_differ(key, condition, found);
  co_return out;
}

Task<WriteResult> Etcd3Store::write(Record record, Condition condition, Instant deadline) {
  auto encoded = encode(record);
  auto writing = put_key(std::move(encoded.key), std::move(encoded.value), {}, condition, deadline);
  co_return co_await std::move(writing);
}

Task<WriteResult> Etcd3Store::delete_sync(Condition condition, Instant deadline) {
  co_return co_await erase_key(std::string(key::kSync), condition, deadline);
}

Task<WriteResult> Etcd3Store::keep_session(Instant deadline) {
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
    if (text == member_value_ && grip->lease == member_session_) {
      const auto at = watch_->tree().find(key);
      const bool known =
          at != watch_->tree().end() && at->second.value == text && at->second.session == grip->lease;
      if (known || !watch_->ready()) {
        WriteResult same;
        same.outcome = Outcome::done;
        same.version = known ? at->second.version : 0;
        co_return same;
      }
    }
    member_value_.clear();
    auto writing = put_key(key, text, grip->lease, Always{}, deadline);
    auto result = co_await std::move(writing);
    if (result.done()) {
      member_value_ = text;
      member_session_ = grip->lease;
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
  Session bound_to = lease_.current();
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
    out.detail = fmt::format("the member key is bound to session {}", found->kv.session);
    if (!lease_.mine(found->kv.session)) break;
    bound_to = found->kv.session;
  }
  out.outcome = ambiguous ? Outcome::unknown : Outcome::refused;
  co_return out;
}

std::unique_ptr<Store> make_store(Executor executor, Clock& clock, Options options) {
  return std::make_unique<Etcd3Store>(std::move(executor), clock, std::move(options));
}

Task<std::expected<ClusterPtr, LoadError>> read_once(Executor executor, Clock& clock, Options options,
                                                     Instant deadline) {
  Client client(executor, clock, options.connection, options.timing);
  client.for_one_reading();
  auto connected = co_await client.connect(deadline);
  if (!connected) co_return std::unexpected(LoadError{std::move(connected.error())});
  const std::string prefix = options.base_path + "/";
  auto answer = co_await client.call("/kv/range", range_body(prefix), deadline, is_range());
  if (!answer) co_return std::unexpected(LoadError{std::move(answer.error().detail)});
  auto decoded = decode(tree_of(answer->body, prefix));
  decoded.cluster.revision = answer->header.revision;
  decoded.cluster.linearizable = true;
  decoded.cluster.read_at = answer->sent_at;
  co_return std::make_shared<const Cluster>(std::move(decoded.cluster));
}

Task<WriteResult> write_once(Executor executor, Clock& clock, Options options, Record record,
                             Condition condition, Instant deadline) {
  struct OnceTxn {
    TxnAnswer answer;
    Header header;
    bool ambiguous = false;
    bool succeeded() const { return answer.succeeded; }
    const StoredKey* found(std::size_t i) const {
      return i < answer.found.size() && answer.found[i] ? &*answer.found[i] : nullptr;
    }
  };
  Client client(executor, clock, options.connection, options.timing);
  client.for_one_reading();
  auto connected = co_await client.connect(deadline);
  WriteResult out;
  if (!connected) {
    out.detail = std::move(connected.error());
    co_return out;
  }
  const auto encoded = encode(record);
  const std::string key = options.base_path + "/" + encoded.key;
  std::vector<Compare> compares;
  if (!std::holds_alternative<Always>(condition)) compares.push_back(to_compare(key, condition));
  const std::vector<Op> success{put(key, encoded.value, {})};
  const std::vector<Op> failure{range(key)};
  auto answer = co_await client.call("/kv/txn", txn_body(compares, success, failure), deadline,
                                     is_txn(success.size(), failure.size()));
  if (!answer) co_return failed_write(answer.error());
  const OnceTxn txn{*read_txn(answer->body, success.size(), failure.size()), answer->header,
                    answer->ambiguous};
  co_return put_result(encoded.key, encoded.value, {}, condition, txn);
}

}  // namespace tanist::dcs::etcd3
