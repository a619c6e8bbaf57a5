#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/document.h"
#include "dcs/codec.h"

/// Requests and answers of the JSON gateway: keys and values in base64, 64-bit numbers as strings, fields
/// with default values left out.
namespace tanist::dcs::etcd3 {

/// What a transaction compares.
struct Compare {
  enum class Target { create, mod, value, lease } target;
  std::string key;
  /// create and mod: a revision; value: the value; lease: the lease id.
  std::string operand;
};
Compare is_absent(std::string key);
Compare has_version(std::string key, Version version);
Compare has_value(std::string key, std::string value);
Compare has_lease(std::string key, Session lease);

struct Op {
  enum class Kind { put, erase, erase_all, range } kind;
  /// Of erase_all: what the keys begin with.
  std::string key;
  std::string value;
  /// Of a put; empty: bound to none.
  Session lease;
};
Op put(std::string key, std::string value, Session lease = {});
Op erase(std::string key);
/// Every key that starts with `prefix`.
Op erase_all(std::string prefix);
Op range(std::string key);

std::string txn_body(const std::vector<Compare>& compares, const std::vector<Op>& success,
                     const std::vector<Op>& failure);
/// Every key that starts with `prefix`.
std::string range_body(const std::string& prefix);
std::string watch_body(const std::string& prefix, std::int64_t start_revision);
std::string grant_body(std::int64_t ttl_seconds);
std::string keepalive_body(const Session& lease);
std::string authenticate_body(const std::string& name, const std::string& password);
/// The first key after all that start with `prefix`.
std::string prefix_end(std::string prefix);

struct Header {
  std::string cluster_id;
  std::int64_t revision = 0;
  std::int64_t raft_term = 0;
  /// Every answer of etcd tells of which cluster it comes and in which raft term it was given; what does not
  /// was made by something else.
  bool tells_authority() const { return !cluster_id.empty() && raft_term > 0; }
};
Header read_header(const Document& answer);

struct StoredKey {
  std::string key;
  KeyValue kv;
};
/// The keys that a range found. The error says why this is no whole answer to one.
std::expected<std::vector<StoredKey>, std::string> read_range(const Document& answer);

struct TxnAnswer {
  bool succeeded = false;
  /// One for each operation of the branch taken: what a range of one key found, nullopt for the rest.
  std::vector<std::optional<StoredKey>> found;
};
/// Of a transaction with so many operations in its branches. The error says why this is no whole answer to
/// it: a missing `succeeded` is a no, and must not be read into just any JSON.
std::expected<TxnAnswer, std::string> read_txn(const Document& answer, std::size_t success,
                                               std::size_t failure);

struct LeaseAnswer {
  Session id;
  /// nullopt: this node knows no such lease.
  std::optional<std::int64_t> ttl_seconds;
};
LeaseAnswer read_grant(const Document& answer);
LeaseAnswer read_keepalive(const Document& answer);

struct WatchEvent {
  bool deleted = false;
  StoredKey at;
};
struct WatchMessage {
  Header header;
  bool created = false;
  bool canceled = false;
  /// Why it ended; empty: it goes on.
  std::string failure;
  std::vector<WatchEvent> events;
};
WatchMessage read_watch(const Document& message);

/// clientURLs of all members.
std::vector<std::string> read_client_urls(const Document& member_list);

/// An integer that may be text, as the gateway has it; 0 when absent.
std::int64_t number(const Document* value);

/// What the gateway says in place of an answer.
struct ServerError {
  int code = 2;
  std::string message;
  /// It is written as etcd and its gateway write errors. What stands between (a proxy, a service mesh) has
  /// troubles of its own and knows nothing of the effect.
  bool of_etcd = true;
};
/// nullopt: the body is an answer.
std::optional<ServerError> read_error(const Document& body);

/// How an error is to be handled (dcs.md §4.2, table).
enum class ErrorClass {
  /// Another node may do better; a write may have happened.
  unavailable,
  /// The same, and a write certainly did not happen.
  unavailable_unapplied,
  /// Again, on the same node; a write may have happened.
  retry,
  /// Again, on the same node; a write certainly did not happen.
  retry_unapplied,
  lease_not_found,
  /// Log in (again) and repeat.
  authenticate,
  wrong_password,
  auth_not_enabled,
  /// The API is under another prefix than was believed.
  wrong_api,
  /// Permanent until somebody makes room: what stores something is refused, all else works.
  no_space,
  permanent,
};
ErrorClass classify(const ServerError& error);

/// `/version`.
struct ServerVersion {
  int major = 0;
  int minor = 0;
  int patch = 0;
  auto operator<=>(const ServerVersion&) const = default;
};
std::optional<ServerVersion> parse_version(std::string_view text);
/// `/v3`, `/v3beta`, `/v3alpha`; nullopt: too old.
std::optional<std::string> api_prefix(ServerVersion server, ServerVersion cluster);
/// The leader of such a cluster may go on answering keep-alives after it was deposed.
bool keepalive_is_unreliable(ServerVersion server);

/// Cuts a stream of JSON documents into single ones, wherever the pieces it comes in begin and end.
class DocumentSplitter {
 public:
  /// The documents completed by `bytes`; nullopt when one grows beyond all bounds or no document can begin
  /// here.
  std::optional<std::vector<std::string>> feed(std::string_view bytes);

 private:
  std::string current_;
  int depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

}  // namespace tanist::dcs::etcd3
