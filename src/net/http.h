#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/clock.h"
#include "async/task.h"
#include "core/secret.h"
#include "core/time.h"

/// HTTP/1.1 as a client and as a server. One thread: everything runs on the executor it was made with.
namespace tanist::net {

/// Header fields in the order they came or were added; names compare without regard to case.
class Headers {
 public:
  struct Field {
    std::string name;
    std::string value;
  };
  /// The first value of `name`; nullptr when absent.
  const std::string* find(std::string_view name) const;
  /// Replaces every field of that name.
  void set(std::string_view name, std::string value);
  void add(std::string name, std::string value);
  void erase(std::string_view name);
  const std::vector<Field>& all() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

struct HttpRequest {
  /// In capitals: GET, HEAD, POST, … Any token a client sends reaches the server's handler.
  std::string method = "GET";
  /// Path and query, as on the wire; of a target that names the server, too (what clients send to a proxy),
  /// the server's handler sees these alone.
  std::string target = "/";
  Headers headers;
  std::string body;

  // Filled in by the server only.
  /// Numeric address of the peer; IPv4 also when it came through a dual-stack socket.
  std::string client_ip;
  /// The peer showed a certificate that the server's CA vouches for.
  bool client_certificate = false;

  /// The target up to `?`.
  std::string_view path() const;
  /// The target after `?`; empty when there is none.
  std::string_view query() const;
};

/// A body without an end that is known, made while the client takes it. Destroyed with its connection.
class HttpBody {
 public:
  virtual ~HttpBody() = default;
  /// The next bytes, once there are some; empty: the end. Cancelled when the client has gone.
  virtual Task<std::string> next() = 0;
};

struct HttpResponse {
  int status = 200;
  /// In place of the standard phrase; a server sends it, a client does not fill it in.
  std::string reason = {};
  Headers headers;
  std::string body;
  /// Server only. Set: sent in the place of `body`, in chunks, or to HTTP/1.0 up to the end of the
  /// connection, which this answer is the last of in any case. A client that takes a piece for longer than
  /// `request_timeout` is dropped; so is one that has to make room for others.
  std::shared_ptr<HttpBody> stream = {};
};

/// The standard phrase of a status (`OK`, `Service Unavailable`); empty when unknown.
std::string_view reason_phrase(int status);

/// `/config?x` of `http://host/config?x`; any other target as it is.
std::string_view origin_form(std::string_view target);
/// `%41+b` → `A b` (`+` only when `plus_is_blank`); broken escapes stay as they are.
std::string url_decode(std::string_view text, bool plus_is_blank = false);
/// Everything but letters, digits and `-._~` as %XX.
std::string url_encode(std::string_view text);
/// `a=1&b=&c` decoded, in order; values may be empty.
std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query);
std::string base64_encode(std::string_view bytes);
/// nullopt for what is no base64.
std::optional<std::string> base64_decode(std::string_view text);
/// Compares without telling by its duration where they differ (their lengths may show).
bool equal_in_constant_time(std::string_view a, std::string_view b);

/// Where a request goes. `host` is a name or an address, IPv6 without brackets.
struct Endpoint {
  std::string host;
  int port = 0;
  bool https = false;
  auto operator<=>(const Endpoint&) const = default;
};
/// `http://host:port`, IPv6 in brackets.
std::string to_string(const Endpoint&);
/// Reads `scheme://[user[:password]@]host[:port][/path]`; `default_port` when there is none.
struct Url {
  Endpoint endpoint;
  std::string user;
  Secret password;
  /// Path and query; `/` when empty.
  std::string target = "/";
};
std::optional<Url> parse_url(std::string_view text, int default_port = 0);

enum class HttpErrorKind {
  /// The name has no address, or the resolver did not answer.
  resolve,
  /// No address accepted a connection.
  connect,
  /// TLS: files that cannot be read, a handshake that failed, a certificate that is not trusted.
  tls,
  /// The deadline came.
  timeout,
  /// The connection ended before the answer was complete.
  closed,
  /// What came is no HTTP, or larger than allowed.
  protocol,
};

struct HttpError {
  HttpErrorKind kind = HttpErrorKind::connect;
  /// Some of the request may have reached the peer: its effect is not known.
  bool sent = false;
  /// What was attempted, with whom, and what came back.
  std::string detail;
};

/// Files of one side of TLS, PEM; empty paths are unset.
struct TlsOptions {
  /// A file, or a directory as `openssl rehash` makes it.
  std::string ca_file;
  std::string cert_file;
  /// May be empty when the certificate file holds the key.
  std::string key_file;
  Secret key_password;
  /// OpenSSL's list for TLS 1.2; empty: the library's own.
  std::string ciphers;
  /// Client: check the server's certificate (with `ca_file`, or the system's CAs when it is empty) …
  bool verify = true;
  /// … and that it was made out to the host that is asked.
  bool verify_host = true;
  bool operator==(const TlsOptions&) const = default;
};

/// What a server asks of its clients in the handshake.
enum class ClientCertificates {
  /// Nothing.
  ignored,
  /// One that is shown must be signed by the server's CA.
  requested,
  /// Who shows none is refused.
  required,
};

/// Certificates and keys, loaded once; used by any number of connections.
class TlsContext {
 public:
  virtual ~TlsContext() = default;
  /// Of the files' contents: another one means that something in them changed.
  std::string fingerprint;
  /// The same of what says who is let in: the CA of the clients, and what is asked of them.
  std::string trust;
};
using TlsContextPtr = std::shared_ptr<TlsContext>;

/// Read files: not on an event loop. The error names the file and what is wrong with it.
std::expected<TlsContextPtr, std::string> load_client_tls(const TlsOptions& options);
std::expected<TlsContextPtr, std::string> load_server_tls(const TlsOptions& options,
                                                          ClientCertificates client_certificates);

/// TCP keep-alive of a connection; zero leaves the system's value.
struct Keepalive {
  Duration idle{};
  Duration interval{};
  int count = 0;
  /// TCP_USER_TIMEOUT: how long sent data may stay unacknowledged.
  Duration user_timeout{};
  bool operator==(const Keepalive&) const = default;
};

struct HttpClientOptions {
  TlsOptions tls;
  /// Set: used in place of `tls`, whose files are otherwise read (on a thread of their own) with the first
  /// https connection.
  TlsContextPtr tls_context;
  Keepalive keepalive;
  std::size_t max_header_bytes = 64 * 1024;
  std::size_t max_body_bytes = 64 * 1024 * 1024;
  /// Idle connections kept per endpoint, and for how long.
  std::size_t max_idle_per_endpoint = 4;
  Duration max_idle_time = std::chrono::seconds(60);
};

/// An answer whose body does not end (a watch). Closing or destroying it drops the connection.
class HttpStream {
 public:
  HttpStream();
  HttpStream(HttpStream&&) noexcept;
  HttpStream& operator=(HttpStream&&) noexcept;
  ~HttpStream();

  int status() const;
  const Headers& headers() const;
  /// The next bytes of the body (transfer encoding removed), as they come; empty at its end. After an error
  /// the stream is of no use, except after a timeout: nothing was lost and it may be read again.
  Task<std::expected<std::string, HttpError>> read_some(Instant deadline);
  void close();
  bool is_open() const { return state_ != nullptr; }

 private:
  friend class HttpClient;
  struct State;
  std::unique_ptr<State> state_;
};

/// Sends requests; keeps connections alive per endpoint. Every call ends at its deadline, name resolution
/// included (which runs on a helper thread). Must outlive its calls and streams.
class HttpClient {
 public:
  HttpClient(Executor executor, Clock& clock, HttpClientOptions options = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// One exchange. Adds Host and Content-Length. A GET or HEAD whose kept connection turns out to be dead is
  /// repeated once on a fresh one; any other request reports what happened (`sent`). Any status is an answer,
  /// not an error.
  Task<std::expected<HttpResponse, HttpError>> request(Endpoint endpoint, HttpRequest request,
                                                       Instant deadline);

  /// Sends the request on a connection of its own and returns once the header of the answer has come. A
  /// status other than 200 still gives a stream: its body tells why.
  Task<std::expected<HttpStream, HttpError>> stream(Endpoint endpoint, HttpRequest request, Instant deadline);

  /// New options for connections made from now on; kept idle ones are closed (changed certificates, timings).
  /// Files of certificates that were read are not read again for the same `tls`.
  void set_options(HttpClientOptions options);
  /// Reads the files of `tls` again, for connections made from now on; kept idle ones are closed. What cannot
  /// be read or used leaves all as it was; the error says why.
  Task<std::expected<void, std::string>> renew_tls(Instant deadline);
  /// Closes kept connections that are idle.
  void close_idle();
  /// Connections opened since the start, for metrics and tests.
  std::uint64_t connections_opened() const;

 private:
  friend class HttpStream;
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

struct HttpServerOptions {
  /// Empty or `*`: all addresses, IPv6 and IPv4.
  std::string host;
  /// 0: any free port; port() tells which.
  int port = 0;
  std::size_t max_header_bytes = 16 * 1024;
  std::size_t max_body_bytes = 1024 * 1024;
  /// Beyond it somebody has to leave for each that comes: one of the address with most connections, idle
  /// before incomplete ones, the oldest first. Where an answer is being made for all of them the new one is
  /// closed.
  std::size_t max_connections = 512;
  /// From one address (of IPv6: one /64) that is not favoured; beyond it one of its own leaves.
  std::size_t max_per_address = 128;
  /// Beside them, for favoured addresses: who is needed is heard while others fill all there is.
  std::size_t reserved_connections = 32;
  /// Asked with each connection; empty: loopback is favoured, and nobody else.
  std::function<bool(const std::string& ip)> favours;
  /// A connection without a request is closed after this, one with half a request as well.
  Duration idle_timeout = std::chrono::seconds(75);
  Duration request_timeout = std::chrono::seconds(10);
  /// Value of the `Server` header; empty: none.
  std::string server_name;
  /// Connections that may wait to be accepted.
  int backlog = 4096;
  Keepalive keepalive;
  /// nullptr: plain HTTP.
  TlsContextPtr tls;
};

/// Answers requests. Adds Content-Length, Date, Server and Connection; sends no body for HEAD, 204 and 304,
/// but the length of the body the handler gave. An exception that leaves the handler is logged and answered
/// with 500.
class HttpServer {
 public:
  using Handler = std::function<Task<HttpResponse>(HttpRequest)>;
  /// Asked about every request other than GET, HEAD and OPTIONS once its header has come: an answer refuses
  /// it, and its body is not kept. An `Expect: 100-continue` is answered by it in place of 100.
  using Doorkeeper = std::function<Task<std::optional<HttpResponse>>(HttpRequest)>;

  HttpServer(Executor executor, Clock& clock, HttpServerOptions options, Handler handler,
             Doorkeeper doorkeeper = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Binds and starts accepting. The error names the address and what the system said.
  Task<std::expected<void, std::string>> start();
  /// Stops accepting, cancels running handlers and closes every connection.
  Task<void> stop();
  /// The port it listens on; 0 before start().
  int port() const;
  std::size_t connections() const;
  /// For connections from now on; nullptr: plain HTTP. Where that changes something, kept connections are
  /// closed after the answer they wait for; those that wait for none after the next one, so that no client
  /// finds its connection closed when it asks. Where other clients are let in than before, they are closed at
  /// once.
  void use_tls(TlsContextPtr tls);
  /// Value of the `Server` header from now on.
  void set_server_name(std::string name);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace tanist::net
