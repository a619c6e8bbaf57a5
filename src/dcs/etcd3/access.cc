#include "dcs/access.h"

#include "core/format.h"
#include "dcs/codec.h"
#include "dcs/etcd3/client.h"
#include "dcs/etcd3/requests.h"
#include "dcs/etcd3/store.h"

/// One cluster of etcd without a daemon around it.
namespace tanist::dcs {

namespace etcd3 {
namespace {

class Etcd3Access final : public Access {
 public:
  Etcd3Access(Executor executor, Clock& clock, const config::Etcd3& connection, Place place)
      : place_(std::move(place)), client_(std::move(executor), clock, connection, config::Timing{}) {
    client_.for_one_reading();
  }

  Task<std::expected<ClusterPtr, LoadError>> load(Instant deadline) override {
    auto read = co_await read_below(place_.path() + "/", deadline);
    if (!read) co_return std::unexpected(std::move(read.error()));
    co_return view_of(read->tree, *read);
  }

  Task<std::expected<Groups, LoadError>> load_groups(Instant deadline) override {
    auto read = co_await read_below(place_.base_path() + "/", deadline);
    if (!read) co_return std::unexpected(std::move(read.error()));
    Groups out;
    for (const auto& [group, tree] : split_groups(read->tree)) out[group] = view_of(tree, *read);
    co_return out;
  }

  Task<WriteResult> write(Record record, Condition condition, Instant deadline) override {
    const auto encoded = encode(record);
    auto request = put_request(path_of(encoded.key), encoded.value, {}, condition);
    const auto txn = co_await transact(std::move(request), deadline);
    co_return put_result(encoded.key, encoded.value, {}, condition, txn);
  }

  Task<WriteResult> erase(std::string key, Condition condition, Instant deadline) override {
    auto request = erase_request(path_of(key), condition);
    const auto txn = co_await transact(std::move(request), deadline);
    co_return erase_result(key, condition, txn);
  }

  Task<WriteResult> remove_cluster(Instant deadline) override {
    WriteResult out;
    if (place_.scope.find_first_not_of('/') == std::string::npos) {
      out.outcome = Outcome::refused;
      out.detail = fmt::format("no cluster is named below {}", place_.base_path());
      co_return out;
    }
    TxnRequest request;
    request.success.push_back(erase_all(place_.path() + "/"));
    const auto txn = co_await transact(std::move(request), deadline);
    if (!txn) co_return failed_write(txn.error());
    out.outcome = Outcome::done;
    co_return out;
  }

 private:
  /// What a range found, and when that was.
  struct Reading {
    Tree tree;
    std::int64_t revision = 0;
    Instant sent_at{};
  };

  std::string path_of(std::string_view key) const { return fmt::format("{}/{}", place_.path(), key); }

  static ClusterPtr view_of(const Tree& tree, const Reading& reading) {
    return as_view(decode(tree).cluster, reading.revision, true, reading.sent_at);
  }

  /// Connects where that has not been done. The error says what every endpoint answered.
  Task<std::expected<void, std::string>> connect(Instant deadline) {
    if (!connected_) {
      auto connected = co_await client_.connect(deadline);
      if (!connected) co_return connected;
      connected_ = true;
    }
    co_return std::expected<void, std::string>();
  }

  Task<std::expected<Reading, LoadError>> read_below(std::string prefix, Instant deadline) {
    auto connected = co_await connect(deadline);
    if (!connected) co_return std::unexpected(LoadError{std::move(connected.error())});
    auto answer = co_await client_.call("/kv/range", range_body(prefix), deadline, is_range());
    if (!answer) co_return std::unexpected(LoadError{std::move(answer.error().detail)});
    co_return Reading{tree_of(answer->body, prefix), answer->header.revision, answer->sent_at};
  }

  Task<TxnResult> transact(TxnRequest request, Instant deadline) {
    auto connected = co_await connect(deadline);
    if (!connected)
      co_return std::unexpected(CallError{Fault::unavailable, std::move(connected.error()), false});
    co_return co_await send(client_, std::move(request), deadline);
  }

  Place place_;
  Client client_;
  bool connected_ = false;
};

}  // namespace
}  // namespace etcd3

std::unique_ptr<Access> make_access(Executor executor, Clock& clock, const config::Etcd3& connection,
                                    Place place) {
  return std::make_unique<etcd3::Etcd3Access>(std::move(executor), clock, connection, std::move(place));
}

}  // namespace tanist::dcs
