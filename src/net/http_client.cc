#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <list>
#include <map>

#include "async/disk_thread.h"
#include "async/wait.h"
#include "core/format.h"
#include "net/as_tuple.h"
#include "net/http.h"
#include "net/message_parser.h"
#include "net/resolver.h"
#include "net/transport.h"

namespace tanist::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t kReadBytes = 16 * 1024;

std::string serialize(const Endpoint& endpoint, const HttpRequest& request) {
  std::string out;
  out.reserve(256 + request.body.size());
  out += request.method;
  out += ' ';
  out += request.target;
  out += " HTTP/1.1\r\n";
  if (request.headers.find("Host") == nullptr) {
    const std::string url = to_string(endpoint);
    out += "Host: " + url.substr(url.find("//") + 2) + "\r\n";
  }
  for (const auto& [name, value] : request.headers.all()) out += name + ": " + value + "\r\n";
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT" ||
      request.method == "PATCH") {
    out += fmt::format("Content-Length: {}\r\n", request.body.size());
  }
  out += "\r\n";
  out += request.body;
  return out;
}

/// What a call has done so far, for the moment its deadline comes.
struct Progress {
  bool sent = false;
  const char* doing = "resolving";
};
using ProgressPtr = std::shared_ptr<Progress>;

}  // namespace

struct HttpClient::Impl {
  struct Connection {
    std::unique_ptr<Transport> transport;
    /// Bytes that were read and not yet parsed.
    std::string unread;
    Instant idle_since{};
    bool reused = false;
  };
  using ConnectionPtr = std::unique_ptr<Connection>;
  template <class T>
  using Answer = std::expected<T, HttpError>;

  Impl(Executor executor, Clock& clock, HttpClientOptions options)
      : executor(std::move(executor)),
        clock(clock),
        options(std::move(options)),
        resolver(this->executor),
        tls(this->options.tls_context) {}

  Executor executor;
  Clock& clock;
  HttpClientOptions options;
  Resolver resolver;
  TlsContextPtr tls;
  /// Reads certificates; there is one only once an https connection was asked for.
  std::unique_ptr<DiskThread> disk;
  std::map<Endpoint, std::list<ConnectionPtr>> idle;
  std::uint64_t opened = 0;

  ConnectionPtr take_idle(const Endpoint& endpoint) {
    auto& kept = idle[endpoint];
    while (!kept.empty()) {
      auto connection = std::move(kept.back());
      kept.pop_back();
      const bool fresh = clock.now() - connection->idle_since < options.max_idle_time;
      if (fresh && connection->unread.empty() && connection->transport->quiet()) {
        connection->reused = true;
        return connection;
      }
    }
    return nullptr;
  }

  void keep(const Endpoint& endpoint, ConnectionPtr connection) {
    connection->idle_since = clock.now();
    auto& kept = idle[endpoint];
    kept.push_back(std::move(connection));
    while (kept.size() > options.max_idle_per_endpoint) kept.pop_front();
  }

  static HttpError error(HttpErrorKind kind, const Endpoint& endpoint, const Progress& progress,
                         std::string_view what) {
    return {kind, progress.sent, fmt::format("{} {}: {}", progress.doing, to_string(endpoint), what)};
  }
  static HttpError io_error(const Endpoint& endpoint, const Progress& progress, const error_code& ec) {
    if (ec == asio::error::operation_aborted) {
      return error(HttpErrorKind::timeout, endpoint, progress, "no answer in time");
    }
    const std::string what = ec == asio::error::eof ? "the connection was closed" : ec.message();
    return error(HttpErrorKind::closed, endpoint, progress, what);
  }

  /// Opens a socket to one address; closes it when the time is up.
  static Task<std::expected<Socket, std::string>> open_socket(Executor executor,
                                                              asio::ip::tcp::endpoint address) {
    Socket socket(executor);
    auto [ec] = co_await socket.async_connect(address, kAsTuple);
    if (ec) co_return std::unexpected(ec.message());
    co_return std::move(socket);
  }

  Task<std::expected<TlsContextPtr, std::string>> load_tls(Instant deadline) {
    using Loaded = std::expected<TlsContextPtr, std::string>;
    if (!disk) disk = std::make_unique<DiskThread>(clock);
    const auto load = [files = options.tls]() -> Loaded { return load_client_tls(files); };
    auto loaded = co_await disk->call<Loaded>("read certificates", load, deadline);
    if (!loaded) co_return std::unexpected(std::move(loaded.error()));
    co_return std::move(*loaded);
  }

  Task<Answer<ConnectionPtr>> connect(Endpoint endpoint, Instant deadline, ProgressPtr progress) {
    progress->doing = "resolving";
    auto addresses = co_await resolver.resolve(endpoint.host, endpoint.port);
    if (!addresses) {
      co_return std::unexpected(error(HttpErrorKind::resolve, endpoint, *progress, addresses.error()));
    }
    progress->doing = "connecting to";
    std::string failures;
    std::optional<Socket> socket;
    for (std::size_t i = 0; i < addresses->size() && !socket; ++i) {
      const Instant now = clock.now();
      const auto left = static_cast<std::int64_t>(addresses->size() - i);
      const Instant until = now + (deadline - now) / left;
      auto result = co_await with_deadline(clock, open_socket(executor, (*addresses)[i]), until);
      if (result && *result) {
        socket = std::move(**result);
      } else {
        const auto& address = (*addresses)[i];
        if (!failures.empty()) failures += "; ";
        failures += fmt::format("{}: {}", address.address().to_string(),
                                result ? result->error() : "no answer in time");
      }
    }
    if (!socket) {
      const auto kind = clock.now() >= deadline ? HttpErrorKind::timeout : HttpErrorKind::connect;
      co_return std::unexpected(error(kind, endpoint, *progress, failures));
    }
    ++opened;
    apply_keepalive(*socket, options.keepalive);
    auto connection = std::make_unique<Connection>();
    if (!endpoint.https) {
      connection->transport = make_tcp_transport(std::move(*socket));
      co_return std::move(connection);
    }
    progress->doing = "TLS handshake with";
    if (!tls) {
      auto loaded = co_await load_tls(deadline);
      if (!loaded) co_return std::unexpected(error(HttpErrorKind::tls, endpoint, *progress, loaded.error()));
      if (!tls) tls = std::move(*loaded);
    }
    auto shaken = co_await tls_connect(std::move(*socket), tls, endpoint.host);
    if (!shaken) co_return std::unexpected(error(HttpErrorKind::tls, endpoint, *progress, shaken.error()));
    connection->transport = std::move(shaken->transport);
    co_return std::move(connection);
  }

  /// Sends the request; nullopt when done.
  Task<std::optional<HttpError>> send(Connection* connection, Endpoint endpoint, std::string bytes,
                                      ProgressPtr progress) {
    progress->doing = "sending to";
    const bool sent_before = progress->sent;
    progress->sent = true;
    const IoResult written = co_await connection->transport->write_all(bytes);
    if (!written.ec) co_return std::nullopt;
    if (written.bytes == 0) progress->sent = sent_before;
    co_return io_error(endpoint, *progress, written.ec);
  }

  /// Reads until `parser` has a whole header, or the whole message.
  Task<std::optional<HttpError>> receive(Connection* connection, Endpoint endpoint, MessageParser* parser,
                                         bool whole, ProgressPtr progress) {
    progress->doing = "waiting for the answer of";
    while (!(whole ? parser->done() : parser->header_done())) {
      auto taken = parser->put(connection->unread);
      if (!taken) co_return error(HttpErrorKind::protocol, endpoint, *progress, taken.error().detail);
      connection->unread.erase(0, *taken);
      if (whole ? parser->done() : parser->header_done()) break;
      if (*taken != 0 && !connection->unread.empty()) continue;
      const std::size_t old = connection->unread.size();
      connection->unread.resize(old + kReadBytes);
      const IoResult read =
          co_await connection->transport->read_some(connection->unread.data() + old, kReadBytes);
      connection->unread.resize(old + read.bytes);
      if (read.ec == asio::error::eof && parser->header_done()) {
        auto ended = parser->end_of_input();
        if (ended && parser->done()) co_return std::nullopt;
      }
      if (read.ec) co_return io_error(endpoint, *progress, read.ec);
    }
    co_return std::nullopt;
  }

  Task<Answer<HttpResponse>> exchange(Endpoint endpoint, HttpRequest request, Instant deadline,
                                      ProgressPtr progress) {
    const bool repeatable = request.method == "GET" || request.method == "HEAD";
    const std::string bytes = serialize(endpoint, request);
    auto connection = take_idle(endpoint);
    for (;;) {
      if (!connection) {
        auto connected = co_await connect(endpoint, deadline, progress);
        if (!connected) co_return std::unexpected(std::move(connected.error()));
        connection = std::move(*connected);
      }
      auto parser =
          make_response_parser({options.max_header_bytes, options.max_body_bytes}, request.method == "HEAD");
      auto failure = co_await send(connection.get(), endpoint, bytes, progress);
      if (!failure) {
        failure = co_await receive(connection.get(), endpoint, parser.get(), true, progress);
      }
      if (!failure) {
        HttpResponse out;
        out.status = parser->status();
        out.headers = parser->take_headers();
        out.body = parser->take_body();
        if (parser->keep_alive()) keep(endpoint, std::move(connection));
        co_return out;
      }
      // A kept connection that the peer ended meanwhile: what was certainly not received, or may be sent
      // twice, gets a fresh one.
      const bool stale = connection->reused && failure->kind == HttpErrorKind::closed && !parser->started();
      if (!stale || (progress->sent && !repeatable)) co_return std::unexpected(std::move(*failure));
      connection.reset();
    }
  }
};

struct HttpStream::State {
  std::shared_ptr<HttpClient::Impl> client;
  Endpoint endpoint;
  HttpClient::Impl::ConnectionPtr connection;
  std::unique_ptr<MessageParser> parser;
  int status = 0;
  Headers headers;
  /// Read and not handed over: kept here, so that a deadline loses nothing.
  std::string body;
  std::optional<HttpError> failed;
  bool ended = false;

  static Task<void> fill(State* self, ProgressPtr progress) {
    auto& connection = *self->connection;
    while (self->body.empty() && !self->failed && !self->ended) {
      auto taken = self->parser->put(connection.unread);
      if (!taken) {
        self->failed =
            HttpClient::Impl::error(HttpErrorKind::protocol, self->endpoint, *progress, taken.error().detail);
        co_return;
      }
      connection.unread.erase(0, *taken);
      self->body += self->parser->take_body();
      if (self->parser->done()) self->ended = true;
      if (!self->body.empty() || self->ended || (*taken != 0 && !connection.unread.empty())) continue;
      const std::size_t old = connection.unread.size();
      connection.unread.resize(old + kReadBytes);
      const IoResult read =
          co_await connection.transport->read_some(connection.unread.data() + old, kReadBytes);
      connection.unread.resize(old + read.bytes);
      if (read.ec == asio::error::operation_aborted) co_return;
      if (read.ec == asio::error::eof && self->parser->end_of_input() && self->parser->done()) {
        self->ended = true;
      } else if (read.ec) {
        self->failed = HttpClient::Impl::io_error(self->endpoint, *progress, read.ec);
      }
    }
  }
};

HttpStream::HttpStream() = default;
HttpStream::HttpStream(HttpStream&&) noexcept = default;
HttpStream& HttpStream::operator=(HttpStream&&) noexcept = default;
HttpStream::~HttpStream() = default;

int HttpStream::status() const {
  return state_ ? state_->status : 0;
}
const Headers& HttpStream::headers() const {
  return state_->headers;
}
void HttpStream::close() {
  state_.reset();
}

Task<std::expected<std::string, HttpError>> HttpStream::read_some(Instant deadline) {
  if (!state_) {
    co_return std::unexpected(
        HttpError{HttpErrorKind::closed, true, "reading from a stream that was closed"});
  }
  auto* state = state_.get();
  auto progress = std::make_shared<Progress>(Progress{true, "reading from"});
  if (state->body.empty()) {
    co_await run_until(state->client->clock, State::fill(state, progress), deadline);
  }
  if (!state->body.empty()) co_return std::exchange(state->body, std::string());
  if (state->failed) co_return std::unexpected(*state->failed);
  if (state->ended) co_return std::string();
  co_return std::unexpected(
      HttpClient::Impl::error(HttpErrorKind::timeout, state->endpoint, *progress, "nothing came in time"));
}

HttpClient::HttpClient(Executor executor, Clock& clock, HttpClientOptions options)
    : impl_(std::make_shared<Impl>(std::move(executor), clock, std::move(options))) {}
HttpClient::~HttpClient() = default;

std::uint64_t HttpClient::connections_opened() const {
  return impl_->opened;
}
void HttpClient::close_idle() {
  impl_->idle.clear();
}

void HttpClient::set_options(HttpClientOptions options) {
  auto& now = impl_->options;
  const bool own_files = !options.tls_context && !now.tls_context;
  if (!own_files || options.tls != now.tls) impl_->tls = options.tls_context;
  now = std::move(options);
  impl_->idle.clear();
}

Task<std::expected<void, std::string>> HttpClient::renew_tls(Instant deadline) {
  auto impl = impl_;
  auto loaded = co_await impl->load_tls(deadline);
  if (!loaded) co_return std::unexpected(std::move(loaded.error()));
  impl->tls = std::move(*loaded);
  impl->idle.clear();
  co_return std::expected<void, std::string>();
}

namespace {
std::optional<HttpError> too_late(Clock& clock, Instant deadline, const Endpoint& endpoint) {
  if (clock.now() < deadline) return std::nullopt;
  return HttpError{HttpErrorKind::timeout, false,
                   fmt::format("asking {}: no time left", to_string(endpoint))};
}
}  // namespace

Task<std::expected<HttpResponse, HttpError>> HttpClient::request(Endpoint endpoint, HttpRequest request,
                                                                 Instant deadline) {
  auto impl = impl_;
  if (auto late = too_late(impl->clock, deadline, endpoint)) co_return std::unexpected(std::move(*late));
  auto progress = std::make_shared<Progress>();
  auto result = co_await with_deadline(
      impl->clock, impl->exchange(endpoint, std::move(request), deadline, progress), deadline);
  if (result) co_return std::move(*result);
  co_return std::unexpected(Impl::error(HttpErrorKind::timeout, endpoint, *progress, "no answer in time"));
}

namespace {
/// The way to the first header of an answer that does not end.
template <class Impl>
Task<std::expected<typename Impl::ConnectionPtr, HttpError>> begin_stream(
    std::shared_ptr<Impl> impl, Endpoint endpoint, std::string bytes, MessageParser* parser, Instant deadline,
    ProgressPtr progress) {
  auto connected = co_await impl->connect(endpoint, deadline, progress);
  if (!connected) co_return std::unexpected(std::move(connected.error()));
  auto connection = std::move(*connected);
  auto failure = co_await impl->send(connection.get(), endpoint, std::move(bytes), progress);
  if (!failure) {
    failure = co_await impl->receive(connection.get(), endpoint, parser, false, progress);
  }
  if (failure) co_return std::unexpected(std::move(*failure));
  co_return std::move(connection);
}
}  // namespace

Task<std::expected<HttpStream, HttpError>> HttpClient::stream(Endpoint endpoint, HttpRequest request,
                                                              Instant deadline) {
  auto impl = impl_;
  if (auto late = too_late(impl->clock, deadline, endpoint)) co_return std::unexpected(std::move(*late));
  auto progress = std::make_shared<Progress>();
  auto parser = make_response_parser({impl->options.max_header_bytes, 0}, false);
  auto beginning =
      begin_stream(impl, endpoint, serialize(endpoint, request), parser.get(), deadline, progress);
  auto result = co_await with_deadline(impl->clock, std::move(beginning), deadline);
  if (!result) {
    co_return std::unexpected(Impl::error(HttpErrorKind::timeout, endpoint, *progress, "no answer in time"));
  }
  if (!*result) co_return std::unexpected(std::move(result->error()));
  HttpStream out;
  out.state_ = std::make_unique<HttpStream::State>();
  out.state_->client = impl;
  out.state_->endpoint = endpoint;
  out.state_->connection = std::move(**result);
  out.state_->status = parser->status();
  out.state_->headers = parser->take_headers();
  out.state_->body = parser->take_body();
  out.state_->ended = parser->done();
  out.state_->parser = std::move(parser);
  co_return std::move(out);
}

}  // namespace tanist::net
