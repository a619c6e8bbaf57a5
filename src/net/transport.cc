#include "net/transport.h"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "async/disk_thread.h"
#include "core/format.h"
#include "net/as_tuple.h"

namespace tanist::net {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using boost::system::error_code;

namespace {

void close_socket(Socket& socket) {
  error_code ignored;
  socket.close(ignored);
}

bool nothing_to_read(Socket& socket) {
  char byte;
  const auto n = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

class TcpTransport final : public Transport {
 public:
  explicit TcpTransport(Socket socket) : socket_(std::move(socket)) {}

  Task<IoResult> read_some(char* data, std::size_t size) override {
    auto [ec, n] = co_await socket_.async_read_some(asio::buffer(data, size), kAsTuple);
    co_return IoResult{n, ec};
  }

  Task<IoResult> write_all(std::string_view data) override {
    auto [ec, n] = co_await asio::async_write(socket_, asio::buffer(data), kAsTuple);
    co_return IoResult{n, ec};
  }

  bool quiet() override { return socket_.is_open() && nothing_to_read(socket_); }
  void end_writing() override {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
  }
  void close() override { close_socket(socket_); }

 private:
  Socket socket_;
};

class SslContext final : public TlsContext {
 public:
  explicit SslContext(ssl::context::method method) : context(method) {}
  ssl::context context;
  bool verify = false;
  bool verify_host = true;
};

class TlsTransport final : public Transport {
 public:
  TlsTransport(Socket socket, std::shared_ptr<SslContext> context)
      : context_(std::move(context)), stream(std::move(socket), context_->context) {}

  Task<IoResult> read_some(char* data, std::size_t size) override {
    auto [ec, n] = co_await stream.async_read_some(asio::buffer(data, size), kAsTuple);
    if (ec == ssl::error::stream_truncated) ec = asio::error::eof;
    co_return IoResult{n, ec};
  }

  Task<IoResult> write_all(std::string_view data) override {
    auto [ec, n] = co_await asio::async_write(stream, asio::buffer(data), kAsTuple);
    // Of a record that was cut off the peer may have all: zero would claim that it has nothing.
    if (ec && n == 0) n = 1;
    co_return IoResult{n, ec};
  }

  bool quiet() override {
    return stream.next_layer().is_open() && SSL_pending(stream.native_handle()) == 0 &&
           nothing_to_read(stream.next_layer());
  }
  void close() override { close_socket(stream.next_layer()); }

 private:
  // Before the stream: new certificates replace the context, this connection keeps its own.
  std::shared_ptr<SslContext> context_;

 public:
  ssl::stream<Socket> stream;
};

/// SHA-256 of what the files hold; what cannot be read counts as empty (loading it fails by itself).
std::string digest(const TlsOptions& options) {
  std::string all = options.ciphers;
  for (const std::string* path : {&options.ca_file, &options.cert_file, &options.key_file}) {
    all += '\n' + *path + '\n';
    if (path->empty()) continue;
    if (const auto content = blocking::read_file(*path); content && *content) all += **content;
  }
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(all.data(), all.size(), out, &size, EVP_sha256(), nullptr);
  OPENSSL_cleanse(all.data(), all.size());
  return {reinterpret_cast<const char*>(out), size};
}

bool is_directory(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::expected<std::shared_ptr<SslContext>, std::string> load(const TlsOptions& options,
                                                             ssl::context::method method) {
  auto out = std::make_shared<SslContext>(method);
  auto& context = out->context;
  error_code ec;
  out->fingerprint = digest(options);
  context.set_options(ssl::context::default_workarounds | ssl::context::no_compression, ec);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  const auto failed = [&](std::string_view what, const std::string& file) {
    return std::unexpected(fmt::format("cannot use {} {}: {}", what, file, ec.message()));
  };
  if (!options.ciphers.empty() &&
      SSL_CTX_set_cipher_list(context.native_handle(), options.ciphers.c_str()) != 1) {
    ERR_clear_error();
    return std::unexpected(
        fmt::format("cannot use the ciphers '{}': none of them is known", options.ciphers));
  }
  if (!options.ca_file.empty()) {
    if (is_directory(options.ca_file)) {
      context.add_verify_path(options.ca_file, ec);
    } else {
      context.load_verify_file(options.ca_file, ec);
    }
    if (ec) return failed("CA file", options.ca_file);
  }
  if (!options.cert_file.empty()) {
    context.use_certificate_chain_file(options.cert_file, ec);
    if (ec) return failed("certificate file", options.cert_file);
    const std::string& key = options.key_file.empty() ? options.cert_file : options.key_file;
    // Always answered: OpenSSL would ask on the terminal otherwise.
    context.set_password_callback(
        [password = options.key_password](std::size_t, ssl::context::password_purpose) {
          return password.reveal();
        });
    context.use_private_key_file(key, ssl::context::pem, ec);
    if (ec) return failed("key file", key);
  }
  return out;
}

}  // namespace

std::expected<TlsContextPtr, std::string> load_client_tls(const TlsOptions& options) {
  auto loaded = load(options, ssl::context::tls_client);
  if (!loaded) return std::unexpected(loaded.error());
  auto& out = *loaded;
  error_code ec;
  out->verify = options.verify;
  out->verify_host = options.verify_host;
  if (options.verify && options.ca_file.empty()) out->context.set_default_verify_paths(ec);
  out->context.set_verify_mode(options.verify ? ssl::verify_peer : ssl::verify_none, ec);
  return out;
}

std::expected<TlsContextPtr, std::string> load_server_tls(const TlsOptions& options,
                                                          ClientCertificates client_certificates) {
  auto loaded = load(options, ssl::context::tls_server);
  if (!loaded) return std::unexpected(loaded.error());
  auto& out = *loaded;
  out->fingerprint += static_cast<char>(client_certificates);
  TlsOptions who;
  who.ca_file = options.ca_file;
  out->trust = digest(who) + static_cast<char>(client_certificates);
  // Without it a client that resumes a session would be refused wherever certificates are asked for.
  constexpr unsigned char kSessionContext[] = "tanist";
  SSL_CTX_set_session_id_context(out->context.native_handle(), kSessionContext, sizeof kSessionContext - 1);
  if (client_certificates != ClientCertificates::ignored) {
    int mode = ssl::verify_peer;
    if (client_certificates == ClientCertificates::required) mode |= ssl::verify_fail_if_no_peer_cert;
    // Clients with several certificates choose by the names of the CAs that are asked for.
    if (!options.ca_file.empty() && !is_directory(options.ca_file)) {
      SSL_CTX_set_client_CA_list(out->context.native_handle(),
                                 SSL_load_client_CA_file(options.ca_file.c_str()));
      ERR_clear_error();
    }
    error_code ec;
    out->context.set_verify_mode(mode, ec);
  }
  return out;
}

std::unique_ptr<Transport> make_tcp_transport(Socket socket) {
  return std::make_unique<TcpTransport>(std::move(socket));
}

Task<std::expected<Handshake, std::string>> tls_connect(Socket socket, TlsContextPtr context,
                                                        std::string host) {
  auto ours = std::static_pointer_cast<SslContext>(context);
  auto transport = std::make_unique<TlsTransport>(std::move(socket), ours);
  error_code ec;
  asio::ip::make_address(host, ec);
  if (ec) SSL_set_tlsext_host_name(transport->stream.native_handle(), host.c_str());
  if (ours->verify && ours->verify_host)
    transport->stream.set_verify_callback(ssl::host_name_verification(host), ec);
  auto [failure] = co_await transport->stream.async_handshake(ssl::stream_base::client, kAsTuple);
  if (failure) {
    std::string text = failure.message();
    const long verdict = SSL_get_verify_result(transport->stream.native_handle());
    if (ours->verify && verdict != X509_V_OK) {
      text = fmt::format("{} ({})", text, X509_verify_cert_error_string(verdict));
    }
    co_return std::unexpected(std::move(text));
  }
  Handshake out;
  out.peer_certificate = true;
  out.transport = std::move(transport);
  co_return out;
}

Task<std::expected<Handshake, std::string>> tls_accept(Socket socket, TlsContextPtr context) {
  auto ours = std::static_pointer_cast<SslContext>(context);
  auto transport = std::make_unique<TlsTransport>(std::move(socket), ours);
  auto [failure] = co_await transport->stream.async_handshake(ssl::stream_base::server, kAsTuple);
  if (failure) co_return std::unexpected(failure.message());
  Handshake out;
  X509* certificate = SSL_get1_peer_certificate(transport->stream.native_handle());
  out.peer_certificate = certificate != nullptr;
  X509_free(certificate);
  out.transport = std::move(transport);
  co_return out;
}

void apply_keepalive(Socket& socket, const Keepalive& keepalive) {
  const int fd = socket.native_handle();
  const auto set = [fd](int level, int name, std::int64_t value) {
    const int v = static_cast<int>(value);
    ::setsockopt(fd, level, name, &v, sizeof v);
  };
  const auto whole_seconds = [](Duration d) {
    return std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::seconds>(d).count());
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  if (keepalive.idle > Duration::zero()) set(IPPROTO_TCP, TCP_KEEPIDLE, whole_seconds(keepalive.idle));
  if (keepalive.interval > Duration::zero())
    set(IPPROTO_TCP, TCP_KEEPINTVL, whole_seconds(keepalive.interval));
  if (keepalive.count > 0) set(IPPROTO_TCP, TCP_KEEPCNT, keepalive.count);
  if (keepalive.user_timeout > Duration::zero()) {
    set(IPPROTO_TCP, TCP_USER_TIMEOUT, milliseconds(keepalive.user_timeout));
  }
}

}  // namespace tanist::net
