#include "api/server.h"

#include <pthread.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <future>
#include <system_error>
#include <thread>

#include "api/listener.h"
#include "api/preferred_clients.h"
#include "api/resources.h"
#include "async/event.h"
#include "async/task_scope.h"
#include "core/format.h"

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
  /// On the api thread only.
  Event wake;
  bool stopping = false;
  config::SettingsPtr reloaded;
  std::thread thread;
  std::future<std::expected<int, std::string>> listening;
  int port = 0;

  using Started = std::promise<std::expected<int, std::string>>;

  static Task<void> serve(Impl* self, Started* started) {
    Resources resources(self->io->get_executor(), self->clock, self->board, self->options.settings,
                        guarded(self->options.control, self->io));
    net::HttpServerOptions limits = self->options.http;
    if (!limits.favours)
      limits.favours = [preferred = std::make_shared<PreferredClients>(self->board)](const std::string& ip) {
        return (*preferred)(ip);
      };
    Listener listener(
        self->io->get_executor(), self->clock, std::move(limits),
        [&resources](net::HttpRequest request) { return resources.answer(std::move(request)); },
        [&resources](net::HttpRequest request) { return resources.admit(std::move(request)); });
    const auto listening = co_await listener.start(self->options.settings->restapi);
    if (!listening) {
      started->set_value(std::unexpected(listening.error()));
      co_return;
    }
    started->set_value(listener.port());
    TaskScope scope(self->io->get_executor());
    scope.spawn("rest api names", resources.live());
    while (!self->stopping) {
      if (const auto next = std::exchange(self->reloaded, nullptr)) {
        resources.use(next->restapi);
        co_await listener.use(next->restapi);
        continue;
      }
      self->wake.clear();
      co_await self->wake.wait();
    }
    co_await scope.close();
    co_await listener.stop();
  }

  template <class T>
  static std::function<void(T)> keeping(std::shared_ptr<asio::io_context> io, std::function<void(T)> done) {
    return [io = std::move(io), done = std::move(done)](T result) { done(std::move(result)); };
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
        ask(deadline, keeping(io, std::move(done)));
      };
    }
    if (control.write) {
      out.write = [ask = control.write, io](dcs::Record record, dcs::Condition condition, Instant deadline,
                                            ControlPort::Written done) {
        ask(std::move(record), condition, deadline, keeping(io, std::move(done)));
      };
    }
    if (control.restart) {
      out.restart = [ask = control.restart, io](ha::RestartOrder order, ControlPort::Restarted done) {
        ask(std::move(order), keeping(io, std::move(done)));
      };
    }
    out.reload = control.reload;
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
  auto begun = begin();
  if (!begun) return begun;
  impl_->listening.wait();
  return *started();
}

std::expected<void, std::string> ApiServer::begin() {
  Impl::Started started;
  impl_->listening = started.get_future();
  try {
    impl_->thread = std::thread(
        [impl = impl_.get(), started = std::move(started)]() mutable { impl->run(std::move(started)); });
  } catch (const std::system_error& e) {
    return std::unexpected(fmt::format("could not start the thread of the REST API: {}", e.what()));
  }
  return {};
}

std::optional<std::expected<void, std::string>> ApiServer::started() {
  if (impl_->listening.wait_for(Duration::zero()) != std::future_status::ready) return std::nullopt;
  auto listening = impl_->listening.get();
  if (!listening) {
    impl_->thread.join();
    return std::unexpected(listening.error());
  }
  impl_->port = *listening;
  return std::expected<void, std::string>();
}

void ApiServer::stop() {
  if (!impl_->thread.joinable()) return;
  asio::post(*impl_->io, [impl = impl_.get()] {
    impl->stopping = true;
    impl->wake.set();
  });
  impl_->thread.join();
}

void ApiServer::reload(config::SettingsPtr settings) {
  if (!impl_->thread.joinable()) return;
  asio::post(*impl_->io, [impl = impl_.get(), settings = std::move(settings)]() mutable {
    impl->reloaded = std::move(settings);
    impl->wake.set();
  });
}

int ApiServer::port() const {
  return impl_->port;
}

}  // namespace tanist::api
