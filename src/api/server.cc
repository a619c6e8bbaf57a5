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
#include "async/wait.h"
#include "core/format.h"

/// The api thread: its start, its loop and its end.
namespace tanist::api {

namespace asio = boost::asio;

namespace {

/// For answers that are on their way when the server is to stop.
constexpr Duration kLastAnswers = std::chrono::milliseconds(500);

/// Signals belong to the control thread.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

struct ApiServer::Impl {
  Impl(ha::SnapshotBoard& board, ha::Mailbox& mailbox, Options options)
      : board(board), mailbox(mailbox), options(std::move(options)) {}

  ha::SnapshotBoard& board;
  ha::Mailbox& mailbox;
  Options options;
  SystemClock clock;
  asio::io_context io{1};
  /// On the api thread only.
  Event wake;
  bool stopping = false;
  config::SettingsPtr reloaded;
  std::thread thread;
  std::future<std::expected<int, std::string>> listening;
  int port = 0;

  using Started = std::promise<std::expected<int, std::string>>;

  static Task<void> serve(Impl* self, Started* started) {
    Resources resources(self->io.get_executor(), self->clock, self->board, self->mailbox,
                        self->options.settings);
    net::HttpServerOptions limits = self->options.http;
    if (!limits.favours)
      limits.favours = [preferred = std::make_shared<PreferredClients>(self->board)](const std::string& ip) {
        return (*preferred)(ip);
      };
    Listener listener(
        self->io.get_executor(), self->clock, std::move(limits),
        [&resources](net::HttpRequest request) { return resources.answer(std::move(request)); },
        [&resources](net::HttpRequest request) { return resources.admit(std::move(request)); });
    const auto listening = co_await listener.start(self->options.settings->restapi);
    if (!listening) {
      started->set_value(std::unexpected(listening.error()));
      co_return;
    }
    started->set_value(listener.port());
    TaskScope scope(self->io.get_executor());
    scope.spawn("rest api background", resources.live());
    while (!self->stopping) {
      if (const auto next = std::exchange(self->reloaded, nullptr)) {
        resources.use(next->restapi);
        co_await listener.use(next->restapi);
        continue;
      }
      self->wake.clear();
      co_await self->wake.wait();
    }
    resources.close();
    co_await run_until(self->clock, resources.idle(), self->clock.now() + kLastAnswers);
    co_await scope.close();
    co_await listener.stop();
  }

  void run(Started started) {
    block_signals();
    pthread_setname_np(pthread_self(), "tanist-api");
    TaskScope scope(io.get_executor());
    scope.spawn("rest api", serve(this, &started));
    io.run();
  }
};

ApiServer::ApiServer(ha::SnapshotBoard& board, ha::Mailbox& mailbox, Options options)
    : impl_(std::make_unique<Impl>(board, mailbox, std::move(options))) {}

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
  asio::post(impl_->io, [impl = impl_.get()] {
    impl->stopping = true;
    impl->wake.set();
  });
  impl_->thread.join();
}

void ApiServer::reload(config::SettingsPtr settings) {
  if (!impl_->thread.joinable()) return;
  asio::post(impl_->io, [impl = impl_.get(), settings = std::move(settings)]() mutable {
    impl->reloaded = std::move(settings);
    impl->wake.set();
  });
}

int ApiServer::port() const {
  return impl_->port;
}

}  // namespace tanist::api
