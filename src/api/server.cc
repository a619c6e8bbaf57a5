#include "api/server.h"

#include <pthread.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <future>
#include <thread>

#include "api/resources.h"
#include "core/event.h"
#include "core/format.h"
#include "core/task_scope.h"

namespace tanist::api {

namespace asio = boost::asio;

namespace {

/// Signals belong to the control thread.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

struct ApiServer::Impl {
  Impl(ha::SnapshotBoard& board, Options options) : board(board), options(std::move(options)) {}

  ha::SnapshotBoard& board;
  Options options;
  SystemClock clock;
  /// Shared: what control still answers after stop() is posted to it, and never run.
  std::shared_ptr<asio::io_context> io = std::make_shared<asio::io_context>(1);
  /// Set on the api thread only.
  Event stopping;
  std::thread thread;
  int port = 0;

  using Started = std::promise<std::expected<int, std::string>>;

  static Task<void> serve(Impl* self, Started* started) {
    const auto& settings = *self->options.settings;
    ControlPort control = guarded(self->options.control, self->io);
    Resources resources(self->io->get_executor(), self->clock, self->board, self->options.settings,
                        std::move(control));
    net::HttpServerOptions http = self->options.http;
    http.host = settings.restapi.listen.host;
    http.port = settings.restapi.listen.port;
    http.server_name = std::string("Tanist/") + TANIST_VERSION;
    net::HttpServer server(
        self->io->get_executor(), self->clock, std::move(http),
        [&resources](net::HttpRequest request) { return resources.answer(std::move(request)); });
    auto starting = server.start();
    const auto listening = co_await std::move(starting);
    if (!listening) {
      started->set_value(
          std::unexpected(fmt::format("the REST API cannot listen on {}: {}",
                                      config::to_string(settings.restapi.listen), listening.error())));
      co_return;
    }
    started->set_value(server.port());
    auto wait = self->stopping.wait();
    co_await std::move(wait);
    auto stop = server.stop();
    co_await std::move(stop);
  }

  /// Whoever answers for control may do so after stop(): the executor it posts to must still be there.
  static ControlPort guarded(const ControlPort& control, std::shared_ptr<asio::io_context> io) {
    ControlPort out;
    if (control.refresh) {
      out.refresh = [ask = control.refresh, io](Duration max_age, Instant deadline,
                                                ControlPort::Refreshed done) {
        ask(max_age, deadline, [io, done = std::move(done)] { done(); });
      };
    }
    if (control.load) {
      out.load = [ask = control.load, io](Instant deadline, ControlPort::Loaded done) {
        ask(deadline, [io, done = std::move(done)](std::expected<dcs::ClusterPtr, std::string> result) {
          done(std::move(result));
        });
      };
    }
    return out;
  }

  void run(Started started) {
    block_signals();
    pthread_setname_np(pthread_self(), "tanist-api");
    TaskScope scope(io->get_executor());
    scope.spawn("rest api", serve(this, &started));
    io->run();
  }
};

ApiServer::ApiServer(ha::SnapshotBoard& board, Options options)
    : impl_(std::make_unique<Impl>(board, std::move(options))) {}

ApiServer::~ApiServer() {
  stop();
}

std::expected<void, std::string> ApiServer::start() {
  Impl::Started started;
  auto result = started.get_future();
  impl_->thread = std::thread(
      [impl = impl_.get(), started = std::move(started)]() mutable { impl->run(std::move(started)); });
  auto listening = result.get();
  if (!listening) {
    impl_->thread.join();
    return std::unexpected(listening.error());
  }
  impl_->port = *listening;
  return {};
}

void ApiServer::stop() {
  if (!impl_->thread.joinable()) return;
  asio::post(*impl_->io, [impl = impl_.get()] { impl->stopping.set(); });
  impl_->thread.join();
}

int ApiServer::port() const {
  return impl_->port;
}

}  // namespace tanist::api
