#include "dcs/etcd3/client.h"
#include "json/parse.h"

#include <algorithm>

#include "config/stores/etcd3.h"
#include "core/format.h"
#include "dcs/store.h"
#include "log/log.h"

TANIST_LOGGER("patroni.dcs.etcd3");

namespace tanist::dcs::etcd3 {

namespace {

using namespace std::chrono_literals;

constexpr Duration kFirstPause = 50ms;
constexpr Duration kLongestPause = 1s;
/// After a login error the call is repeated only while there is this much time.
constexpr Duration kLoginNeeds = 500ms;
/// With less than a second left all nodes are still tried, as long as each gets this much.
constexpr Duration kLeastAttempt = 100ms;
constexpr Duration kComplainEvery = 1min;
/// Of an answer that is none, for the log.
constexpr std::size_t kShown = 120;

std::string host_and_port(const net::Endpoint& endpoint) {
  return net::to_string(endpoint);
}

/// Only a majority of the nodes can answer these; the rest a node answers from what it knows itself.
bool takes_a_majority(std::string_view path) {
  return path == "/kv/range" || path == "/kv/txn" || path == "/lease/grant";
}

std::string beginning_of(std::string_view body) {
  std::string out(body.substr(0, kShown));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return out;
}

}  // namespace

AttemptPlan plan_attempts(int nodes, Duration left) {
  for (int n = nodes; n > 0; --n) {
    const Duration share = left / n;
    if (share < 1s) continue;
    const int most = 4 - std::min(n, 3);
    int tries = 1;
    while (tries < most && share / (tries + 1) >= 1s) ++tries;
    return {n, share / tries};
  }
  for (int n = nodes; n > 1; --n) {
    if (left / n >= kLeastAttempt) return {n, left / n};
  }
  return {nodes > 0 ? 1 : 0, left};
}

std::function<std::string(const Document&)> is_range() {
  return [](const Document& body) {
    const auto read = read_range(body);
    if (!read) return read.error();
    return std::string(read_header(body).revision > 0 ? "" : "a range without a revision");
  };
}

std::function<std::string(const Document&)> is_txn(std::size_t success, std::size_t failure) {
  return [success, failure](const Document& body) {
    const auto read = read_txn(body, success, failure);
    if (!read) return read.error();
    return std::string(read_header(body).revision > 0 ? "" : "a transaction without a revision");
  };
}

std::function<std::string(const Document&)> is_grant() {
  return [](const Document& body) {
    const auto granted = read_grant(body);
    return std::string(granted.id.empty() || !granted.ttl_seconds ? "a grant without a lease" : "");
  };
}

std::function<std::string(const Document&)> is_keepalive_of(Claim lease) {
  return [lease = std::move(lease)](const Document& body) {
    return std::string(read_keepalive(body).id == lease ? "" : "no keep-alive of this lease");
  };
}

Tree tree_of(const Document& range_answer, const std::string& prefix) {
  Tree out;
  auto keys = read_range(range_answer);
  if (!keys) return out;
  for (auto& [key, kv] : *keys) {
    if (key.starts_with(prefix)) out.emplace(key.substr(prefix.size()), std::move(kv));
  }
  return out;
}

Client::Client(Executor executor, Clock& clock, config::Etcd3 options, config::Timing timing)
    : clock_(clock),
      options_(std::move(options)),
      timing_(timing),
      http_(std::move(executor), clock, http_options()),
      endpoints_(configured()),
      dice_(static_cast<unsigned>(clock.now().time_since_epoch().count())) {}

std::vector<net::Endpoint> Client::configured() const {
  if (!discovered_.empty()) return discovered_;
  std::vector<net::Endpoint> out;
  for (const auto& [host, port] : options_.endpoints) out.push_back({host, port, options_.https});
  return out;
}

net::HttpClientOptions Client::http_options() const {
  net::HttpClientOptions out;
  out.tls = config::tls_options(options_);
  out.keepalive.user_timeout = timing_.ttl;
  out.keepalive.idle = timing_.loop_wait + timing_.retry_timeout;
  out.keepalive.interval = std::max<Duration>(1s, (timing_.ttl - out.keepalive.idle) / 3);
  out.keepalive.count = 3;
  // A kept connection must outlive the pause between two cycles.
  out.max_idle_time = std::max<Duration>(60s, 3 * timing_.loop_wait);
  return out;
}

void Client::set_timing(config::Timing timing) {
  if (timing == timing_) return;
  timing_ = timing;
  http_.set_options(http_options());
}

void Client::renew_credentials(const std::string& username, const Secret& password) {
  options_.username = username;
  options_.password = password;
}

Task<void> Client::renew_certificates(Instant deadline) {
  const auto secure = [](const net::Endpoint& endpoint) { return endpoint.https; };
  if (std::ranges::none_of(endpoints_, secure)) co_return;
  const auto renewed = co_await http_.renew_tls(deadline);
  if (!renewed) log::error("etcd: {}; the certificates that were loaded before stay in use", renewed.error());
}

bool Client::foreign(const Header& header) const {
  return !for_one_reading_ && !cluster_id_.empty() && header.cluster_id != cluster_id_;
}

void Client::complain_of_foreign(const Header& header, const std::string& where) {
  Instant& next = complain_at_[where];
  if (clock_.now() < next) return;
  next = clock_.now() + kComplainEvery;
  log::error(
      "{} belongs to another etcd: its cluster id is {}, this member uses {}; its answers are not believed\n"
      "HINT: correct the list of etcd hosts; where etcd was moved or made anew on purpose, start the daemon "
      "while PostgreSQL is down, or without the file <data_dir>.tanist/session",
      where, header.cluster_id, cluster_id_);
}

std::string Client::disbelief(const Header& header, const std::string& where, bool by_majority) {
  if (!header.tells_authority()) return where + " gave an answer that does not tell which etcd it comes from";
  if (for_one_reading_) return {};
  if (foreign(header)) {
    complain_of_foreign(header, where);
    return fmt::format("{} belongs to another etcd: its cluster id is {}, this member uses {}", where,
                       header.cluster_id, cluster_id_);
  }
  cluster_id_ = header.cluster_id;
  if (header.raft_term >= newest_term_) {
    newest_term_ = header.raft_term;
    past_since_.reset();
    return {};
  }
  const Instant now = clock_.now();
  if (!past_since_) past_since_ = now;
  const std::string what = fmt::format("{} answered from raft term {}, which is over: {} has begun", where,
                                       header.raft_term, newest_term_);
  if (!by_majority || now - *past_since_ < timing_.ttl) return what;
  // No lease that was believed in the newer term can still be counted on by anybody who ran when it ended.
  // The answer at hand is not believed yet: it may be to a question about one.
  log::error(
      "etcd is in raft term {} after it has been in {}, for {:.0f} s and by a majority: it was restored or "
      "made anew; its state is taken as it is now, and no lease of before counts",
      header.raft_term, newest_term_, seconds(now - *past_since_));
  newest_term_ = header.raft_term;
  past_since_.reset();
  if (restored_) restored_();
  return what;
}

net::HttpRequest Client::make_request(const std::string& path, std::string body, bool with_token) const {
  net::HttpRequest request;
  request.method = "POST";
  request.target = prefix_ + path;
  request.headers.set("Content-Type", "application/json");
  if (with_token && !token_.empty()) request.headers.set("Authorization", token_);
  request.body = std::move(body);
  return request;
}

Client::Attempt Client::judge(const net::Endpoint& endpoint, const std::string& path,
                              const net::HttpResponse& response, Instant sent_at, const Check& check) {
  const std::string where = host_and_port(endpoint);
  Attempt out;
  // A streaming call of the gateway answers with a line a message: the first one counts.
  DocumentSplitter splitter;
  auto documents = splitter.feed(response.body);
  auto parsed = documents && !documents->empty() ? parse_json(documents->front()) : parse_json(response.body);
  const auto error = parsed ? read_error(*parsed) : std::nullopt;
  if (error && error->of_etcd) {
    out.error = classify(*error);
    out.maybe_applied = out.error == ErrorClass::unavailable || out.error == ErrorClass::retry;
    out.detail = fmt::format("{} said: {} (code {})", where, error->message, error->code);
    return out;
  }
  const Header header = parsed ? read_header(*parsed) : Header();
  std::string wanting = !parsed                                                        ? "no JSON"
                        : response.status != 200 || error || !header.tells_authority() ? "no answer of etcd"
                                                                                       : std::string();
  if (wanting.empty() && foreign(header)) {
    out.error = ErrorClass::unavailable_unapplied;
    out.foreign = another_answers_ = true;
    out.detail = disbelief(header, where);
    return out;
  }
  if (wanting.empty() && check) wanting = check(*parsed);
  if (!wanting.empty()) {
    // While a cluster forms or is upgraded its API moves; a gateway in between may have troubles of its own.
    out.error = response.status == 404                            ? ErrorClass::wrong_api
                : response.status >= 400 && response.status < 500 ? ErrorClass::permanent
                                                                  : ErrorClass::unavailable;
    out.maybe_applied = out.error != ErrorClass::wrong_api;
    out.detail = fmt::format("{} said: HTTP {} and {}: {}", where, response.status, wanting,
                             beginning_of(response.body));
    return out;
  }
  if (auto why = disbelief(header, where, takes_a_majority(path)); !why.empty()) {
    out.error = ErrorClass::unavailable;
    out.maybe_applied = true;
    out.detail = std::move(why);
    return out;
  }
  Answer answer;
  answer.header = header;
  answer.body = std::move(*parsed);
  answer.sent_at = sent_at;
  out.answer = std::move(answer);
  return out;
}

Task<Client::Attempt> Client::attempt(net::Endpoint endpoint, std::string path, std::string body,
                                      Instant deadline, bool with_token, Check check) {
  ++calls_;
  const Instant sent_at = clock_.now();
  auto response = co_await http_.request(endpoint, make_request(path, std::move(body), with_token), deadline);
  if (response) {
    took_[answered_++ % took_.size()] = clock_.now() - sent_at;
    co_return judge(endpoint, path, *response, sent_at, check);
  }
  Attempt out;
  out.error = ErrorClass::unavailable;
  out.maybe_applied = response.error().sent;
  out.detail = std::move(response.error().detail);
  co_return out;
}

Task<std::optional<std::string>> Client::check_version(net::Endpoint endpoint, Instant deadline) {
  net::HttpRequest request;
  request.target = "/version";
  auto response = co_await http_.request(endpoint, std::move(request), deadline);
  if (!response) co_return std::move(response.error().detail);
  const auto parsed = parse_json(response->body);
  std::optional<ServerVersion> server;
  std::optional<ServerVersion> cluster;
  if (parsed && parsed->is_map()) {
    const auto read = [&](std::string_view name) {
      const Document* value = parsed->find(name);
      return value != nullptr && value->is_string() ? parse_version(value->as_string()) : std::nullopt;
    };
    server = read("etcdserver");
    cluster = read("etcdcluster");
  }
  const std::string where = host_and_port(endpoint);
  if (!server) co_return fmt::format("{} gave no version of etcd (HTTP {})", where, response->status);
  // While a cluster forms it does not know its version yet.
  if (!cluster) co_return fmt::format("{} does not know the version of its cluster yet", where);
  const auto prefix = api_prefix(*server, *cluster);
  if (!prefix) {
    co_return fmt::format("{} runs etcd {}.{}.{}, which is too old (3.0.4 is needed)", where, server->major,
                          server->minor, server->patch);
  }
  prefix_ = *prefix;
  if (!for_one_reading_ && keepalive_is_unreliable(*server) && warned_.insert(where).second) {
    log::warning(
        "etcd {}.{}.{} at {} may go on prolonging leases on a leader that its cluster has replaced\n"
        "HINT: upgrade etcd to 3.4.31, 3.5.13 or later; until then a lease is believed only together with a "
        "transaction answered in the same raft term",
        server->major, server->minor, server->patch, where);
  }
  co_return std::nullopt;
}

Task<std::optional<CallError>> Client::authenticate(net::Endpoint endpoint, Instant deadline) {
  if (options_.username.empty() || options_.password.empty()) {
    co_return CallError{Fault::refused, "Username or password not set, authentication is not possible",
                        false};
  }
  const Check has_token = [](const Document& body) {
    const Document* token = body.find("token");
    return std::string(token != nullptr && token->is_string() ? "" : "a login without a token");
  };
  const Attempt result = co_await attempt(endpoint, "/auth/authenticate",
                                          authenticate_body(options_.username, options_.password.reveal()),
                                          deadline, false, has_token);
  if (result.answer) {
    token_ = result.answer->body.find("token")->as_string();
    co_return std::nullopt;
  }
  switch (*result.error) {
    case ErrorClass::auth_not_enabled: token_.clear(); co_return std::nullopt;
    case ErrorClass::wrong_password: co_return CallError{Fault::wrong_password, result.detail, false};
    case ErrorClass::no_space:
    case ErrorClass::permanent: co_return CallError{Fault::refused, result.detail, false};
    default: co_return CallError{Fault::unavailable, result.detail, false};
  }
}

Task<std::expected<void, std::string>> Client::learn_topology(net::Endpoint endpoint, Instant deadline) {
  std::expected<void, std::string> done;
  if (for_one_reading_) co_return done;
  const Attempt result = co_await attempt(endpoint, "/cluster/member/list", "{}", deadline, true);
  if (result.foreign) co_return std::unexpected(result.detail);
  if (!result.answer || options_.use_proxies) co_return done;
  std::vector<net::Endpoint> found;
  for (const auto& url : read_client_urls(result.answer->body)) {
    auto parsed = net::parse_url(url, 2379);
    if (parsed && std::ranges::find(found, parsed->endpoint) == found.end())
      found.push_back(parsed->endpoint);
  }
  if (found.empty()) co_return done;
  const net::Endpoint in_use = endpoints_.empty() ? endpoint : endpoints_[current_];
  std::ranges::shuffle(found, dice_);
  const auto same = std::ranges::find(found, in_use);
  const bool kept = same != found.end();
  if (kept) std::iter_swap(found.begin(), same);
  endpoints_ = std::move(found);
  current_ = 0;
  if (!kept && disturbance_) disturbance_();
  co_return done;
}

Task<std::expected<void, std::string>> Client::connect(Instant deadline) {
  co_await discover(deadline);
  auto candidates = configured();
  for (const auto& known : endpoints_) {
    if (std::ranges::find(candidates, known) == candidates.end()) candidates.push_back(known);
  }
  std::string failures;
  another_answers_ = false;
  if (candidates.empty()) failures = "DNS names no node for " + options_.srv;
  std::size_t left = candidates.size();
  for (const auto& endpoint : candidates) {
    const Instant now = clock_.now();
    const Instant until = now + (deadline - now) / static_cast<std::int64_t>(left--);
    auto failure = co_await check_version(endpoint, until);
    if (!failure && !options_.username.empty()) {
      auto refused = co_await authenticate(endpoint, until);
      if (refused && refused->fault == Fault::wrong_password) throw FatalStoreError(refused->detail);
      if (refused) failure = std::move(refused->detail);
    }
    if (failure) {
      failures += (failures.empty() ? "" : "; ") + *failure;
      continue;
    }
    const auto endpoints_before = endpoints_;
    const std::size_t current_before = current_;
    const auto known = std::ranges::find(endpoints_, endpoint);
    if (known == endpoints_.end()) {
      endpoints_.insert(endpoints_.begin(), endpoint);
      current_ = 0;
    } else {
      current_ = static_cast<std::size_t>(known - endpoints_.begin());
    }
    auto learned = co_await learn_topology(endpoint, until);
    if (learned) co_return std::expected<void, std::string>();
    endpoints_ = endpoints_before;
    current_ = current_before;
    failures += (failures.empty() ? "" : "; ") + learned.error();
  }
  if (another_answers_ && any_cluster_) {
    log::warning(
        "no node of the etcd with the cluster id {} answers, and nothing here depends on it: the one "
        "that answers is used from now on",
        cluster_id_);
    cluster_id_.clear();
    newest_term_ = 0;
    past_since_.reset();
    any_cluster_ = false;
  }
  co_return std::unexpected(std::move(failures));
}

void Client::make_current(std::size_t index, const std::string& why) {
  if (index == current_) return;
  log::info("switching from etcd node {} to {}: {}", host_and_port(endpoints_[current_]),
            host_and_port(endpoints_[index]), why);
  current_ = index;
  if (disturbance_) disturbance_();
}

void Client::all_failed() {
  if (endpoints_.empty()) return;
  // What was discovered may be out of date: back to what is configured, with what is known behind it.
  auto all = configured();
  for (const auto& known : endpoints_) {
    if (!options_.use_proxies && std::ranges::find(all, known) == all.end()) all.push_back(known);
  }
  const net::Endpoint in_use = endpoints_[current_];
  endpoints_ = std::move(all);
  const auto same = std::ranges::find(endpoints_, in_use);
  current_ = same != endpoints_.end() ? static_cast<std::size_t>(same - endpoints_.begin()) : 0;
  if (disturbance_) disturbance_();
}

Task<Client::Result> Client::call_in_turn(std::string path, std::string body, Instant deadline, Check check) {
  bool ambiguous = false;
  bool logged_in = false;
  std::string detail = "no time left";
  Duration pause = kFirstPause;
  const auto failed = [&](Fault fault) {
    const bool unclear = ambiguous && fault != Fault::lease_not_found;
    return std::unexpected(CallError{unclear ? Fault::unknown : fault, detail, ambiguous, fault});
  };
  while (clock_.now() < deadline) {
    const auto plan = plan_attempts(static_cast<int>(endpoints_.size()), deadline - clock_.now());
    const std::vector<net::Endpoint> nodes = endpoints_;
    const std::size_t first = current_;
    bool all_down = true;
    for (int i = 0; i < plan.nodes && clock_.now() < deadline; ++i) {
      const std::size_t index = (first + static_cast<std::size_t>(i)) % nodes.size();
      const Instant until = std::min(deadline, clock_.now() + plan.timeout);
      Attempt result = co_await attempt(nodes[index], path, body, until, true, check);
      const bool same_nodes = nodes == endpoints_;
      if (result.answer) {
        if (same_nodes && i > 0) make_current(index, detail);
        result.answer->ambiguous = ambiguous;
        co_return std::move(*result.answer);
      }
      ambiguous = ambiguous || result.maybe_applied;
      detail = std::move(result.detail);
      const ErrorClass error = *result.error;
      if (error == ErrorClass::unavailable || error == ErrorClass::unavailable_unapplied) continue;
      all_down = false;
      if (same_nodes) make_current(index, detail);
      if (error == ErrorClass::wrong_api) {
        co_await check_version(nodes[index], until);
      }
      if (error == ErrorClass::retry || error == ErrorClass::retry_unapplied ||
          error == ErrorClass::wrong_api)
        break;
      if (error == ErrorClass::lease_not_found) co_return failed(Fault::lease_not_found);
      if (error == ErrorClass::no_space) co_return failed(Fault::no_space);
      if (error != ErrorClass::authenticate || (logged_in && deadline - clock_.now() < kLoginNeeds)) {
        co_return failed(Fault::refused);
      }
      const auto refused = co_await authenticate(nodes[index], until);
      if (refused && refused->fault != Fault::unavailable) {
        detail += "; " + refused->detail;
        co_return failed(refused->fault);
      }
      // Once at once; a second refusal with a fresh token is one of permission, asked again at leisure.
      if (!std::exchange(logged_in, true)) pause = Duration::zero();
      break;
    }
    if (all_down) all_failed();
    const Duration jitter = pause / 8 * static_cast<std::int64_t>(dice_() % 7);
    const Instant next = clock_.now() + pause + jitter;
    if (next >= deadline) break;
    co_await clock_.sleep_until(next);
    pause = std::clamp(pause * 2, kFirstPause, kLongestPause);
  }
  co_return failed(Fault::unavailable);
}

Task<std::expected<net::HttpStream, CallError>> Client::open_watch(std::string body, Instant deadline) {
  for (int repetition = 0;; ++repetition) {
    const net::Endpoint endpoint = endpoints_[current_];
    auto request = make_request("/watch", body, true);
    // The node ends the watch when it has lost the majority, instead of going silent.
    request.headers.set("Grpc-Metadata-hasleader", "true");
    ++calls_;
    auto stream = co_await http_.stream(endpoint, std::move(request), deadline);
    if (!stream)
      co_return std::unexpected(CallError{Fault::unavailable, std::move(stream.error().detail), false});
    if (stream->status() == 200) co_return std::move(*stream);
    auto text = co_await stream->read_some(deadline);
    net::HttpResponse response;
    response.status = stream->status();
    if (text) response.body = std::move(*text);
    const Attempt judged = judge(endpoint, "/watch", response, clock_.now(), {});
    if (judged.error != ErrorClass::authenticate || repetition > 0) {
      co_return std::unexpected(CallError{Fault::unavailable, judged.detail, false});
    }
    auto refused = co_await authenticate(endpoint, deadline);
    if (refused) co_return std::unexpected(std::move(*refused));
  }
}

Task<void> Client::refresh_topology(Instant deadline) {
  const net::Endpoint endpoint = endpoints_[current_];
  if (prefix_ != "/v3") {
    co_await check_version(endpoint, deadline);
  }
  co_await learn_topology(endpoint, deadline);
}

}  // namespace tanist::dcs::etcd3
