#include "dcs/etcd3/requests.h"

#include <memory>
#include <utility>
#include <variant>

#include "core/format.h"

namespace tanist::dcs::etcd3 {

namespace {

std::string versions_differ(const std::string& key, const Condition& condition, const StoredKey* found) {
  const std::string now =
      found != nullptr ? fmt::format("version {}", found->kv.version.text()) : std::string("absent");
  const auto* wanted = std::get_if<IfVersion>(&condition);
  const std::string then = wanted != nullptr && !wanted->version.absent()
                               ? fmt::format("version {}", wanted->version.text())
                               : std::string("absent");
  return fmt::format("{} is {}, expected {}", key, now, then);
}

std::vector<Compare> compares_of(const std::string& path, const Condition& condition) {
  std::vector<Compare> out;
  if (!std::holds_alternative<Always>(condition)) out.push_back(to_compare(path, condition));
  return out;
}

}  // namespace

const StoredKey* Txn::found(std::size_t i) const {
  return i < answer.found.size() && answer.found[i] ? &*answer.found[i] : nullptr;
}

Task<TxnResult> send(Client& client, TxnRequest request, Instant deadline, Client::Way way) {
  const std::size_t success = request.success.size();
  const std::size_t failure = request.failure.size();
  auto answer = co_await client.call("/kv/txn", txn_body(request.compares, request.success, request.failure),
                                     deadline, is_txn(success, failure), way);
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  co_return Txn{*read_txn(answer->body, success, failure), answer->header, answer->ambiguous};
}

TxnRequest put_request(const std::string& path, const std::string& value, const Claim& lease,
                       const Condition& condition) {
  return {compares_of(path, condition), {put(path, value, lease)}, {range(path)}};
}

WriteResult put_result(const std::string& key, const std::string& value, const Claim& lease,
                       const Condition& condition, const TxnResult& txn) {
  if (!txn) return failed_write(txn.error());
  WriteResult out;
  if (txn->succeeded()) {
    out.outcome = Outcome::done;
    out.version = version_at(txn->header.revision);
    return out;
  }
  const StoredKey* found = txn->found(0);
  // An earlier attempt whose reply was lost did it: the value stands there as wanted.
  if (txn->ambiguous && found != nullptr && found->kv.value == value && found->kv.claim == lease) {
    out.outcome = Outcome::done;
    out.version = found->kv.version;
    return out;
  }
  out.outcome = txn->ambiguous ? Outcome::unknown : Outcome::refused;
  out.detail = versions_differ(key, condition, found);
  return out;
}

TxnRequest erase_request(const std::string& path, const Condition& condition) {
  return {compares_of(path, condition), {erase(path)}, {range(path)}};
}

WriteResult erase_result(const std::string& key, const Condition& condition, const TxnResult& txn) {
  if (!txn) return failed_write(txn.error());
  WriteResult out;
  const StoredKey* found = txn->found(0);
  if (txn->succeeded() || (txn->ambiguous && found == nullptr)) {
    out.outcome = Outcome::done;
    return out;
  }
  out.outcome = txn->ambiguous ? Outcome::unknown : Outcome::refused;
  out.detail = versions_differ(key, condition, found);
  return out;
}

Compare to_compare(std::string key, const Condition& condition) {
  const auto* version = std::get_if<IfVersion>(&condition);
  return has_version(std::move(key), version != nullptr ? version->version : Version());
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

ClusterPtr as_view(Cluster decoded, bool linearizable, Instant read_at) {
  decoded.linearizable = linearizable;
  decoded.read_at = read_at;
  return std::make_shared<const Cluster>(std::move(decoded));
}

}  // namespace tanist::dcs::etcd3
