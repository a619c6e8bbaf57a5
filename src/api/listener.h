#pragma once

#include <expected>
#include <memory>
#include <string>

#include "async/clock.h"
#include "async/task.h"
#include "config/settings.h"
#include "net/http.h"

namespace tanist::api {

/// The HTTP server, kept as the `restapi` section says: a reload opens another socket only for another
/// address, and takes new certificates without one. What cannot be used is logged, and what was there before
/// goes on. Lives on the api thread.
class Listener {
 public:
  /// `limits`: host, port, TLS and names come from the settings.
  Listener(Executor executor, Clock& clock, net::HttpServerOptions limits, net::HttpServer::Handler handler,
           net::HttpServer::Doorkeeper doorkeeper);

  /// The error says what could not be done.
  Task<std::expected<void, std::string>> start(config::RestApi rest);
  Task<void> use(config::RestApi rest);
  Task<void> stop();
  /// The port it listens on.
  int port() const { return server_ ? server_->port() : 0; }

 private:
  using Started = std::expected<void, std::string>;
  using Loaded = std::expected<net::TlsContextPtr, std::string>;

  std::unique_ptr<net::HttpServer> make_server(const config::RestApi& rest);
  Task<Started> start_server(net::HttpServer* server);
  /// Reads certificate files on a thread of their own.
  Task<Loaded> load_tls(config::RestApi rest);
  Task<void> move_to(config::RestApi rest);

  Executor executor_;
  Clock& clock_;
  net::HttpServerOptions limits_;
  net::HttpServer::Handler handler_;
  net::HttpServer::Doorkeeper doorkeeper_;
  config::RestApi in_use_;
  net::TlsContextPtr tls_;
  std::unique_ptr<net::HttpServer> server_;
};

/// Value of the `Server` header.
std::string server_name(config::RestApi::ServerTokens tokens);

}  // namespace tanist::api
