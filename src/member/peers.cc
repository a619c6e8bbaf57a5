#include "member/peers.h"

#include "core/document.h"
#include "core/log.h"
#include "core/wait.h"

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
  net::TlsOptions options;
  options.verify = !ctl.tls.cert_file.empty();
  options.verify_host = false;
  if (options.verify) {
    options.ca_file = ctl.tls.ca_file;
    options.cert_file = ctl.tls.cert_file;
    options.key_file = ctl.tls.key_file;
    options.key_password = ctl.tls.key_password;
  }
  return options;
}

std::int64_t number(const Document* d) {
  return d && d->is_int() ? d->as_int() : 0;
}

}  // namespace

std::expected<net::TlsContextPtr, std::string> load_peer_tls(const config::Ctl& ctl) {
  return net::load_client_tls(tls_options(ctl));
}

ha::PeerAnswer read_status_document(const std::string& body) {
  ha::PeerAnswer answer;
  auto parsed = parse_json(body);
  if (!parsed || !parsed->is_map()) {
    answer.error = "not a status document";
    return answer;
  }
  const Document* wal = parsed->find("wal") ? parsed->find("wal") : parsed->find("xlog");
  if (!wal || !wal->is_map()) {
    answer.starting = true;
    answer.error = "no WAL position in the answer";
    return answer;
  }
  answer.reachable = true;
  const Document* role = parsed->find("role");
  const std::string role_name = role ? role->text() : std::string();
  answer.primary = number(wal->find("location")) != 0 || role_name == "primary" || role_name == "master";
  if (!answer.primary) {
    const auto received = number(wal->find("received_location"));
    const auto replayed = number(wal->find("replayed_location"));
    answer.position = Lsn{static_cast<std::uint64_t>(std::max<std::int64_t>({received, replayed, 0}))};
  }
  answer.timeline = Timeline{static_cast<std::uint32_t>(number(parsed->find("timeline")))};
  if (const Document* tags = parsed->find("tags"); tags && tags->is_map()) {
    const Document* nofailover = tags->find("nofailover");
    const Document* priority = tags->find("failover_priority");
    answer.failover_priority = priority ? static_cast<int>(parse_int(*priority).value_or(1)) : 1;
    answer.nofailover = nofailover ? nofailover->truthy() : answer.failover_priority <= 0;
  }
  if (const Document* failed = parsed->find("watchdog_failed")) answer.watchdog_failed = failed->truthy();
  return answer;
}

HttpPeers::HttpPeers(Executor executor, Clock& clock)
    : client_(std::move(executor), clock, client_options()) {}

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
  request.headers.set("User-Agent", "Tanist/" TANIST_VERSION);
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
  auto asking = client_.request(url->endpoint, get(url->target), deadline);
  auto response = co_await std::move(asking);
  if (!response) {
    answer.error = response.error().detail;
    log::warning("Request failed to {}: GET {} ({})", name, api_url, answer.error);
    co_return;
  }
  answer = read_status_document(response->body);
  log::info("Got response from {} {}: {}", name, api_url, response->body);
}

Task<std::map<std::string, ha::PeerAnswer>> HttpPeers::ask(std::map<std::string, std::string> api_urls,
                                                           Instant deadline) {
  std::map<std::string, ha::PeerAnswer> answers;
  std::vector<Task<void>> asking;
  for (const auto& [name, url] : api_urls) asking.push_back(ask_one(name, url, deadline, answers[name]));
  auto everybody = all(std::move(asking));
  co_await std::move(everybody);
  co_return answers;
}

Task<bool> HttpPeers::anybody_at(std::string api_url, Instant deadline) {
  const auto url = net::parse_url(api_url);
  if (!url) co_return false;
  auto asking = client_.request(url->endpoint, get("/liveness"), deadline);
  auto response = co_await std::move(asking);
  if (response) co_return true;
  // A server that speaks TLS and wants a certificate that this member has not is somebody all the same.
  const auto& error = response.error();
  const bool refused = error.kind == net::HttpErrorKind::tls ||
                       (error.kind == net::HttpErrorKind::closed && error.sent && url->endpoint.https);
  if (refused) log::warning("somebody at {} does not talk to this member: {}", api_url, error.detail);
  co_return refused;
}

}  // namespace tanist::member
