#include "ctl/member_api.h"

#include <boost/asio/io_context.hpp>

#include "async/clock.h"
#include "async/task_scope.h"
#include "config/sections/restapi.h"
#include "config/tls_options.h"
#include "core/format.h"
#include "core/version.h"

namespace tanist::ctl {

namespace {

using namespace std::chrono_literals;

/// Where a member does not listen, that may be over in a moment.
constexpr int kAttempts = 3;
/// A host that died while it was asked is noticed by these, long before a restart may be given up.
constexpr net::Keepalive kKeepalive{.idle = 10s, .interval = 5s, .count = 4, .user_timeout = 30s};

using Answer = std::expected<net::HttpResponse, net::HttpError>;

class HttpMemberApi final : public MemberApi {
 public:
  HttpMemberApi(config::BasicAuth user, net::TlsContextPtr tls)
      : user_(std::move(user)), tls_(std::move(tls)) {}

  std::expected<net::HttpResponse, NoAnswer> ask(const std::string& api_url,
                                                 const MemberCall& call) override {
    const auto url = net::parse_url(api_url);
    if (!url) return std::unexpected(NoAnswer{fmt::format("its api_url '{}' is no URL", api_url)});
    net::HttpRequest request;
    request.method = call.method;
    request.target = call.endpoint.empty() ? url->target : "/" + call.endpoint;
    request.headers.set("User-Agent", std::string("Tanist/") + version());
    if (call.body) {
      request.body = to_json(*call.body);
      request.headers.set("Content-Type", "application/json");
    }
    const auto& [name, password] = user_;
    if (!name.empty())
      request.headers.set("Authorization", "Basic " + net::base64_encode(name + ":" + password.reveal()));

    boost::asio::io_context io(1);
    SystemClock clock;
    net::HttpClientOptions options;
    options.tls_context = tls_;
    options.keepalive = kKeepalive;
    net::HttpClient client(io.get_executor(), clock, options);
    Answer answer = std::unexpected(net::HttpError{});
    TaskScope scope(io.get_executor());
    scope.spawn("ask a member",
                asking(&client, clock.now() + call.patience, url->endpoint, std::move(request), &answer));
    io.run();
    if (!answer) return std::unexpected(NoAnswer{answer.error().detail, answer.error().sent});
    return *std::move(answer);
  }

 private:
  static Task<void> asking(net::HttpClient* client, Instant deadline, net::Endpoint endpoint,
                           net::HttpRequest request, Answer* out) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      *out = co_await client->request(endpoint, request, deadline);
      if (*out || out->error().sent || out->error().kind != net::HttpErrorKind::connect) co_return;
    }
  }

  config::BasicAuth user_;
  net::TlsContextPtr tls_;
};

}  // namespace

std::unique_ptr<MemberApi> open_member_api(const Settings& settings) {
  const config::Ctl ctl = config::build_ctl(config::Reader(settings.document, config::Scope::local));
  const bool certificate = !ctl.tls.cert_file.empty();
  net::TlsOptions options = config::tls_options(ctl.tls);
  options.verify = certificate || !settings.insecure;
  options.verify_host = !settings.insecure;
  if (!options.verify) options.ca_file.clear();
  auto tls = net::load_client_tls(options);
  if (!tls) throw Failure("calls to members: " + tls.error());
  return std::make_unique<HttpMemberApi>(ctl.authentication, *std::move(tls));
}

}  // namespace tanist::ctl
