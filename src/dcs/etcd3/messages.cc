#include "dcs/etcd3/messages.h"

#include <charconv>

#include "core/format.h"
#include "net/http.h"

namespace tanist::dcs::etcd3 {

namespace {

Document encoded(const std::string& bytes) {
  return Document(net::base64_encode(bytes));
}

std::string text(const Document* value) {
  return value != nullptr && value->is_scalar() && !value->is_null() ? value->text() : std::string();
}

bool flag(const Document& at, std::string_view name) {
  const Document* value = at.find(name);
  return value != nullptr && value->is_bool() && value->as_bool();
}

Document to_document(const Compare& compare) {
  Document out = Document::map();
  out.set("key", encoded(compare.key));
  switch (compare.target) {
    case Compare::Target::create:
      out.set("target", "CREATE");
      out.set("create_revision", compare.operand);
      break;
    case Compare::Target::mod:
      out.set("target", "MOD");
      out.set("mod_revision", compare.operand);
      break;
    case Compare::Target::value:
      out.set("target", "VALUE");
      out.set("value", encoded(compare.operand));
      break;
    case Compare::Target::lease:
      out.set("target", "LEASE");
      out.set("lease", compare.operand);
      break;
  }
  return out;
}

Document to_document(const Op& op) {
  Document request = Document::map();
  request.set("key", encoded(op.key));
  Document out = Document::map();
  switch (op.kind) {
    case Op::Kind::put:
      request.set("value", encoded(op.value));
      if (!op.lease.empty()) request.set("lease", op.lease);
      out.set("request_put", std::move(request));
      break;
    case Op::Kind::erase_all: request.set("range_end", encoded(prefix_end(op.key))); [[fallthrough]];
    case Op::Kind::erase: out.set("request_delete_range", std::move(request)); break;
    case Op::Kind::range: out.set("request_range", std::move(request)); break;
  }
  return out;
}

template <class T>
Document to_list(const std::vector<T>& items) {
  Document out = Document::list();
  for (const auto& item : items) out.push_back(to_document(item));
  return out;
}

/// nullopt: no key as etcd has them.
std::optional<StoredKey> read_kv(const Document& kv) {
  const auto bytes = [&](std::string_view name) -> std::optional<std::string> {
    const Document* at = kv.find(name);
    if (at == nullptr) return std::string();
    return at->is_string() ? net::base64_decode(at->as_string()) : std::nullopt;
  };
  auto key = bytes("key");
  auto value = bytes("value");
  if (!key || key->empty() || !value) return std::nullopt;
  StoredKey out;
  out.key = std::move(*key);
  out.kv.value = std::move(*value);
  out.kv.version = number(kv.find("mod_revision"));
  if (out.kv.version <= 0) return std::nullopt;
  const auto lease = number(kv.find("lease"));
  if (lease != 0) out.kv.session = std::to_string(lease);
  return out;
}

}  // namespace

std::int64_t number(const Document* value) {
  if (value == nullptr) return 0;
  if (value->is_int()) return value->as_int();
  std::int64_t out = 0;
  if (value->is_string()) {
    const auto& s = value->as_string();
    std::from_chars(s.data(), s.data() + s.size(), out);
  }
  return out;
}

Compare is_absent(std::string key) {
  return {Compare::Target::create, std::move(key), "0"};
}
Compare has_version(std::string key, Version version) {
  if (version == 0) return is_absent(std::move(key));
  return {Compare::Target::mod, std::move(key), std::to_string(version)};
}
Compare has_value(std::string key, std::string value) {
  return {Compare::Target::value, std::move(key), std::move(value)};
}
Compare has_lease(std::string key, Session lease) {
  return {Compare::Target::lease, std::move(key), std::move(lease)};
}

Op put(std::string key, std::string value, Session lease) {
  return {Op::Kind::put, std::move(key), std::move(value), std::move(lease)};
}
Op erase(std::string key) {
  return {Op::Kind::erase, std::move(key), {}, {}};
}
Op erase_all(std::string prefix) {
  return {Op::Kind::erase_all, std::move(prefix), {}, {}};
}
Op range(std::string key) {
  return {Op::Kind::range, std::move(key), {}, {}};
}

std::string txn_body(const std::vector<Compare>& compares, const std::vector<Op>& success,
                     const std::vector<Op>& failure) {
  Document out = Document::map();
  out.set("compare", to_list(compares));
  out.set("success", to_list(success));
  if (!failure.empty()) out.set("failure", to_list(failure));
  return to_json(out);
}

std::string prefix_end(std::string prefix) {
  while (!prefix.empty()) {
    const auto last = static_cast<unsigned char>(prefix.back());
    if (last != 0xff) {
      prefix.back() = static_cast<char>(last + 1);
      return prefix;
    }
    prefix.pop_back();
  }
  return std::string(1, '\0');
}

std::string range_body(const std::string& prefix) {
  Document out = Document::map();
  out.set("key", encoded(prefix));
  out.set("range_end", encoded(prefix_end(prefix)));
  return to_json(out);
}

std::string watch_body(const std::string& prefix, std::int64_t start_revision) {
  Document request = Document::map();
  request.set("key", encoded(prefix));
  request.set("range_end", encoded(prefix_end(prefix)));
  request.set("start_revision", std::to_string(start_revision));
  Document out = Document::map();
  out.set("create_request", std::move(request));
  return to_json(out);
}

std::string grant_body(std::int64_t ttl_seconds) {
  Document out = Document::map();
  out.set("TTL", ttl_seconds);
  return to_json(out);
}

std::string keepalive_body(const Session& lease) {
  Document out = Document::map();
  out.set("ID", lease);
  return to_json(out);
}

std::string authenticate_body(const std::string& name, const std::string& password) {
  Document out = Document::map();
  out.set("name", name);
  out.set("password", password);
  return to_json(out);
}

Header read_header(const Document& answer) {
  Header out;
  const Document* body = answer.find("result");
  const Document* header = (body != nullptr ? *body : answer).find("header");
  if (header == nullptr) return out;
  out.cluster_id = text(header->find("cluster_id"));
  out.revision = number(header->find("revision"));
  out.raft_term = number(header->find("raft_term"));
  return out;
}

std::expected<std::vector<StoredKey>, std::string> read_range(const Document& answer) {
  std::vector<StoredKey> out;
  const Document* kvs = answer.find("kvs");
  if (kvs != nullptr && !kvs->is_list()) return std::unexpected("kvs is no array");
  if (kvs != nullptr) {
    for (const auto& kv : kvs->as_list()) {
      auto read = read_kv(kv);
      if (!read) return std::unexpected("a key that cannot be read: " + to_json(kv));
      out.push_back(std::move(*read));
    }
  }
  // The first versions of etcd 3 do not count.
  const auto count = number(answer.find("count"));
  if (count != 0 && count != static_cast<std::int64_t>(out.size()))
    return std::unexpected(fmt::format("{} keys of {}", out.size(), count));
  return out;
}

std::expected<TxnAnswer, std::string> read_txn(const Document& answer, std::size_t success,
                                               std::size_t failure) {
  TxnAnswer out;
  out.succeeded = flag(answer, "succeeded");
  const std::size_t wanted = out.succeeded ? success : failure;
  const Document* responses = answer.find("responses");
  const bool list = responses != nullptr && responses->is_list();
  const std::size_t count = list ? responses->as_list().size() : 0;
  if (count != wanted) return std::unexpected(fmt::format("{} responses to {} operations", count, wanted));
  if (!list) return out;
  for (const auto& response : responses->as_list()) {
    const Document* found = response.find("response_range");
    if (found == nullptr) {
      out.found.emplace_back(std::nullopt);
      continue;
    }
    if (!found->is_map()) return std::unexpected("a range that is no object");
    auto keys = read_range(*found);
    if (!keys) return std::unexpected(std::move(keys.error()));
    if (keys->empty()) {
      out.found.emplace_back(std::nullopt);
    } else {
      out.found.emplace_back(std::move(keys->front()));
    }
  }
  return out;
}

namespace {
LeaseAnswer read_lease(const Document& at) {
  LeaseAnswer out;
  out.id = text(at.find("ID"));
  const auto ttl = number(at.find("TTL"));
  if (ttl > 0) out.ttl_seconds = ttl;
  return out;
}
}  // namespace

LeaseAnswer read_grant(const Document& answer) {
  return read_lease(answer);
}

LeaseAnswer read_keepalive(const Document& answer) {
  const Document* result = answer.find("result");
  return result != nullptr ? read_lease(*result) : LeaseAnswer();
}

WatchMessage read_watch(const Document& message) {
  WatchMessage out;
  if (const auto error = read_error(message)) {
    out.failure = error->message;
    return out;
  }
  const Document* result = message.find("result");
  if (result == nullptr || !result->is_map()) {
    out.failure = "an answer without a result";
    return out;
  }
  out.header = read_header(message);
  out.created = flag(*result, "created");
  out.canceled = flag(*result, "canceled");
  if (out.canceled) {
    const auto compacted = number(result->find("compact_revision"));
    const auto reason = text(result->find("cancel_reason"));
    out.failure = compacted != 0   ? fmt::format("history before revision {} was compacted", compacted)
                  : reason.empty() ? std::string("canceled by the server")
                                   : reason;
  }
  const Document* events = result->find("events");
  if (events == nullptr) return out;
  if (!events->is_list()) {
    out.failure = "events that are no array";
    return out;
  }
  for (const auto& event : events->as_list()) {
    const Document* kv = event.find("kv");
    auto read = kv != nullptr ? read_kv(*kv) : std::nullopt;
    if (!read) {
      // One that is skipped would be missing in the copy for ever.
      out.failure = "an event that cannot be read: " + to_json(event);
      return out;
    }
    out.events.push_back({text(event.find("type")) == "DELETE", std::move(*read)});
  }
  return out;
}

std::vector<std::string> read_client_urls(const Document& member_list) {
  std::vector<std::string> out;
  const Document* members = member_list.find("members");
  if (members == nullptr || !members->is_list()) return out;
  for (const auto& member : members->as_list()) {
    const Document* urls = member.find("clientURLs");
    if (urls == nullptr || !urls->is_list()) continue;
    for (const auto& url : urls->as_list()) {
      if (url.is_string()) out.push_back(url.as_string());
    }
  }
  return out;
}

namespace {
/// The codes of gRPC are 1 to 16; a proxy has none, or an HTTP status in its place.
ServerError server_error(const Document* code, std::string message) {
  ServerError out;
  const auto told = number(code);
  const bool known = told >= 1 && told <= 16;
  if (known) out.code = static_cast<int>(told);
  out.of_etcd = known || message.starts_with("etcdserver: ");
  out.message = std::move(message);
  return out;
}
}  // namespace

std::optional<ServerError> read_error(const Document& body) {
  if (!body.is_map()) return ServerError{2, "an answer that is no object: " + to_json(body), false};
  const Document* inner = body.find("error");
  if (inner != nullptr && inner->is_map()) {
    const Document* code = inner->find("grpc_code");
    if (code == nullptr) code = inner->find("code");
    return server_error(code, text(inner->find("message")));
  }
  const Document* upper = body.find("Error");
  const Document* message = body.find("message");
  const Document* what = inner != nullptr ? inner : upper != nullptr ? upper : message;
  const Document* code = body.find("code");
  if (code == nullptr) code = body.find("Code");
  if (what == nullptr && code == nullptr) return std::nullopt;
  return server_error(code, text(what));
}

ErrorClass classify(const ServerError& error) {
  constexpr int kUnknown = 2;
  constexpr int kDeadlineExceeded = 4;
  constexpr int kResourceExhausted = 8;
  constexpr int kFailedPrecondition = 9;
  constexpr int kUnavailable = 14;
  const std::string_view text = error.message;
  if (error.code == kUnavailable) {
    // Said before anything was proposed to the others.
    return text == "etcdserver: no leader" ? ErrorClass::unavailable_unapplied : ErrorClass::unavailable;
  }
  if (error.code == kUnknown && text == "not a primary lessor") return ErrorClass::unavailable_unapplied;
  if (text == "etcdserver: requested lease not found") return ErrorClass::lease_not_found;
  if (text == "etcdserver: user name is empty" || text == "etcdserver: permission denied" ||
      text == "etcdserver: invalid auth token" || text == "etcdserver: revision of auth store is old") {
    return ErrorClass::authenticate;
  }
  if (text == "etcdserver: authentication failed, invalid user ID or password")
    return ErrorClass::wrong_password;
  if (text == "etcdserver: authentication is not enabled") return ErrorClass::auth_not_enabled;
  if (error.code == kDeadlineExceeded || text == "context deadline exceeded") return ErrorClass::retry;
  if (error.code == kResourceExhausted && text.ends_with("database space exceeded"))
    return ErrorClass::no_space;
  if (error.code == kFailedPrecondition) return ErrorClass::retry_unapplied;
  return ErrorClass::permanent;
}

std::optional<ServerVersion> parse_version(std::string_view text) {
  ServerVersion out;
  const char* at = text.data();
  const char* end = text.data() + text.size();
  for (int* part : {&out.major, &out.minor, &out.patch}) {
    const auto [next, ec] = std::from_chars(at, end, *part);
    if (ec != std::errc()) return std::nullopt;
    at = next;
    if (part == &out.patch) break;
    if (at == end || *at != '.') return std::nullopt;
    ++at;
  }
  return out;
}

std::optional<std::string> api_prefix(ServerVersion server, ServerVersion cluster) {
  if (server < ServerVersion{3, 0, 4} || cluster < ServerVersion{3, 0, 0}) return std::nullopt;
  if (cluster < ServerVersion{3, 3, 0}) return "/v3alpha";
  if (cluster < ServerVersion{3, 4, 0}) return "/v3beta";
  return "/v3";
}

bool keepalive_is_unreliable(ServerVersion server) {
  return server < ServerVersion{3, 4, 31} ||
         (server >= ServerVersion{3, 5, 0} && server < ServerVersion{3, 5, 13});
}

std::optional<std::vector<std::string>> DocumentSplitter::feed(std::string_view bytes) {
  constexpr std::size_t kLargestDocument = 64 * 1024 * 1024;
  std::vector<std::string> out;
  for (const char c : bytes) {
    if (depth_ == 0 && c != '{') {
      if (c != '\n' && c != '\r' && c != ' ' && c != '\t') return std::nullopt;
      continue;
    }
    current_ += c;
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
      }
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (c == '}' || c == ']') {
      if (--depth_ == 0) out.push_back(std::exchange(current_, std::string()));
    }
  }
  if (current_.size() > kLargestDocument) return std::nullopt;
  return out;
}

}  // namespace tanist::dcs::etcd3
