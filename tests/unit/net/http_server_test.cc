#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>

#include "contract/run_task.h"
#include "log/log.h"
#include "net/http.h"
#include "unit/net/certificates.h"
#include "unit/net/raw_peer.h"
#include "unit/net/serving.h"

namespace tanist::net {
namespace {

using namespace std::chrono_literals;
using test::RawSocket;

using test::Certificates;

Task<HttpResponse> echo(HttpRequest request) {
  HttpResponse out;
  if (request.path() == "/throw") throw std::runtime_error("broken handler");
  if (request.path() == "/503") out.status = 503;
  out.headers.set("Content-Type", "text/plain");
  out.body = request.method + " " + request.target + " " + request.client_ip + " " + request.body +
             (request.client_certificate ? " cert" : "");
  co_return out;
}

class Serving : public test::Serving {
 public:
  explicit Serving(HttpServerOptions options, HttpServer::Doorkeeper doorkeeper = {},
                   HttpServer::Handler handler = echo)
      : test::Serving(std::move(options), std::move(handler), std::move(doorkeeper)) {}
};

HttpServerOptions local() {
  HttpServerOptions out;
  out.host = "127.0.0.1";
  out.server_name = "tanist";
  return out;
}

TEST(HttpServer, answers_with_length_and_keeps_the_connection) {
  Serving serving(local());
  auto s = RawSocket::connect(serving.port());
  s.send("GET /a?b=1 HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto first = s.receive("127.0.0.1 ");
  EXPECT_TRUE(first.starts_with("HTTP/1.1 200 OK\r\n")) << first;
  EXPECT_NE(first.find("Content-Length: 21\r\n"), std::string::npos) << first;
  EXPECT_NE(first.find("Server: tanist\r\n"), std::string::npos);
  EXPECT_NE(first.find(" GMT\r\n"), std::string::npos);
  s.send("HEAD /503 HTTP/1.1\r\nHost: x\r\n\r\nOPTIONS / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto rest = s.receive();
  EXPECT_TRUE(rest.starts_with("HTTP/1.1 503 Service Unavailable\r\n")) << rest;
  EXPECT_EQ(rest.find("HEAD /503 "), std::string::npos) << "a HEAD has no body";
  EXPECT_NE(rest.find("OPTIONS / 127.0.0.1"), std::string::npos) << rest;
  EXPECT_NE(rest.find("Connection: close"), std::string::npos);
}

TEST(HttpServer, the_length_of_a_body_that_was_not_made_is_not_told) {
  Serving serving(local(), {}, [](HttpRequest) -> Task<HttpResponse> { co_return HttpResponse(); });
  auto s = RawSocket::connect(serving.port());
  s.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\nOPTIONS / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto all = s.receive();
  const auto end = all.find("\r\n\r\n");
  EXPECT_EQ(all.substr(0, end).find("Content-Length"), std::string::npos) << all;
  EXPECT_NE(all.find("Content-Length: 0\r\n", end), std::string::npos) << all;
}

TEST(HttpServer, closes_after_an_http_1_0_request) {
  Serving serving(local());
  auto s = RawSocket::connect(serving.port());
  s.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(s.receive().starts_with("HTTP/1.1 200 OK"));
}

TEST(HttpServer, takes_a_body_after_100_continue) {
  Serving serving(local());
  auto s = RawSocket::connect(serving.port());
  s.send("PATCH /config HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_TRUE(s.receive("\r\n\r\n").starts_with("HTTP/1.1 100 Continue"));
  s.send("body");
  EXPECT_NE(s.receive("body").find("PATCH /config 127.0.0.1 body"), std::string::npos);
}

TEST(HttpServer, refuses_what_is_too_large_or_broken) {
  auto options = local();
  options.max_header_bytes = 1024;
  options.max_body_bytes = 100;
  Serving serving(options);
  const auto ask = [&](const std::string& bytes) {
    auto s = RawSocket::connect(serving.port());
    s.send(bytes);
    return s.receive().substr(0, 12);
  };
  EXPECT_EQ(ask("GET / HTTP/1.1\r\nX: " + std::string(3000, 'x') + "\r\n\r\n"), "HTTP/1.1 431");
  EXPECT_EQ(ask("PUT / HTTP/1.1\r\nContent-Length: 101\r\n\r\n"), "HTTP/1.1 413");
  EXPECT_EQ(ask("nonsense\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(ask("GET /throw HTTP/1.1\r\nConnection: close\r\n\r\n"), "HTTP/1.1 500");
}

/// Closed with bytes unread, the connection would be reset and the answer lost with it.
TEST(HttpServer, who_sends_too_much_still_gets_the_answer) {
  auto options = local();
  options.max_body_bytes = 100;
  Serving serving(options);
  for (int i = 0; i < 20; ++i) {
    auto s = RawSocket::connect(serving.port());
    s.send("PUT / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + std::string(1000000, 'x'));
    const auto answer = s.receive();
    ASSERT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
  }
}

/// Of the body of one request nothing is taken for another one.
TEST(HttpServer, what_comes_with_a_get_is_dropped) {
  Serving serving(local());
  auto s = RawSocket::connect(serving.port());
  s.send(
      "GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 31\r\n\r\nPOST /reload HTTP/1.1\r\nA: b\r\n\r\n"
      "GET /b HTTP/1.1\r\nConnection: close\r\n\r\n");
  const auto all = s.receive();
  EXPECT_EQ(all.find("POST"), std::string::npos) << all;
  EXPECT_NE(all.find("GET /a 127.0.0.1 HTTP/1.1"), std::string::npos) << all;
  EXPECT_NE(all.find("GET /b 127.0.0.1 "), std::string::npos) << all;
}

TEST(HttpServer, a_request_with_a_transfer_encoding_is_refused_and_harms_nobody) {
  Serving serving(local());
  const std::string header = "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  auto at_once = RawSocket::connect(serving.port());
  at_once.send(header + "0\r\n");
  EXPECT_TRUE(at_once.receive().starts_with("HTTP/1.1 411 Length Required\r\n"));
  auto in_pieces = RawSocket::connect(serving.port());
  for (const char c : header) in_pieces.send(std::string(1, c));
  const auto answer = in_pieces.receive();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 411 ")) << answer;
  EXPECT_NE(answer.find("Connection: close"), std::string::npos) << answer;
  auto next = RawSocket::connect(serving.port());
  next.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(next.receive().starts_with("HTTP/1.1 200 OK"));
}

TEST(HttpServer, closes_idle_and_half_sent_connections) {
  auto options = local();
  options.idle_timeout = 50ms;
  options.request_timeout = 50ms;
  Serving serving(options);
  auto idle = RawSocket::connect(serving.port());
  EXPECT_EQ(idle.receive(), "");
  auto half = RawSocket::connect(serving.port());
  half.send("GET / HT");
  EXPECT_EQ(half.receive(), "");
}

TEST(HttpServer, makes_room_by_closing_the_longest_idle_connection) {
  auto options = local();
  options.max_connections = 2;
  options.reserved_connections = 0;
  Serving serving(options);
  auto first = RawSocket::connect(serving.port());
  first.send("GET / HTTP/1.1\r\n\r\n");
  first.receive("127.0.0.1 ");
  auto second = RawSocket::connect(serving.port());
  second.send("GET / HTTP/1.1\r\n\r\n");
  second.receive("127.0.0.1 ");
  auto third = RawSocket::connect(serving.port());
  third.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_NE(third.receive("127.0.0.1 ").find("200 OK"), std::string::npos);
  EXPECT_EQ(first.receive(), "");
}

/// Keeps as many connections open as asked, each with one byte of a request, and opens another for each that
/// is closed.
class Silencer {
 public:
  /// `addresses`: how many, from the first one on.
  Silencer(int port, std::size_t connections, std::string first, std::size_t addresses = 1) {
    std::promise<void> all_there;
    auto ready = all_there.get_future();
    thread_ =
        std::thread([this, port, connections, first, addresses, all_there = std::move(all_there)]() mutable {
          const std::string network = first.substr(0, first.rfind('.') + 1);
          const std::size_t host = std::stoul(first.substr(network.size()));
          const auto from = [&](std::size_t i) { return network + std::to_string(host + i % addresses); };
          std::vector<RawSocket> open;
          std::vector<pollfd> watched;
          for (bool told = false; !stop_; told = true) {
            for (std::size_t i = 0; i < connections; ++i) {
              if (i < open.size() && watched[i].revents == 0) continue;
              auto next = RawSocket::connect(port, from(i).c_str());
              next.send("G");
              if (i < open.size()) {
                open[i] = std::move(next);
              } else {
                open.push_back(std::move(next));
              }
            }
            if (!told) all_there.set_value();
            watched.clear();
            for (const auto& socket : open) watched.push_back({socket.fd(), POLLIN, 0});
            (void)::poll(watched.data(), watched.size(), 20);
          }
        });
    ready.wait();
  }
  ~Silencer() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

/// A tenth of what is usual, so that both sides fit one process.
HttpServerOptions small() {
  auto options = local();
  options.max_connections = 50;
  options.max_per_address = 12;
  options.reserved_connections = 3;
  return options;
}

/// On a busy machine an asker may be held up between its connection and its request, and be the oldest of
/// those who ask nothing by then: so each may try again.
int answered_of(int asked, int port, const char* from) {
  int out = 0;
  for (int i = 0; i < asked; ++i) {
    for (int attempt = 1; attempt <= 10; ++attempt) {
      auto s = RawSocket::connect(port, from);
      s.send("GET /primary HTTP/1.0\r\n\r\n");
      if (!s.receive().starts_with("HTTP/1.1 200 OK")) continue;
      ++out;
      break;
    }
  }
  return out;
}

TEST(HttpServer, one_client_that_asks_nothing_keeps_nobody_out) {
  auto options = small();
  options.host = "0.0.0.0";
  options.favours = [](const std::string& ip) { return ip == "127.0.0.1"; };
  Serving serving(options);
  const Silencer silencer(serving.port(), 60, "127.0.0.9");
  EXPECT_EQ(answered_of(50, serving.port(), "127.0.0.2"), 50) << "another address";
  EXPECT_EQ(answered_of(50, serving.port(), "127.0.0.1"), 50) << "probes of this host";
  EXPECT_EQ(answered_of(50, serving.port(), "127.0.0.9"), 50) << "whoever shares its address";
}

/// As it is configured for everybody, from 250 addresses, each with eight.
TEST(HttpServer, nor_do_two_thousand_connections_of_many) {
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  if (files.rlim_max < 4096) GTEST_SKIP() << "only " << files.rlim_max << " descriptors are allowed";
  const rlimit more{.rlim_cur = files.rlim_max, .rlim_max = files.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &more), 0);
  auto options = local();
  options.host = "0.0.0.0";
  options.favours = [](const std::string& ip) { return ip == "127.0.0.1"; };
  Serving serving(options);
  const Silencer silencer(serving.port(), 2000, "127.0.3.1", 250);
  EXPECT_EQ(answered_of(5, serving.port(), "127.0.0.1"), 5) << "probes of this host";
  EXPECT_EQ(answered_of(3, serving.port(), "127.0.0.2"), 3) << "another address";
  std::size_t open = 0;
  serving.at_server([&] { open = serving.server().connections(); });
  EXPECT_LE(open, options.max_connections + options.reserved_connections + 1);
  ::setrlimit(RLIMIT_NOFILE, &files);
}

TEST(HttpServer, nor_does_one_on_this_host) {
  Serving serving(small());
  const Silencer silencer(serving.port(), 60, "127.0.0.1");
  EXPECT_EQ(answered_of(50, serving.port(), "127.0.0.1"), 50);
}

TEST(HttpServer, a_handshake_that_does_not_go_on_makes_room_at_once) {
  Certificates files;
  auto options = local();
  options.max_connections = 2;
  options.reserved_connections = 0;
  TlsOptions tls;
  tls.cert_file = files.path("server.crt");
  tls.key_file = files.path("server.key");
  options.tls = load_server_tls(tls, ClientCertificates::ignored).value();
  Serving serving(options);
  auto first = RawSocket::connect(serving.port());
  first.send("\x16");
  auto second = RawSocket::connect(serving.port());
  second.send("\x16");
  auto third = RawSocket::connect(serving.port());
  third.send("\x16");
  EXPECT_EQ(first.receive(), "") << "closed long before its time";
}

TEST(HttpServer, every_ipv6_address_is_every_address) {
  auto options = local();
  options.host = "::";
  Serving serving(options);
  if (!serving.started()) GTEST_SKIP() << "no IPv6 on this host: " << serving.started().error();
  auto s = RawSocket::connect(serving.port());
  s.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_NE(s.receive().find("GET / 127.0.0.1"), std::string::npos);
}

TEST(HttpServer, listens_on_both_families_when_no_host_is_given) {
  HttpServerOptions options;
  options.host = "*";
  Serving serving(options);
  ASSERT_TRUE(serving.started());
  auto s = RawSocket::connect(serving.port());
  s.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_NE(s.receive().find("GET / 127.0.0.1"), std::string::npos);
}

TEST(HttpServer, a_port_in_use_is_an_error_that_names_it) {
  Serving serving(local());
  auto options = local();
  options.port = serving.port();
  Serving second(options);
  ASSERT_FALSE(second.started());
  EXPECT_EQ(second.started().error(), "could not bind 127.0.0.1:" + std::to_string(options.port) +
                                          ": Address already in use (errno 98)");
}

TEST(HttpServer, tls_with_and_without_a_client_certificate) {
  Certificates files;
  auto options = local();
  TlsOptions server_tls;
  server_tls.ca_file = files.path("ca.crt");
  server_tls.cert_file = files.path("server.crt");
  server_tls.key_file = files.path("server.key");
  options.tls = load_server_tls(server_tls, ClientCertificates::requested).value();
  Serving serving(options);
  ASSERT_TRUE(serving.started()) << serving.started().error();

  boost::asio::io_context io;
  SystemClock clock;
  const auto ask = [&](TlsOptions tls, const std::string& host = "127.0.0.1") {
    HttpClientOptions client_options;
    client_options.tls = tls;
    HttpClient client(io.get_executor(), clock, client_options);
    const Endpoint endpoint{host, serving.port(), true};
    return tanist::test::run(io, client.request(endpoint, HttpRequest(), clock.now() + 5s));
  };
  TlsOptions plain;
  plain.ca_file = files.path("ca.crt");
  auto answer = ask(plain);
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->body, "GET / 127.0.0.1 ");

  TlsOptions with_certificate = plain;
  with_certificate.cert_file = files.path("client.crt");
  with_certificate.key_file = files.path("client.key");
  EXPECT_EQ(ask(with_certificate)->body, "GET / 127.0.0.1  cert");

  auto strangers = ask(TlsOptions());
  ASSERT_FALSE(strangers);
  EXPECT_EQ(strangers.error().kind, HttpErrorKind::tls);
  EXPECT_FALSE(strangers.error().sent);
  EXPECT_NE(strangers.error().detail.find("certificate"), std::string::npos) << strangers.error().detail;

  TlsOptions trusting;
  trusting.verify = false;
  EXPECT_TRUE(ask(trusting));

  TlsOptions missing;
  missing.ca_file = "/nonexistent/ca.crt";
  EXPECT_NE(ask(missing).error().detail.find("cannot use CA file /nonexistent/ca.crt"), std::string::npos);
}

TEST(HttpServer, a_client_without_the_required_certificate_is_refused_in_the_handshake) {
  Certificates files;
  auto options = local();
  TlsOptions tls;
  tls.ca_file = files.path("ca.crt");
  tls.cert_file = files.path("server.crt");
  tls.key_file = files.path("server.key");
  options.tls = load_server_tls(tls, ClientCertificates::required).value();
  Serving serving(options);
  EXPECT_EQ(files.get(serving.port(), "client"), "GET / 127.0.0.1  cert");
  EXPECT_EQ(files.get(serving.port(), ""), "");
}

TEST(HttpServer, new_certificates_serve_new_connections_and_end_idle_ones) {
  Certificates files;
  auto options = local();
  Serving serving(options);
  auto idle = RawSocket::connect(serving.port());
  idle.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(idle.receive("GET /1 ").starts_with("HTTP/1.1 200"));
  TlsOptions tls;
  tls.cert_file = files.path("server.crt");
  tls.key_file = files.path("server.key");
  const auto context = load_server_tls(tls, ClientCertificates::ignored).value();
  serving.at_server([&] { serving.server().use_tls(context); });
  idle.receive();  // the end of the connection
  EXPECT_EQ(files.get(serving.port(), ""), "GET / 127.0.0.1 ");
  const auto same = load_server_tls(tls, ClientCertificates::ignored).value();
  EXPECT_EQ(same->fingerprint, context->fingerprint);
  const auto asking = load_server_tls(tls, ClientCertificates::requested).value();
  EXPECT_NE(asking->fingerprint, context->fingerprint);
}

/// Whoever asks on a kept connection while the certificate is renewed gets an answer, and the new certificate
/// with the next connection.
TEST(HttpServer, a_renewed_certificate_drops_no_connection) {
  Certificates files;
  const auto load = [&](const std::string& who, ClientCertificates clients) {
    TlsOptions tls;
    tls.ca_file = files.path("ca.crt");
    tls.cert_file = files.path(who + ".crt");
    tls.key_file = files.path(who + ".key");
    return load_server_tls(tls, clients).value();
  };
  auto options = local();
  options.tls = load("server", ClientCertificates::requested);
  Serving serving(options);
  boost::asio::io_context io;
  SystemClock clock;
  HttpClientOptions client_options;
  client_options.tls.ca_file = files.path("ca.crt");
  HttpClient client(io.get_executor(), clock, client_options);
  const auto ask = [&](const std::string& method) {
    HttpRequest request;
    request.method = method;  // a POST is not tried again
    const auto answer = tanist::test::run(
        io, client.request({"127.0.0.1", serving.port(), true}, std::move(request), clock.now() + 5s));
    return answer && answer->status == 200;
  };
  EXPECT_TRUE(ask("POST"));
  EXPECT_EQ(client.connections_opened(), 1u);
  const auto renewed = load("client", ClientCertificates::requested);
  serving.at_server([&] { serving.server().use_tls(renewed); });
  EXPECT_TRUE(ask("POST"));
  EXPECT_EQ(client.connections_opened(), 1u) << "the kept connection had its answer";
  EXPECT_TRUE(ask("POST"));
  EXPECT_EQ(client.connections_opened(), 2u) << "and ended with it";
  const auto stricter = load("client", ClientCertificates::required);
  EXPECT_NE(stricter->trust, renewed->trust);
  serving.at_server([&] { serving.server().use_tls(stricter); });
  EXPECT_FALSE(ask("POST")) << "others are let in now";
}

/// The moment in which an answer goes out is neither waiting nor working: a connection that was let in before
/// has that answer, and is not heard again.
TEST(HttpServer, who_is_no_longer_let_in_is_not_heard_after_an_answer_that_was_going_out) {
  Certificates files;
  auto options = local();
  options.max_body_bytes = 32 * 1024 * 1024;
  Serving serving(options);
  auto client = RawSocket::connect(serving.port());
  const std::string body = std::string(24 * 1024 * 1024, 'x') + "the end";  // more than a socket takes unread
  client.send("POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
              body);
  EXPECT_TRUE(client.receive("POST /1 ").starts_with("HTTP/1.1 200"));
  TlsOptions tls;
  tls.cert_file = files.path("server.crt");
  tls.key_file = files.path("server.key");
  const auto context = load_server_tls(tls, ClientCertificates::ignored).value();
  serving.at_server([&] { serving.server().use_tls(context); });
  const std::string rest = client.receive();  // to the end of the connection
  EXPECT_TRUE(rest.ends_with("the end")) << rest.substr(rest.size() - std::min<std::size_t>(rest.size(), 50));
}

TEST(HttpServer, what_cannot_be_served_with_is_named) {
  Certificates files;
  const auto error = [](const TlsOptions& tls) {
    const auto loaded = load_server_tls(tls, ClientCertificates::ignored);
    return loaded ? std::string() : loaded.error();
  };
  TlsOptions tls;
  tls.cert_file = files.path("server.crt");
  tls.key_file = files.path("client.key");
  EXPECT_TRUE(error(tls).starts_with("cannot use key file " + tls.key_file + ": ")) << error(tls);
  tls.key_file = files.path("locked.key");
  tls.key_password = Secret("wrong");
  EXPECT_TRUE(error(tls).starts_with("cannot use key file " + tls.key_file + ": ")) << error(tls);
  tls.key_password = Secret("sesame");
  EXPECT_EQ(error(tls), "");
  tls.ciphers = "ECDHE+AESGCM";
  EXPECT_EQ(error(tls), "");
  tls.ciphers = "no-such-cipher";
  EXPECT_EQ(error(tls), "cannot use the ciphers 'no-such-cipher': none of them is known");
}

/// Ends `server` after it was given `turns` of the loop to take a connection.
Task<void> stop_after(HttpServer* server, int turns) {
  for (int i = 0; i < turns; ++i) {
    auto turn = boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
    co_await std::move(turn);
  }
  co_await server->stop();
}

TEST(HttpServer, stops_at_any_moment_of_an_arriving_connection) {
  for (int turns = 0; turns < 12; ++turns) {
    boost::asio::io_context io{1};
    SystemClock clock;
    HttpServer server(io.get_executor(), clock, local(), echo);
    ASSERT_TRUE(tanist::test::run(io, server.start()));
    std::vector<RawSocket> clients;
    for (int i = 0; i < 3; ++i) clients.push_back(RawSocket::connect(server.port()));
    tanist::test::run(io, stop_after(&server, turns));
    EXPECT_EQ(server.connections(), 0u);
  }
}

Task<std::optional<HttpResponse>> only_known(HttpRequest request) {
  HttpResponse refusal;
  refusal.status = 403;
  refusal.body = request.body + "not you";
  co_return request.headers.find("X-Known") ? std::nullopt : std::optional(refusal);
}

TEST(HttpServer, the_doorkeeper_answers_before_the_body_is_read) {
  Serving serving(local(), only_known);
  auto socket = RawSocket::connect(serving.port());
  socket.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  const std::string refused = socket.receive();
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 403")) << refused;
  EXPECT_TRUE(refused.ends_with("not you")) << refused;

  // A body that comes all the same is skipped, and the connection goes on.
  auto other = RawSocket::connect(serving.port());
  other.send("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  const std::string skipped = other.receive("not you");
  EXPECT_TRUE(skipped.starts_with("HTTP/1.1 403")) << skipped;
  EXPECT_TRUE(skipped.ends_with("\r\n\r\nnot you")) << skipped;
  other.send("POST /c HTTP/1.1\r\nHost: x\r\nX-Known: 1\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_NE(other.receive("hello").find("POST /c 127.0.0.1 hello"), std::string::npos);
  other.send("GET /d HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(other.receive("GET /d").starts_with("HTTP/1.1 200"));
}

}  // namespace
}  // namespace tanist::net
