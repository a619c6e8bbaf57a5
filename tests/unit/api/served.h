#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "api/server.h"
#include "unit/api/described.h"
#include "unit/api/fake_control.h"
#include "unit/api/snapshots.h"
#include "unit/net/raw_peer.h"

/// The REST API served to clients that speak by the byte. Every answer is held against its description.
namespace tanist::api::test {

using namespace std::chrono_literals;
using net::test::RawSocket;

struct Reply {
  int status = 0;
  std::string head;
  std::string body;
};

class Served : public ::testing::Test {
 protected:
  void start() {
    server =
        std::make_unique<ApiServer>(board, mailbox, ApiServer::Options{.settings = settings(), .http = {}});
    const auto started = server->start();
    ASSERT_TRUE(started) << started.error();
  }

  config::SettingsPtr settings() const {
    auto out = test::settings("pga");
    const auto listen = out->restapi.listen;
    out->restapi = rest;
    if (rest.listen.host.empty()) out->restapi.listen = listen;
    return out;
  }
  /// With somebody who takes orders.
  void start(FakeControl control) {
    control_thread = std::make_unique<ControlThread>(mailbox, std::move(control));
    start();
  }
  void reload() { server->reload(settings()); }

  /// What comes true soon.
  static bool until(const std::function<bool()>& condition) {
    const Instant end = BootClock::now() + 5s;
    while (!condition()) {
      if (BootClock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }

  /// 127.0.0.2 is this host, too, and not the address the tests listen on.
  static bool listens_everywhere(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    const bool connected = ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
    ::close(fd);
    return connected;
  }

  Reply ask(const std::string& line) const { return exchange(line, "Connection: close\r\n\r\n"); }
  Reply send(const std::string& line, const std::string& body, const std::string& headers = {}) const {
    return exchange(line, headers + "Connection: close\r\nContent-Length: " + std::to_string(body.size()) +
                              "\r\n\r\n" + body);
  }
  Reply exchange(const std::string& line, const std::string& rest_of_request) const {
    auto socket = RawSocket::connect(server->port());
    socket.send(line + " HTTP/1.1\r\nHost: x\r\n" + rest_of_request);
    const std::string all = socket.receive();
    const auto end = all.find("\r\n\r\n");
    Reply out;
    out.head = all.substr(0, end);
    out.body = end == std::string::npos ? "" : all.substr(end + 4);
    if (all.size() > 12) out.status = std::atoi(all.c_str() + 9);
    const std::string field = "\r\nContent-Type: ";
    const auto at = out.head.find(field);
    const std::string type =
        at == std::string::npos
            ? ""
            : out.head.substr(at + field.size(), out.head.find('\r', at + 2) - at - field.size());
    const std::string method = line.substr(0, line.find(' '));
    // While the socket moves nobody answers.
    if (all.starts_with("HTTP/")) {
      EXPECT_EQ(test::undescribed(method, line.substr(line.find(' ') + 1), out.status, type), "") << line;
    }
    return out;
  }

  /// A snapshot as control publishes it now.
  void publish(ha::Snapshot s) {
    const Instant now = BootClock::now();
    s.lease_until += now - s.published_at;
    s.next_run += now - s.published_at;
    s.published_at = s.cluster_read_at = now;
    if (s.facts.probe) s.facts.probe->asked_at = now;
    board.publish(std::make_shared<ha::Snapshot>(std::move(s)));
  }

  ha::SnapshotBoard board;
  /// Of the settings; an empty listen address is the tests' own.
  config::RestApi rest;
  SystemClock clock;
  ha::Mailbox mailbox{clock, "the daemon has not started yet"};
  std::unique_ptr<ControlThread> control_thread;
  std::unique_ptr<ApiServer> server;
};

}  // namespace tanist::api::test
