#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <future>
#include <thread>

#include "contract/run_task.h"
#include "net/http.h"

namespace tanist::net::test {

/// A server on a thread of its own, so that tests can talk to it with blocking calls.
class Serving {
 public:
  Serving(HttpServerOptions options, HttpServer::Handler handler, HttpServer::Doorkeeper doorkeeper = {})
      : server_(io_.get_executor(), clock_, std::move(options), std::move(handler), std::move(doorkeeper)) {
    started_ = tanist::test::run(io_, server_.start());
    thread_ = std::thread([this] { io_.restart(), io_.run(); });
  }
  ~Serving() {
    boost::asio::co_spawn(io_, server_.stop(), [](std::exception_ptr) {});
    thread_.join();
  }
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

  const std::expected<void, std::string>& started() const { return started_; }
  int port() const { return server_.port(); }
  HttpServer& server() { return server_; }
  /// Runs on the server's thread, and returns when it has.
  void at_server(std::function<void()> what) {
    std::promise<void> done;
    boost::asio::post(io_, [&] {
      what();
      done.set_value();
    });
    done.get_future().wait();
  }

 private:
  boost::asio::io_context io_{1};
  SystemClock clock_;
  HttpServer server_;
  std::expected<void, std::string> started_;
  std::thread thread_;
};

}  // namespace tanist::net::test
