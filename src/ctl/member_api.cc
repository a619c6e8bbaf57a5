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
  HttpMemberApi(config::BasicAuth user, net::TlsContextPtr tls, net::TlsContextPtr anonymous_tls)
      : user_(std::move(user)), tls_(std::move(tls)), anonymous_tls_(std::move(anonymous_tls)) {}

  std::expected<net::HttpResponse, NoAnswer> ask(const std::string& api_url,
                                                 const MemberCall& call) override {
    return std::move(ask_each({api_url}, call).front());
  }

  std::vector<std::expected<net::HttpResponse, NoAnswer>> ask_each(const std::vector<std::string>& api_urls,
                                                                   const MemberCall& call) override {
    boost::asio::io_context io(1);
    SystemClock clock;
    net::HttpClientOptions options;
    options.tls_context = call.anonymous ? anonymous_tls_ : tls_;
    options.keepalive = kKeepalive;
    net::HttpClient client(io.get_executor(), clock, options);
    std::vector<Answer> answers(api_urls.size(), std::unexpected(net::HttpError{}));
    TaskScope scope(io.get_executor());
    for (std::size_t i = 0; i < api_urls.size(); ++i) {
      const auto url = net::parse_url(api_urls[i]);
      if (!url) {
        answers[i] =
            std::unexpected(net::HttpError{.detail = fmt::format("its api_url '{}' is no URL", api_urls[i])});
        continue;
      }
      scope.spawn("ask a member", asking(&client, clock.now() + call.patience, url->endpoint,
                                         request_of(call, *url), &answers[i]));
    }
    io.run();
    std::vector<std::expected<net::HttpResponse, NoAnswer>> out;
    for (auto& answer : answers) {
      if (answer) {
        out.emplace_back(*std::move(answer));
      } else {
        out.emplace_back(std::unexpected(NoAnswer{answer.error().detail, answer.error().sent}));
      }
    }
    return out;
  }

 private:
  net::HttpRequest request_of(const MemberCall& call, const net::Url& url) const {
    net::HttpRequest request;
    request.method = call.method;
    request.target = call.endpoint.empty() ? url.target : "/" + call.endpoint;
    request.headers.set("User-Agent", std::string("Tanist/") + version());
    if (call.body) {
      request.body = to_json(*call.body);
      request.headers.set("Content-Type", "application/json");
    }
    const auto& [name, password] = user_;
    if (!name.empty() && !call.anonymous)
      request.headers.set("Authorization", "Basic " + net::base64_encode(name + ":" + password.reveal()));
    return request;
  }

  static Task<void> asking(net::HttpClient* client, Instant deadline, net::Endpoint endpoint,
                           net::HttpRequest request, Answer* out) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      *out = co_await client->request(endpoint, request, deadline);
      if (*out || out->error().sent || out->error().kind != net::HttpErrorKind::connect) co_return;
    }
  }

  config::BasicAuth user_;
  net::TlsContextPtr tls_;
  net::TlsContextPtr anonymous_tls_;
};

}  // namespace

std::vector<std::expected<net::HttpResponse, NoAnswer>> MemberApi::ask_each(
    const std::vector<std::string>& api_urls, const MemberCall& call) {
  std::vector<std::expected<net::HttpResponse, NoAnswer>> out;
  for (const auto& url : api_urls) out.push_back(ask(url, call));
  return out;
}

std::unique_ptr<MemberApi> open_member_api(const Settings& settings) {
  const config::Ctl ctl = config::build_ctl(config::Reader(settings.document, config::Scope::local));
  const bool certificate = !ctl.tls.cert_file.empty();
  net::TlsOptions options = config::tls_options(ctl.tls);
  options.verify = certificate || !settings.insecure;
  options.verify_host = !settings.insecure;
  if (!options.verify) options.ca_file.clear();
  auto tls = net::load_client_tls(options);
  if (!tls) throw Failure("calls to members: " + tls.error());
  options.cert_file.clear();
  options.key_file.clear();
  auto anonymous = net::load_client_tls(options);
  if (!anonymous) throw Failure("calls to members: " + anonymous.error());
  return std::make_unique<HttpMemberApi>(ctl.authentication, *std::move(tls), *std::move(anonymous));
}

}  // namespace tanist::ctl
