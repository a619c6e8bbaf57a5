#include "api/listener.h"

#include "async/disk_thread.h"
#include "async/wait.h"
#include "config/tls_options.h"
#include "core/format.h"
#include "core/version.h"
#include "dcs/compatible_version.h"
#include "log/log.h"

TANIST_LOGGER("patroni.api");

/// The socket and the certificates of the REST API, at the start and through reloads.
namespace tanist::api {

namespace {

using namespace std::chrono_literals;

constexpr Duration kLoadBudget = 5s;
/// For the name of the address to listen on.
constexpr Duration kListenBudget = 5s;
/// Where the queue is full the kernel drops who wants to connect, and he tries again after a second. Bursts
/// of health checks fit into a short queue, and what thousands of silent connections do when they come back
/// does not: they would delay every probe, though each of them is taken in some microseconds.
constexpr int kLeastBacklog = 2048;

net::ClientCertificates asked_of_clients(config::RestApi::VerifyClient verify) {
  switch (verify) {
    case config::RestApi::VerifyClient::none: return net::ClientCertificates::ignored;
    case config::RestApi::VerifyClient::optional: return net::ClientCertificates::requested;
    case config::RestApi::VerifyClient::required: return net::ClientCertificates::required;
  }
  return net::ClientCertificates::ignored;
}

net::TlsOptions tls_options(const config::RestApi& rest) {
  net::TlsOptions out = config::tls_options(rest.tls);
  out.ciphers = rest.ciphers;
  return out;
}

std::string failed_to_listen(const config::RestApi& rest, const std::string& why) {
  return fmt::format("the REST API cannot listen on {}: {}", config::to_string(rest.listen), why);
}

}  // namespace

std::string server_name(config::RestApi::ServerTokens tokens) {
  switch (tokens) {
    case config::RestApi::ServerTokens::minimal: return std::string("Patroni/") + dcs::kCompatibleVersion;
    case config::RestApi::ServerTokens::product_only: return "Patroni";
    case config::RestApi::ServerTokens::original: break;
  }
  return std::string("Tanist/") + version();
}

Listener::Listener(Executor executor, Clock& clock, net::HttpServerOptions limits,
                   net::HttpServer::Handler handler, net::HttpServer::Doorkeeper doorkeeper)
    : executor_(std::move(executor)),
      clock_(clock),
      limits_(std::move(limits)),
      handler_(std::move(handler)),
      doorkeeper_(std::move(doorkeeper)) {
  limits_.keepalive = {.idle = 3s, .interval = 2s, .count = 3, .user_timeout = 10s};
}

Task<Listener::Started> Listener::start_server(net::HttpServer* server) {
  auto started = co_await with_deadline(clock_, server->start(), clock_.now() + kListenBudget);
  if (!started) co_return std::unexpected(std::string("its name was not resolved in time"));
  co_return std::move(*started);
}

std::unique_ptr<net::HttpServer> Listener::make_server(const config::RestApi& rest) {
  net::HttpServerOptions options = limits_;
  options.host = rest.listen.host;
  options.port = rest.listen.port;
  options.server_name = server_name(rest.server_tokens);
  options.backlog = std::max(rest.request_queue_size, kLeastBacklog);
  options.tls = tls_;
  return std::make_unique<net::HttpServer>(executor_, clock_, std::move(options), handler_, doorkeeper_);
}

Task<Listener::Loaded> Listener::load_tls(config::RestApi rest) {
  if (rest.tls.cert_file.empty()) co_return net::TlsContextPtr();
  DiskThread disk(clock_);
  const auto load = [options = tls_options(rest),
                     clients = asked_of_clients(rest.verify_client)]() -> Loaded {
    return net::load_server_tls(options, clients);
  };
  auto loaded =
      co_await disk.call<Loaded>("read the certificates of the REST API", load, clock_.now() + kLoadBudget);
  if (!loaded) co_return std::unexpected(loaded.error());
  co_return std::move(*loaded);
}

Task<Listener::Started> Listener::start(config::RestApi rest) {
  auto loaded = co_await load_tls(rest);
  if (!loaded) co_return std::unexpected("the REST API " + loaded.error());
  tls_ = std::move(*loaded);
  server_ = make_server(rest);
  auto started = co_await start_server(server_.get());
  if (!started) co_return std::unexpected(failed_to_listen(rest, started.error()));
  in_use_ = std::move(rest);
  co_return Started();
}

Task<void> Listener::use(config::RestApi rest) {
  auto loaded = co_await load_tls(rest);
  if (!loaded) {
    log::error("REST API: {}; {}", loaded.error(),
               tls_ ? "the certificates that were loaded before keep serving" : "it goes on without TLS");
  } else {
    const bool changed =
        (tls_ != nullptr) != (*loaded != nullptr) || (tls_ && tls_->fingerprint != (*loaded)->fingerprint);
    if (changed)
      log::info("REST API: {}",
                *loaded ? "serving with the certificate of " + rest.tls.cert_file : "no TLS any more");
    tls_ = std::move(*loaded);
    server_->use_tls(tls_);
  }
  server_->set_server_name(server_name(rest.server_tokens));
  if (rest.listen != in_use_.listen || server_->port() == 0) {
    co_await move_to(rest);
  }
}

Task<void> Listener::move_to(config::RestApi rest) {
  auto next = make_server(rest);
  auto started = co_await start_server(next.get());
  if (!started && rest.listen.port == server_->port()) {
    // The old socket may be what is in the way (all addresses against one of them).
    co_await server_->stop();
    next = make_server(rest);
    started = co_await start_server(next.get());
    if (!started) {
      auto old = make_server(in_use_);
      auto returned = co_await start_server(old.get());
      if (!returned) log::critical("{}", failed_to_listen(in_use_, returned.error()));
      server_ = std::move(old);
    }
  }
  if (!started) {
    log::error("{}; it stays on {}", failed_to_listen(rest, started.error()),
               config::to_string(in_use_.listen));
    co_return;
  }
  log::info("the REST API listens on {}", config::to_string(rest.listen));
  std::swap(server_, next);
  in_use_ = std::move(rest);
  co_await next->stop();
}

Task<void> Listener::stop() {
  if (!server_) co_return;
  co_await server_->stop();
}

}  // namespace tanist::api
