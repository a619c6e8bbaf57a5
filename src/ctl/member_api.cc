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

using Answer = std::expected<net::HttpResponse, NoAnswer>;

class HttpMemberApi final : public MemberApi {
 public:
  explicit HttpMemberApi(MemberAccess access) : access_(std::move(access)) {}

  Answer ask(const std::string& api_url, const MemberCall& call) override {
    return std::move(ask_each({api_url}, call).front());
  }

  std::vector<Answer> ask_each(const std::vector<std::string>& api_urls, const MemberCall& call) override {
    boost::asio::io_context io(1);
    SystemClock clock;
    net::HttpClient client(io.get_executor(), clock, access_.client_options(call.anonymous));
    std::vector<Answer> answers(api_urls.size(), std::unexpected(NoAnswer{}));
    TaskScope scope(io.get_executor());
    for (std::size_t i = 0; i < api_urls.size(); ++i)
      scope.spawn("ask a member",
                  asking(ask_member(&client, &clock, access_, api_urls[i], call), &answers[i]));
    io.run();
    return answers;
  }

  std::vector<std::vector<Exchange>> exchanges(const std::vector<std::string>& api_urls,
                                               const MemberCall& call, int times) override {
    boost::asio::io_context io(1);
    SystemClock clock;
    net::HttpClient client(io.get_executor(), clock, access_.client_options(call.anonymous));
    std::vector<std::vector<Exchange>> out(api_urls.size());
    TaskScope scope(io.get_executor());
    for (std::size_t i = 0; i < api_urls.size(); ++i)
      scope.spawn("ask a member", exchanging(&client, &clock, access_, api_urls[i], call, times, &out[i]));
    io.run();
    return out;
  }

  std::unique_ptr<Listening> listen() override { return listen_over_http(access_); }

 private:
  static Task<void> asking(Task<Answer> ask, Answer* out) { *out = co_await std::move(ask); }

  static Task<void> exchanging(net::HttpClient* client, Clock* clock, MemberAccess access, std::string url,
                               MemberCall call, int times, std::vector<Exchange>* out) {
    for (int i = 0; i < times; ++i) {
      const WallTime sent = clock->wall_now();
      auto answer = co_await ask_member(client, clock, access, url, call);
      out->push_back({.answer = std::move(answer), .sent = sent, .received = clock->wall_now()});
      if (!out->back().answer) co_return;
    }
  }

  MemberAccess access_;
};

}  // namespace

std::vector<std::vector<Exchange>> MemberApi::exchanges(const std::vector<std::string>& api_urls,
                                                        const MemberCall& call, int times) {
  SystemClock clock;
  std::vector<std::vector<Exchange>> out(api_urls.size());
  for (std::size_t i = 0; i < api_urls.size(); ++i) {
    for (int round = 0; round < times; ++round) {
      const WallTime sent = clock.wall_now();
      auto answer = ask(api_urls[i], call);
      out[i].push_back({.answer = std::move(answer), .sent = sent, .received = clock.wall_now()});
      if (!out[i].back().answer) break;
    }
  }
  return out;
}

std::vector<std::expected<net::HttpResponse, NoAnswer>> MemberApi::ask_each(
    const std::vector<std::string>& api_urls, const MemberCall& call) {
  std::vector<std::expected<net::HttpResponse, NoAnswer>> out;
  for (const auto& url : api_urls) out.push_back(ask(url, call));
  return out;
}

net::HttpClientOptions MemberAccess::client_options(bool anonymous) const {
  net::HttpClientOptions options;
  options.tls_context = anonymous ? anonymous_tls : tls;
  options.keepalive = kKeepalive;
  return options;
}

net::HttpRequest MemberAccess::request(const MemberCall& call, const net::Url& url) const {
  net::HttpRequest request;
  request.method = call.method;
  request.target = call.endpoint.empty() ? url.target : "/" + call.endpoint;
  request.headers.set("User-Agent", std::string("Tanist/") + version());
  if (call.body) {
    request.body = to_json(*call.body);
    request.headers.set("Content-Type", "application/json");
  }
  const auto& [name, password] = user;
  if (!name.empty() && !call.anonymous)
    request.headers.set("Authorization", "Basic " + net::base64_encode(name + ":" + password.reveal()));
  return request;
}

Task<Answer> ask_member(net::HttpClient* client, Clock* clock, MemberAccess access, std::string api_url,
                        MemberCall call) {
  const auto url = net::parse_url(api_url);
  if (!url) co_return std::unexpected(NoAnswer{fmt::format("its api_url '{}' is no URL", api_url)});
  const net::HttpRequest request = access.request(call, *url);
  const Instant deadline = clock->now() + call.patience;
  net::HttpError error;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto answer = co_await client->request(url->endpoint, request, deadline);
    if (answer) co_return *std::move(answer);
    error = std::move(answer.error());
    if (error.sent || error.kind != net::HttpErrorKind::connect) break;
  }
  co_return std::unexpected(NoAnswer{error.detail, error.sent});
}

MemberAccess member_access(const Settings& settings) {
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
  return {.user = ctl.authentication, .tls = *std::move(tls), .anonymous_tls = *std::move(anonymous)};
}

std::unique_ptr<MemberApi> open_member_api(const Settings& settings) {
  return std::make_unique<HttpMemberApi>(member_access(settings));
}

}  // namespace tanist::ctl
