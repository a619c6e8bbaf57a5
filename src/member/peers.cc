#include "member/peers.h"
#include "json/parse.h"

#include "async/wait.h"
#include "config/tls_options.h"
#include "core/document.h"
#include "core/format.h"
#include "core/version.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

namespace tanist::member {
namespace {

constexpr std::size_t kLargestAnswer = 1024 * 1024;
/// Microseconds: nobody tells an age beyond an hour.
constexpr std::int64_t kOldestTold = 3600LL * 1'000'000;

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

/// Why the answer is not that of `wanted`; empty: nothing speaks against it.
std::string stranger(const Document& answer, const PeerIdentity& wanted) {
  const Document* about = answer.find("patroni");
  if (!about || !about->is_map()) return {};
  const Document* scope = about->find("scope");
  if (scope && scope->is_string() && scope->as_string() != wanted.scope)
    return fmt::format("it is of a member of cluster '{}', not of '{}'", scope->as_string(), wanted.scope);
  const Document* name = about->find("name");
  if (name && name->is_string() && name->as_string() != wanted.name)
    return fmt::format("it is of member '{}', not of '{}'", name->as_string(), wanted.name);
  return {};
}

std::int64_t number(const Document* d) {
  return d && d->is_int() ? d->as_int() : 0;
}

/// `[[parent, LSN], …]`; nullopt: not that.
std::optional<std::vector<HistoryLine>> read_switches(const Document& told) {
  if (!told.is_list()) return std::nullopt;
  std::vector<HistoryLine> switches;
  for (const auto& row : told.as_list()) {
    if (!row.is_list() || row.size() < 2) return std::nullopt;
    const auto parent = number(&row.as_list()[0]);
    const auto lsn = number(&row.as_list()[1]);
    if (parent <= 0 || lsn < 0) return std::nullopt;
    switches.push_back(
        {.parent = {static_cast<std::uint32_t>(parent)}, .switch_lsn = Lsn{static_cast<std::uint64_t>(lsn)}});
  }
  return switches;
}

}  // namespace

std::expected<net::TlsContextPtr, std::string> load_peer_tls(const config::Ctl& ctl) {
  return net::load_client_tls(tls_options(ctl));
}

ha::PeerAnswer read_status_document(const std::string& body, const PeerIdentity& wanted, Instant received) {
  ha::PeerAnswer answer;
  auto parsed = parse_json(body);
  if (!parsed || !parsed->is_map()) {
    answer.error = "not a status document";
    return answer;
  }
  const auto ago = [&](const char* name) -> std::optional<Instant> {
    const Document* age = parsed->find(name);
    if (!age || !age->is_int() || age->as_int() < 0 || age->as_int() > kOldestTold) return std::nullopt;
    return received - std::chrono::microseconds(age->as_int());
  };
  answer.writes_ended = ago("tanist_writes_ended_us");
  answer.writes_began = ago("tanist_writes_began_us");
  // Also the answer of one that only starts tells nothing about the member that is meant.
  answer.error = stranger(*parsed, wanted);
  if (!answer.error.empty()) return answer;
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
    answer.replayed = Lsn{static_cast<std::uint64_t>(std::max<std::int64_t>(replayed, 0))};
  }
  answer.timeline = Timeline{static_cast<std::uint32_t>(number(parsed->find("timeline")))};
  if (const Document* tags = parsed->find("tags"); tags && tags->is_map()) {
    const Document* nofailover = tags->find("nofailover");
    const Document* priority = tags->find("failover_priority");
    answer.failover_priority = priority ? static_cast<int>(parse_int(*priority).value_or(1)) : 1;
    answer.nofailover = nofailover ? nofailover->truthy() : answer.failover_priority <= 0;
  }
  if (const Document* switches = parsed->find("tanist_timelines")) answer.way = read_switches(*switches);
  if (const Document* diverged = parsed->find("tanist_diverged")) answer.diverged = diverged->truthy();
  if (const Document* failed = parsed->find("watchdog_failed")) answer.watchdog_failed = failed->truthy();
  return answer;
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

Task<bool> HttpPeers::answers_as(std::string name, std::string api_url, Instant deadline) {
  const auto url = net::parse_url(api_url);
  if (!url) co_return false;
  auto response = co_await client_.request(url->endpoint, get("/liveness"), deadline);
  if (response) {
    // The address may have been given to somebody else since the member key was written.
    auto about = co_await client_.request(url->endpoint, get(url->target), deadline);
    const auto document = about ? parse_json(about->body) : std::unexpected(about.error().detail);
    const std::string why =
        document && document->is_map() ? stranger(*document, {scope_, name}) : std::string();
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
