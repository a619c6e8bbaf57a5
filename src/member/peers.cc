#include "member/peers.h"
#include "json/parse.h"

#include "async/wait.h"
#include "config/tls_options.h"
#include "core/version.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

namespace tanist::member {
namespace {

constexpr std::size_t kLargestAnswer = 1024 * 1024;

net::HttpClientOptions client_options() {
  net::HttpClientOptions options;
  // Until use(): no certificate is checked.
  options.tls.verify = false;
  options.max_body_bytes = kLargestAnswer;
  return options;
}

net::TlsOptions tls_options(const config::Ctl& ctl) {
  // Without a client certificate nothing is checked, so that a CA that cannot be read is no trouble either.
  const bool certificate = !ctl.tls.cert_file.empty();
  net::TlsOptions options = certificate ? config::tls_options(ctl.tls) : net::TlsOptions();
  options.verify = certificate;
  options.verify_host = false;
  return options;
}

}  // namespace

std::expected<net::TlsContextPtr, std::string> load_peer_tls(const config::Ctl& ctl) {
  return net::load_client_tls(tls_options(ctl));
}

ha::PeerAnswer read_status_document(const std::string& body, const ha::PeerIdentity& wanted,
                                    Instant received) {
  const auto parsed = parse_json(body);
  if (!parsed || !parsed->is_map()) return {.error = "not a status document"};
  return ha::read_peer_answer(*parsed, wanted, received);
}

HttpPeers::HttpPeers(Executor executor, Clock& clock, std::string scope)
    : clock_(clock), scope_(std::move(scope)), client_(std::move(executor), clock, client_options()) {}

void HttpPeers::use(const config::Ctl& ctl, net::TlsContextPtr tls) {
  authentication_ = ctl.authentication;
  auto options = client_options();
  options.tls = tls_options(ctl);
  options.tls_context = std::move(tls);
  client_.set_options(std::move(options));
}

net::HttpRequest HttpPeers::get(const std::string& target) const {
  net::HttpRequest request;
  request.target = target;
  request.headers.set("User-Agent", std::string("Tanist/") + version());
  const auto& [user, password] = authentication_;
  if (!user.empty())
    request.headers.set("Authorization", "Basic " + net::base64_encode(user + ":" + password.reveal()));
  return request;
}

Task<void> HttpPeers::ask_one(std::string name, std::string api_url, Instant deadline,
                              ha::PeerAnswer& answer) {
  const auto url = net::parse_url(api_url);
  if (!url) {
    answer.error = "api_url '" + api_url + "' is no URL";
    co_return;
  }
  auto response = co_await client_.request(url->endpoint, get(url->target), deadline);
  if (!response) {
    answer.error = response.error().detail;
    log::warning("Request failed to {}: GET {} ({})", name, api_url, answer.error);
    co_return;
  }
  answer = read_status_document(response->body, {scope_, name}, clock_.now());
  log::info("Got response from {} {}: {}", name, api_url, response->body);
  if (!answer.reachable && !answer.starting)
    log::warning("the answer of {} does not count as one of {}: {}", api_url, name, answer.error);
}

Task<std::map<std::string, ha::PeerAnswer>> HttpPeers::ask(std::map<std::string, std::string> api_urls,
                                                           Instant deadline) {
  std::map<std::string, ha::PeerAnswer> answers;
  std::vector<Task<void>> asking;
  for (const auto& [name, url] : api_urls) asking.push_back(ask_one(name, url, deadline, answers[name]));
  co_await all(std::move(asking));
  co_return answers;
}

Task<void> HttpPeers::ask_promise(std::string name, std::string api_url, std::string body, Instant deadline,
                                  ha::FailsafeReply& reply) {
  const auto url = net::parse_url(api_url);
  if (!url) {
    reply.why = "api_url '" + api_url + "' is no URL";
    co_return;
  }
  net::HttpRequest request = get("/failsafe");
  request.method = "POST";
  request.headers.set("Content-Type", "application/json");
  request.body = std::move(body);
  auto response = co_await client_.request(url->endpoint, std::move(request), deadline);
  if (!response) {
    reply.why = response.error().detail;
    log::warning("Request failed to {}: POST {} ({})", name, api_url, reply.why);
    co_return;
  }
  log::info("Got response from {} {}: {}", name, api_url, response->body);
  reply.accepted = response->status == 200 && response->body == "Accepted";
  reply.why = reply.accepted ? std::string() : fmt::format("HTTP {}: {}", response->status, response->body);
}

/// rest-api.md §8.4; `tanist_valid_for` is for members that may have read another ttl last.
Task<std::map<std::string, ha::FailsafeReply>> HttpPeers::ask_promises(
    std::map<std::string, std::string> api_urls, ha::FailsafeQuestion question, Instant deadline) {
  Document body = Document::map({{"name", question.leader},
                                 {"conn_url", question.conn_url},
                                 {"api_url", question.api_url},
                                 {"tanist_valid_for", seconds(question.valid_for)}});
  if (!question.slots.empty()) {
    Document& slots = body.set("slots", Document::map());
    for (const auto& [name, position] : question.slots)
      slots.set(name, static_cast<std::int64_t>(position.value));
  }
  std::map<std::string, ha::FailsafeReply> replies;
  std::vector<Task<void>> asking;
  for (const auto& [name, url] : api_urls)
    asking.push_back(ask_promise(name, url, to_json(body), deadline, replies[name]));
  co_await all(std::move(asking));
  co_return replies;
}

Task<bool> HttpPeers::answers_as(std::string name, std::string api_url, Instant deadline) {
  const auto url = net::parse_url(api_url);
  if (!url) co_return false;
  auto response = co_await client_.request(url->endpoint, get("/liveness"), deadline);
  if (response) {
    // The address may have been given to somebody else since the member key was written.
    auto about = co_await client_.request(url->endpoint, get(url->target), deadline);
    const auto document = about ? parse_json(about->body) : std::unexpected(about.error().detail);
    const std::string why =
        document && document->is_map() ? ha::why_stranger(*document, {scope_, name}) : std::string();
    if (!why.empty()) log::info("the answer of {} is not of a second {}: {}", api_url, name, why);
    co_return why.empty();
  }
  // A server that speaks TLS and wants a certificate that this member has not is somebody all the same.
  const auto& error = response.error();
  const bool refused = error.kind == net::HttpErrorKind::tls ||
                       (error.kind == net::HttpErrorKind::closed && error.sent && url->endpoint.https);
  if (refused) log::warning("somebody at {} does not talk to this member: {}", api_url, error.detail);
  co_return refused;
}

}  // namespace tanist::member
