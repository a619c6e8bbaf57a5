#include <sys/socket.h>

#include <boost/asio/ip/network_v6.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>
#include <list>

#include "async/event.h"
#include "async/task_scope.h"
#include "async/wait.h"
#include "core/format.h"
#include "log/log.h"
#include "net/as_tuple.h"
#include "net/http.h"
#include "net/message_parser.h"
#include "net/resolver.h"
#include "net/seats.h"
#include "net/transport.h"

TANIST_LOGGER("patroni.api");

namespace tanist::net {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

namespace {

constexpr std::size_t kReadRequestBytes = 8 * 1024;
/// Several answers to pipelined requests leave in one write, up to this.
constexpr std::size_t kWriteBatchBytes = 64 * 1024;
/// For a client that goes on sending after it was refused.
constexpr Duration kLinger = std::chrono::seconds(2);
constexpr std::size_t kMostDropped = 4 * 1024 * 1024;
constexpr Duration kSweepEvery = std::chrono::milliseconds(250);

std::string ip_text(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

/// An IPv6 host has a whole /64 for itself; of link-local addresses one network is shared by all.
std::string source_of(const asio::ip::address& address) {
  if (!address.is_v6() || address.to_v6().is_v4_mapped() || address.to_v6().is_link_local())
    return ip_text(address);
  return asio::ip::make_network_v6(address.to_v6(), 64).canonical().to_string();
}

bool is_loopback(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback();
  return address.is_loopback();
}

struct Session : Seat {
  std::unique_ptr<Transport> transport;
  /// The raw socket until a TLS handshake has made a transport of it.
  std::optional<Socket> socket;
  std::string client_ip;
  bool client_certificate = false;
  /// Set when it has to leave while there is no transport to close.
  Event ousted;
  /// The certificates changed since it began: it ends with the answer it waits for.
  bool outdated = false;
  /// Others are let in since then: what it asks from now on is not heard.
  bool distrusted = false;
  /// When the sweeper closes it.
  Instant give_up{};

  void enter(Phase next, Instant now) {
    phase = next;
    since = now;
  }
  void close() {
    if (transport) transport->close();
  }
};

}  // namespace

struct HttpServer::Impl {
  Impl(Executor executor, Clock& clock, HttpServerOptions options, Handler handler, Doorkeeper doorkeeper)
      : executor(executor),
        clock(clock),
        options(std::move(options)),
        handler(std::move(handler)),
        doorkeeper(std::move(doorkeeper)),
        scope(executor),
        tls(this->options.tls),
        seats({this->options.max_connections, this->options.max_per_address,
               this->options.reserved_connections}) {}

  Executor executor;
  Clock& clock;
  HttpServerOptions options;
  Handler handler;
  Doorkeeper doorkeeper;
  TaskScope scope;
  TlsContextPtr tls;
  std::list<tcp::acceptor> acceptors;
  std::list<Session> sessions;
  Seats seats;
  /// Set while there are sessions.
  Event connected;
  int port = 0;
  std::time_t date_second = 0;
  std::string date_line;

  std::expected<void, std::string> listen(const tcp::endpoint& address, bool dual_stack) {
    error_code ec;
    tcp::acceptor acceptor(executor);
    const char* doing = "open";
    acceptor.open(address.protocol(), ec);
    if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec && address.address().is_v6()) acceptor.set_option(asio::ip::v6_only(!dual_stack), ec);
    if (!ec) {
      doing = "bind";
      acceptor.bind(address, ec);
    }
    if (!ec) {
      doing = "listen on";
      acceptor.listen(options.backlog, ec);
    }
    if (!ec) port = acceptor.local_endpoint(ec).port();
    if (ec) {
      const bool brackets = address.address().is_v6();
      return std::unexpected(fmt::format("could not {} {}{}{}:{}: {} (errno {})", doing, brackets ? "[" : "",
                                         address.address().to_string(), brackets ? "]" : "", address.port(),
                                         ec.message(), ec.value()));
    }
    acceptors.push_back(std::move(acceptor));
    return {};
  }

  std::expected<void, std::string> listen_everywhere() {
    const auto wanted = static_cast<unsigned short>(options.port);
    auto both = listen(tcp::endpoint(asio::ip::address_v6::any(), wanted), true);
    if (both) return both;
    // No IPv6 on this host: IPv4 alone. A port in use fails again, with the address the user knows.
    return listen(tcp::endpoint(asio::ip::address_v4::any(), wanted), false);
  }

  const std::string& date_header() {
    const std::time_t now = unix_seconds(clock.wall_now());
    if (now != date_second) {
      date_second = now;
      std::tm utc{};
      ::gmtime_r(&now, &utc);
      char text[64];
      std::strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
      date_line = text;
    }
    return date_line;
  }

  void append_response(std::string& out, const HttpResponse& response, bool head, bool keep_alive) {
    const std::string_view reason =
        response.reason.empty() ? reason_phrase(response.status) : std::string_view(response.reason);
    fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", response.status, reason);
    if (!options.server_name.empty()) {
      out += "Server: ";
      out += options.server_name;
      out += "\r\n";
    }
    out += date_header();
    for (const auto& [name, value] : response.headers.all()) {
      out += name;
      out += ": ";
      out += value;
      out += "\r\n";
    }
    const bool bodiless = response.status == 204 || response.status == 304 || response.status < 200;
    // Of the answer to a HEAD the length is that of a body that GET has: none is told where none was made.
    const bool length = !bodiless && !response.stream && !(head && response.body.empty());
    if (length) fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", response.body.size());
    out += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
    if (!bodiless && !head) out += response.body;
  }

  enum class Framing { chunks, to_the_end };

  static Task<void> pump(Impl* self, Session* session, HttpBody* body, std::string* out, Framing framing) {
    for (bool more = true; more;) {
      session->give_up = Instant::max();
      std::string piece = co_await body->next();
      // With new certificates the client is to come again.
      if (session->outdated) piece.clear();
      more = !piece.empty();
      if (framing == Framing::chunks) {
        fmt::format_to(std::back_inserter(*out), "{:x}\r\n{}\r\n", piece.size(), piece);
      } else {
        *out += piece;
      }
      session->give_up = self->clock.now() + self->options.request_timeout;
      const IoResult written = co_await session->transport->write_all(*out);
      out->clear();
      if (written.ec) co_return;
    }
  }

  /// Nothing more is expected of the client: what it sends is dropped, and its end is noticed.
  static Task<void> until_gone(Session* session) {
    char ignored[64];
    for (;;) {
      const IoResult read = co_await session->transport->read_some(ignored, sizeof ignored);
      if (read.ec) co_return;
    }
  }

  /// `out` has the header of the answer.
  static Task<void> stream(Impl* self, Session* session, std::shared_ptr<HttpBody> body, std::string* out,
                           Framing framing) {
    session->enter(Seat::Phase::listening, self->clock.now());
    try {
      co_await race(pump(self, session, body.get(), out, framing), until_gone(session));
    } catch (const boost::system::system_error& e) {
      if (e.code() == asio::error::operation_aborted) throw;
      log::error("an HTTP answer that goes on has ended: {}", e.what());
    } catch (const std::exception& e) {
      log::error("an HTTP answer that goes on has ended: {}", e.what());
    }
  }

  static Task<HttpResponse> handle(Impl* self, HttpRequest request) {
    std::string failure;
    try {
      auto response = co_await self->handler(std::move(request));
      co_return response;
    } catch (const boost::system::system_error& e) {
      if (e.code() == asio::error::operation_aborted) throw;
      failure = e.what();
    } catch (const std::exception& e) {
      failure = e.what();
    }
    log::error("answering an HTTP request failed: {}", failure);
    HttpResponse response;
    response.status = 500;
    co_return response;
  }

  /// Method, target, headers and who asks.
  static HttpRequest header_of(const Session& session, MessageParser* parser) {
    HttpRequest request;
    request.method = parser->method();
    request.target = parser->target();
    // `GET http://host/x`: its host may have any name, and is no part of what is asked.
    if (!request.target.starts_with('/')) request.target = origin_form(request.target);
    request.headers = parser->take_headers();
    request.client_ip = session.client_ip;
    request.client_certificate = session.client_certificate;
    return request;
  }

  void begin_request(Session* session) const {
    if (session->phase != Seat::Phase::waiting) return;
    session->enter(Seat::Phase::incomplete, clock.now());
    session->give_up = session->since + options.request_timeout;
  }

  static bool changes_something(const MessageParser& parser) {
    const std::string method = parser.method();
    return method != "GET" && method != "HEAD" && method != "OPTIONS";
  }

  bool asks_doorkeeper(const MessageParser& parser) const { return doorkeeper && changes_something(parser); }

  /// What the doorkeeper says against the request; nullopt: it is welcome.
  static Task<std::optional<HttpResponse>> refusal_of(Impl* self, Session* session, MessageParser* parser) {
    std::string failure;
    try {
      auto refusal = co_await self->doorkeeper(header_of(*session, parser));
      co_return refusal;
    } catch (const boost::system::system_error& e) {
      if (e.code() == asio::error::operation_aborted) throw;
      failure = e.what();
    } catch (const std::exception& e) {
      failure = e.what();
    }
    log::error("checking an HTTP request failed: {}", failure);
    HttpResponse response;
    response.status = 500;
    co_return response;
  }

  /// Reads one request; false: the connection is to be closed (with what is in `out` sent first). The body of
  /// one that is refused is read and dropped, so that the refusal is not lost in a reset connection.
  static Task<bool> read_request(Impl* self, Session* session, MessageParser* parser, std::string* unread,
                                 std::string* out, std::optional<HttpResponse>* refusal) {
    bool continued = false;
    bool asked = false;
    for (;;) {
      auto taken = parser->put(*unread);
      if (!taken) {
        HttpResponse refusal;
        refusal.status = taken.error().status;
        refusal.body = taken.error().detail + "\n";
        refusal.headers.set("Content-Type", "text/plain");
        self->append_response(*out, refusal, false, false);
        co_return false;
      }
      unread->erase(0, *taken);
      if (parser->header_done() && !std::exchange(asked, true)) {
        self->begin_request(session);
        if (self->asks_doorkeeper(*parser)) {
          *refusal = co_await refusal_of(self, session, parser);
        }
      }
      // What comes with a GET means nothing, and anybody may send it.
      if (*refusal || (parser->header_done() && !changes_something(*parser))) (void)parser->take_body();
      if (parser->done()) co_return true;
      if (*refusal) {
        if (parser->expects_continue()) {
          self->append_response(*out, **refusal, false, false);
          co_return false;
        }
      }
      if (*taken != 0 && !unread->empty()) continue;
      if (*taken != 0 || !unread->empty()) self->begin_request(session);
      if (parser->header_done() && parser->expects_continue() && !std::exchange(continued, true)) {
        *out += "HTTP/1.1 100 Continue\r\n\r\n";
      }
      if (!out->empty()) {
        const IoResult written = co_await session->transport->write_all(*out);
        out->clear();
        if (written.ec) co_return false;
      }
      const std::size_t old = unread->size();
      unread->resize(old + kReadRequestBytes);
      const IoResult read = co_await session->transport->read_some(unread->data() + old, kReadRequestBytes);
      unread->resize(old + read.bytes);
      if (read.ec) co_return false;
    }
  }

  /// A connection that is closed with unread bytes is reset, and the answer may be lost with it.
  static Task<void> linger(Impl* self, Session* session) {
    session->transport->end_writing();
    session->give_up = std::min(session->give_up, self->clock.now() + kLinger);
    std::string sink(kReadRequestBytes, '\0');
    for (std::size_t dropped = 0; dropped < kMostDropped;) {
      const IoResult read = co_await session->transport->read_some(sink.data(), sink.size());
      if (read.ec) co_return;
      dropped += read.bytes;
    }
  }

  static Task<void> converse(Impl* self, Session* session) {
    const auto& options = self->options;
    session->enter(Seat::Phase::incomplete, self->clock.now());
    session->give_up = session->since + options.request_timeout;
    if (self->tls) {
      const bool shaken = co_await run_handshake(self, session);
      if (!shaken || session->distrusted) co_return;
    } else {
      session->transport = make_tcp_transport(std::move(*session->socket));
    }
    std::string unread;
    std::string out;
    bool keep_alive = true;
    while (keep_alive) {
      auto parser = make_request_parser({options.max_header_bytes, options.max_body_bytes});
      const bool idle = unread.empty();
      session->enter(idle ? Seat::Phase::waiting : Seat::Phase::incomplete, self->clock.now());
      session->give_up = session->since + (idle ? options.idle_timeout : options.request_timeout);
      std::optional<HttpResponse> refusal;
      const bool whole = co_await read_request(self, session, parser.get(), &unread, &out, &refusal);
      keep_alive = whole;
      if (keep_alive && refusal) {
        keep_alive = parser->keep_alive() && !session->outdated;
        self->append_response(out, *refusal, false, keep_alive);
      } else if (keep_alive) {
        session->phase = Seat::Phase::busy;
        session->give_up = Instant::max();
        HttpRequest request = header_of(*session, parser.get());
        request.body = parser->take_body();
        const bool head = request.method == "HEAD";
        HttpResponse response = co_await handle(self, std::move(request));
        keep_alive = parser->keep_alive() && !session->outdated && !response.stream;
        const Framing framing = parser->takes_chunks() ? Framing::chunks : Framing::to_the_end;
        if (response.stream && framing == Framing::chunks && !head)
          response.headers.set("Transfer-Encoding", "chunked");
        self->append_response(out, response, head, keep_alive);
        if (response.stream && !head) {
          // It may go on for months: nothing is kept for it that it does not need.
          parser.reset();
          std::string().swap(unread);
          co_await stream(self, session, std::move(response.stream), &out, framing);
          co_return;
        }
      }
      // Pipelined requests wait in `unread`: their answers go out together.
      if (out.empty() || (keep_alive && !unread.empty() && out.size() < kWriteBatchBytes)) continue;
      session->enter(Seat::Phase::incomplete, self->clock.now());
      session->give_up = session->since + options.request_timeout;
      const IoResult written = co_await session->transport->write_all(out);
      out.clear();
      if (written.ec) co_return;
      if (!whole) co_await linger(self, session);
      // Others may have been let in while the answer went out, when the connection was not waiting.
      if (session->distrusted) co_return;
    }
  }

  using Shaken = std::optional<std::expected<Handshake, std::string>>;

  static Task<void> shake(Impl* self, Session* session, Shaken* out) {
    auto shaken = co_await tls_accept(std::move(*session->socket), self->tls);
    out->emplace(std::move(shaken));
  }

  static Task<void> shake_or_leave(Impl* self, Session* session, Shaken* out) {
    co_await race(shake(self, session, out), session->ousted.wait());
  }

  static Task<bool> run_handshake(Impl* self, Session* session) {
    Shaken result;
    const bool ended =
        co_await run_until(self->clock, shake_or_leave(self, session, &result), session->give_up);
    if (session->leaving) co_return false;
    if (!ended || !result || !*result) {
      log::debug("TLS handshake with {} failed: {}", session->client_ip,
                 result && !*result ? result->error() : "no answer in time");
      co_return false;
    }
    session->transport = std::move((*result)->transport);
    session->client_certificate = (*result)->peer_certificate;
    co_return true;
  }

  static Task<void> serve(std::shared_ptr<Impl> self, std::list<Session>::iterator session) {
    struct Leave {
      Impl* self;
      std::list<Session>::iterator session;
      ~Leave() {
        self->seats.vacate(&*session);
        self->sessions.erase(session);
      }
    } leave{self.get(), session};
    co_await converse(self.get(), &*session);
  }

  bool favours(const asio::ip::address& address) const {
    return options.favours ? options.favours(ip_text(address)) : is_loopback(address);
  }

  static void seat(std::shared_ptr<Impl> self, Socket socket, const asio::ip::address& client) {
    const std::string source = source_of(client);
    const bool favoured = self->favours(client);
    const auto answer = self->seats.ask(source, favoured);
    if (!answer.room) return;
    if (auto* leaves = static_cast<Session*>(answer.leaves)) {
      leaves->close();
      leaves->ousted.set();
    }
    apply_keepalive(socket, self->options.keepalive);
    self->sessions.emplace_back();
    self->connected.set();
    auto session = std::prev(self->sessions.end());
    session->source = source;
    session->favoured = favoured;
    session->client_ip = ip_text(client);
    session->socket = std::move(socket);
    self->seats.occupy(&*session);
    self->scope.spawn("http session", serve(self, session));
  }

  static Task<void> accept_loop(std::shared_ptr<Impl> self, tcp::acceptor* acceptor) {
    while (acceptor->is_open()) {
      auto [ec, socket] = co_await acceptor->async_accept(kAsTuple);
      // A connection may have been accepted just before the server was told to stop.
      if (ec == asio::error::operation_aborted || self->scope.closed()) co_return;
      if (ec) {
        // Out of descriptors or memory: the connection stays in the backlog, asking at once again would spin.
        log::warning("accepting a connection on port {} failed: {}", self->port, ec.message());
        co_await self->clock.sleep_for(std::chrono::milliseconds(100));
        continue;
      }
      const auto peer = socket.remote_endpoint(ec);
      if (ec) continue;
      seat(self, std::move(socket), peer.address());
    }
  }

  static Task<void> sweep_loop(std::shared_ptr<Impl> self) {
    for (;;) {
      if (self->sessions.empty()) {
        // A server that nobody talks to costs nothing.
        self->connected.clear();
        co_await self->connected.wait();
      }
      co_await self->clock.sleep_for(kSweepEvery);
      const Instant now = self->clock.now();
      for (auto& session : self->sessions) {
        if (session.give_up <= now) session.close();
      }
    }
  }
};

HttpServer::HttpServer(Executor executor, Clock& clock, HttpServerOptions options, Handler handler,
                       Doorkeeper doorkeeper)
    : impl_(std::make_shared<Impl>(std::move(executor), clock, std::move(options), std::move(handler),
                                   std::move(doorkeeper))) {}
HttpServer::~HttpServer() = default;

int HttpServer::port() const {
  return impl_->port;
}
std::size_t HttpServer::connections() const {
  return impl_->sessions.size();
}

Task<std::expected<void, std::string>> HttpServer::start() {
  auto impl = impl_;
  const auto& options = impl->options;
  std::expected<void, std::string> listening;
  if (options.host.empty() || options.host == "*") {
    listening = impl->listen_everywhere();
  } else {
    Resolver resolver(impl->executor);
    auto addresses = co_await resolver.resolve(options.host, options.port);
    if (!addresses) {
      co_return std::unexpected(
          fmt::format("could not resolve {} to listen on: {}", options.host, addresses.error()));
    }
    for (auto address : *addresses) {
      // A name with several addresses and any free port: the same port on all of them.
      if (options.port == 0 && impl->port != 0) address.port(static_cast<unsigned short>(impl->port));
      // `::` is everything: who asks for it by IPv4 is answered as well.
      const auto& ip = address.address();
      listening = impl->listen(address, ip.is_v6() && ip.is_unspecified());
      if (!listening) break;
    }
  }
  if (!listening) {
    impl->acceptors.clear();
    impl->port = 0;
    co_return listening;
  }
  for (auto& acceptor : impl->acceptors) impl->scope.spawn("http accept", Impl::accept_loop(impl, &acceptor));
  impl->scope.spawn("http sweep", Impl::sweep_loop(impl));
  co_return listening;
}

Task<void> HttpServer::stop() {
  auto impl = impl_;
  error_code ignored;
  for (auto& acceptor : impl->acceptors) acceptor.close(ignored);
  co_await impl->scope.close();
  impl->acceptors.clear();
}

void HttpServer::use_tls(TlsContextPtr tls) {
  auto& old = impl_->tls;
  const bool same = old && tls ? old->fingerprint == tls->fingerprint : old == tls;
  if (same) return;
  const bool renewed = old && tls && old->trust == tls->trust;
  old = std::move(tls);
  for (auto& session : impl_->sessions) {
    session.outdated = true;
    if (renewed) continue;
    session.distrusted = true;
    if (session.phase == Seat::Phase::waiting) session.close();
  }
}

void HttpServer::set_server_name(std::string name) {
  impl_->options.server_name = std::move(name);
}

}  // namespace tanist::net
