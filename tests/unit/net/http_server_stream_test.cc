#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "async/clock.h"
#include "async/event.h"
#include "net/http.h"
#include "unit/net/raw_peer.h"
#include "unit/net/serving.h"

/// Answers that do not end.
namespace tanist::net {
namespace {

using namespace std::chrono_literals;
using test::RawSocket;

HttpServerOptions on_loopback() {
  HttpServerOptions out;
  out.host = "127.0.0.1";
  out.server_name = "tanist";
  return out;
}

/// Counts up, each time it is let.
class Counting final : public HttpBody {
 public:
  explicit Counting(std::atomic<int>& alive, std::size_t size = 1, int last = 1000)
      : alive_(alive), size_(size), last_(last) {
    ++alive_;
  }
  ~Counting() override { --alive_; }
  Task<std::string> next() override {
    if (n_ == last_) co_return std::string();
    if (n_ == 2 && last_ == 1000) {
      Event never;
      co_await never.wait();
    }
    co_return std::string(size_, static_cast<char>('a' + n_++ % 26));
  }

 private:
  std::atomic<int>& alive_;
  std::size_t size_;
  int last_;
  int n_ = 0;
};

class HttpServerStream : public ::testing::Test {
 protected:
  void serve(HttpServerOptions options = on_loopback()) {
    options.idle_timeout = 300ms;
    const auto answer = [this](HttpRequest request) { return begin(this, std::move(request)); };
    serving = std::make_unique<test::Serving>(std::move(options), answer);
  }
  static Task<HttpResponse> begin(HttpServerStream* self, HttpRequest request) {
    HttpResponse out;
    if (request.path() == "/plain") co_return out;
    const std::size_t size = request.path() == "/large" ? 1 << 20 : 3;
    out.stream = std::make_shared<Counting>(self->alive, size, request.path() == "/waits" ? 1000 : 999);
    if (request.path() == "/short") out.stream = std::make_shared<Counting>(self->alive, size, 2);
    co_return out;
  }
  bool all_gone() {
    const Instant end = BootClock::now() + 5s;
    while (alive != 0 && BootClock::now() < end) std::this_thread::yield();
    return alive == 0;
  }

  std::atomic<int> alive = 0;
  std::unique_ptr<test::Serving> serving;
};

TEST_F(HttpServerStream, goes_out_in_chunks_as_it_is_made) {
  serve();
  auto s = RawSocket::connect(serving->port());
  s.send("GET /short HTTP/1.1\r\nHost: x\r\n\r\nGET /plain HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto all = s.receive();
  EXPECT_NE(all.find("Transfer-Encoding: chunked\r\n"), std::string::npos) << all;
  EXPECT_NE(all.find("Connection: close\r\n\r\n3\r\naaa\r\n3\r\nbbb\r\n0\r\n\r\n"), std::string::npos) << all;
  EXPECT_EQ(all.find("Content-Length"), std::string::npos) << all;
  EXPECT_TRUE(all.ends_with("0\r\n\r\n")) << "nothing may follow it: " << all;
  EXPECT_TRUE(all_gone());
}

TEST_F(HttpServerStream, goes_to_the_end_of_the_connection_for_http_1_0) {
  serve();
  auto s = RawSocket::connect(serving->port());
  s.send("GET /short HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const auto all = s.receive();
  EXPECT_TRUE(all.ends_with("Connection: close\r\n\r\naaabbb")) << all;
  EXPECT_EQ(all.find("chunked"), std::string::npos) << all;
}

TEST_F(HttpServerStream, a_head_has_no_body) {
  serve();
  auto s = RawSocket::connect(serving->port());
  s.send("HEAD /waits HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(s.receive().ends_with("Connection: close\r\n\r\n"));
  EXPECT_TRUE(all_gone());
}

/// Longer than a connection without a request may last, and as long as its client is there.
TEST_F(HttpServerStream, lasts_until_its_client_goes) {
  serve();
  auto s = RawSocket::connect(serving->port());
  s.send("GET /waits HTTP/1.1\r\nHost: x\r\n\r\n");
  s.receive("bbb\r\n");
  s.send("whatever it says");
  auto other = RawSocket::connect(serving->port());
  // Closed for its idleness, by the same look at all connections.
  EXPECT_EQ(other.receive(), "");
  EXPECT_EQ(alive, 1);
  s.close();
  EXPECT_TRUE(all_gone());
}

TEST_F(HttpServerStream, a_client_that_does_not_take_it_is_dropped) {
  auto options = on_loopback();
  options.request_timeout = 200ms;
  serve(options);
  auto s = RawSocket::connect(serving->port());
  s.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  s.receive("chunked");
  EXPECT_TRUE(all_gone());
}

TEST_F(HttpServerStream, makes_room_for_others) {
  auto options = on_loopback();
  options.max_connections = 1;
  options.reserved_connections = 0;
  serve(options);
  auto s = RawSocket::connect(serving->port());
  s.send("GET /waits HTTP/1.1\r\nHost: x\r\n\r\n");
  s.receive("bbb\r\n");
  auto other = RawSocket::connect(serving->port());
  other.send("GET /plain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(other.receive().starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(all_gone());
}

TEST_F(HttpServerStream, ends_with_the_server) {
  serve();
  auto s = RawSocket::connect(serving->port());
  s.send("GET /waits HTTP/1.1\r\nHost: x\r\n\r\n");
  s.receive("bbb\r\n");
  serving.reset();
  EXPECT_EQ(alive, 0);
  EXPECT_FALSE(s.receive().ends_with("<timeout>"));
}

}  // namespace
}  // namespace tanist::net
