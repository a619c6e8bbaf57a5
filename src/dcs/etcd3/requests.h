#pragma once

#include <expected>
#include <string>
#include <vector>

#include "dcs/etcd3/client.h"
#include "dcs/etcd3/messages.h"
#include "dcs/store.h"

/// Transactions on single keys and what their answers mean: the same for the daemon's store, which keeps its
/// watched copy current besides, and for an access without a daemon.
namespace tanist::dcs::etcd3 {

struct TxnRequest {
  std::vector<Compare> compares;
  std::vector<Op> success;
  std::vector<Op> failure;
};

/// An answered transaction.
struct Txn {
  TxnAnswer answer;
  Header header;
  /// An earlier attempt of it may have had its effect.
  bool ambiguous = false;

  bool succeeded() const { return answer.succeeded; }
  /// What the `i`-th operation of the failure branch found.
  const StoredKey* found(std::size_t i) const;
};
using TxnResult = std::expected<Txn, CallError>;

/// `client` must outlive the call.
Task<TxnResult> send(Client& client, TxnRequest request, Instant deadline,
                     Client::Way way = Client::Way::usual);

/// Puts one key, or reads it where the condition does not hold. `path`: the whole key.
TxnRequest put_request(const std::string& path, const std::string& value, const Claim& lease,
                       const Condition& condition);
/// `key`: for people.
WriteResult put_result(const std::string& key, const std::string& value, const Claim& lease,
                       const Condition& condition, const TxnResult& txn);

TxnRequest erase_request(const std::string& path, const Condition& condition);
WriteResult erase_result(const std::string& key, const Condition& condition, const TxnResult& txn);

WriteResult failed_write(const CallError& error);
Compare to_compare(std::string key, const Condition& condition);

/// What was decoded, as a view of a position of the store.
ClusterPtr as_view(Cluster decoded, bool linearizable, Instant read_at);

}  // namespace tanist::dcs::etcd3
