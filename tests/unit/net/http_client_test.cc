#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <latch>

#include "contract/run_task.h"
#include "net/http.h"
#include "unit/net/certificates.h"
#include "unit/net/raw_peer.h"
#include "unit/net/serving.h"

namespace tanist::net {
namespace {

using namespace std::chrono_literals;
using test::RawServer;
using test::RawSocket;

class HttpClientTest : public ::testing::Test {
 protected:
  auto ask(Endpoint endpoint, HttpRequest request, Duration within = 5s) {
    return tanist::test::run(io, client.request(endpoint, std::move(request), clock.now() + within));
  }
  static HttpRequest get(std::string target) {
    HttpRequest out;
    out.target = std::move(target);
    return out;
  }
  static HttpRequest post(std::string body) {
    HttpRequest out;
    out.method = "POST";
    out.body = std::move(body);
    return out;
  }

  boost::asio::io_context io{1};
  SystemClock clock;
  HttpClient client{io.get_executor(), clock};
};

TEST_F(HttpClientTest, a_connection_is_used_again) {
  RawServer server([](RawSocket& s, int) {
    while (s.receive("\r\n\r\n").find("GET") != std::string::npos) {
      s.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  for (int i = 0; i < 3; ++i) {
    auto answer = ask({"127.0.0.1", server.port()}, get("/x"));
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->body, "ok");
  }
  EXPECT_EQ(client.connections_opened(), 1u);
  client.close_idle();
}

TEST_F(HttpClientTest, a_refused_connection_was_not_sent) {
  int port = 0;
  {
    RawServer gone([](RawSocket&, int) {});
    port = gone.port();
  }
  auto answer = ask({"127.0.0.1", port}, post("x"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, HttpErrorKind::connect);
  EXPECT_FALSE(answer.error().sent);
  EXPECT_NE(answer.error().detail.find("Connection refused"), std::string::npos) << answer.error().detail;
}

TEST_F(HttpClientTest, a_lost_reply_is_told_from_a_request_not_sent) {
  RawServer server([](RawSocket& s, int) { s.receive("body"); });
  auto answer = ask({"127.0.0.1", server.port()}, post("body"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, HttpErrorKind::closed);
  EXPECT_TRUE(answer.error().sent);
  EXPECT_EQ(client.connections_opened(), 1u) << "a POST must not be repeated";
}

TEST_F(HttpClientTest, a_get_on_a_kept_connection_that_dies_is_repeated_once) {
  RawServer server([](RawSocket& s, int i) {
    s.receive("\r\n\r\n");
    s.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + std::to_string(i));
    if (i == 0) s.receive("\r\n\r\n");  // takes the second request and dies without an answer
  });
  EXPECT_EQ(ask({"127.0.0.1", server.port()}, get("/"))->body, "0");
  EXPECT_EQ(ask({"127.0.0.1", server.port()}, get("/"))->body, "1");
}

TEST_F(HttpClientTest, the_deadline_ends_a_call_that_gets_no_answer) {
  RawServer server([](RawSocket& s, int) { s.receive(); });
  const Instant begin = clock.now();
  auto answer = ask({"127.0.0.1", server.port()}, post("x"), 80ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, HttpErrorKind::timeout);
  EXPECT_TRUE(answer.error().sent);
  EXPECT_LT(clock.now() - begin, 1s);
  auto late = ask({"127.0.0.1", server.port()}, post("x"), -1ms);
  EXPECT_FALSE(late.error().sent);
}

Task<HttpResponse> yes(HttpRequest) {
  co_return HttpResponse{};
}

class HttpsClientTest : public HttpClientTest {
 protected:
  void SetUp() override {
    HttpServerOptions serve;
    serve.host = "127.0.0.1";
    TlsOptions own;
    own.cert_file = files.path("server.crt");
    own.key_file = files.path("server.key");
    serve.tls = load_server_tls(own, ClientCertificates::ignored).value();
    server.emplace(serve, yes);
    options.tls.ca_file = files.path("ca.crt");
    client.set_options(options);
  }
  auto ask_server(Duration within = 5s) { return ask({"127.0.0.1", server->port(), true}, get("/"), within); }
  /// The CA's file from now on.
  void write_ca(const std::string& text) { std::ofstream(files.path("ca.crt")) << text; }
  auto renew() { return tanist::test::run(io, client.renew_tls(clock.now() + 5s)); }

  test::Certificates files;
  HttpClientOptions options;
  std::optional<test::Serving> server;
};

TEST_F(HttpsClientTest, files_of_certificates_are_read_again_when_told_to_and_not_with_other_options) {
  ASSERT_TRUE(ask_server());
  write_ca("half a cert");
  options.keepalive.idle = 7s;
  client.set_options(options);
  auto answer = ask_server();
  EXPECT_TRUE(answer) << answer.error().detail;

  const auto renewed = renew();
  ASSERT_FALSE(renewed);
  EXPECT_NE(renewed.error().find("cannot use CA file " + files.path("ca.crt")), std::string::npos)
      << renewed.error();
  client.close_idle();
  EXPECT_TRUE(ask_server()) << "what was loaded before goes on";

  // Another CA, which did not sign the server.
  const test::Certificates others;
  std::filesystem::copy_file(others.path("ca.crt"), files.path("ca.crt"),
                             std::filesystem::copy_options::overwrite_existing);
  ASSERT_TRUE(renew());
  answer = ask_server();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, HttpErrorKind::tls);
}

TEST_F(HttpsClientTest, a_file_that_hangs_holds_up_nobody_but_who_needs_it) {
  std::filesystem::remove(files.path("ca.crt"));
  ASSERT_EQ(::mkfifo(files.path("ca.crt").c_str(), 0600), 0);
  const Instant begin = clock.now();
  const auto answer = ask_server(80ms);
  ASSERT_FALSE(answer);
  EXPECT_LT(clock.now() - begin, 1s);
  // Lets the thread that reads it go.
  const int fd = ::open(files.path("ca.crt").c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ::close(fd);
}

TEST_F(HttpClientTest, an_unknown_name_says_so) {
  auto answer = ask({"no-such-host.invalid", 80}, get("/"));
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().kind == HttpErrorKind::resolve || answer.error().kind == HttpErrorKind::timeout);
  EXPECT_NE(answer.error().detail.find("no-such-host.invalid"), std::string::npos);
}

TEST_F(HttpClientTest, what_is_no_http_is_a_protocol_error) {
  RawServer server([](RawSocket& s, int) {
    s.receive("\r\n\r\n");
    s.send("SSH-2.0-OpenSSH_9.2\r\n\r\n");
  });
  auto answer = ask({"127.0.0.1", server.port()}, get("/"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, HttpErrorKind::protocol);
}

TEST_F(HttpClientTest, a_body_without_a_length_ends_with_the_connection) {
  RawServer server([](RawSocket& s, int) {
    s.receive("\r\n\r\n");
    s.send("HTTP/1.0 200 OK\r\n\r\nall of it");
  });
  auto answer = ask({"127.0.0.1", server.port()}, get("/"));
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->body, "all of it");
}

TEST_F(HttpClientTest, a_stream_gives_what_has_come_and_survives_a_deadline) {
  std::latch go(1);
  RawServer server([&](RawSocket& s, int) {
    s.receive("\r\n\r\n");
    s.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    go.wait();
    s.send("6\r\nsecond\r\n0\r\n\r\n");
  });
  auto opened =
      tanist::test::run(io, client.stream({"127.0.0.1", server.port()}, get("/"), clock.now() + 5s));
  ASSERT_TRUE(opened) << opened.error().detail;
  HttpStream stream = std::move(*opened);
  EXPECT_EQ(stream.status(), 200);
  EXPECT_EQ(tanist::test::run(io, stream.read_some(clock.now() + 5s)).value(), "first");
  auto nothing = tanist::test::run(io, stream.read_some(clock.now() + 30ms));
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().kind, HttpErrorKind::timeout);
  go.count_down();
  EXPECT_EQ(tanist::test::run(io, stream.read_some(clock.now() + 5s)).value(), "second");
  EXPECT_EQ(tanist::test::run(io, stream.read_some(clock.now() + 5s)).value(), "");
  stream.close();
}

}  // namespace
}  // namespace tanist::net
