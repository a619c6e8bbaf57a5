#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "async/task.h"
#include "net/http.h"

/// Bytes over TCP or TLS, without knowing which. Internal to net/.
namespace tanist::net {

struct IoResult {
  std::size_t bytes = 0;
  boost::system::error_code ec;
};

class Transport {
 public:
  virtual ~Transport() = default;
  /// At least one byte, or an error (`eof` at the end, also where TLS was cut off).
  virtual Task<IoResult> read_some(char* data, std::size_t size) = 0;
  /// All of `data`, which must stay valid; `bytes` tells how far an error let it come.
  virtual Task<IoResult> write_all(std::string_view data) = 0;
  /// For a connection at rest: nothing to read and not ended by the peer.
  virtual bool quiet() = 0;
  /// Says that nothing more will be written, where that can be said without waiting.
  virtual void end_writing() {}
  /// Ends it at once; what waits on it returns with an error.
  virtual void close() = 0;
};

using Socket = boost::asio::ip::tcp::socket;

std::unique_ptr<Transport> make_tcp_transport(Socket socket);

struct Handshake {
  std::unique_ptr<Transport> transport;
  bool peer_certificate = false;
};
/// The client side: checks the server's certificate against `host` when the context says so.
Task<std::expected<Handshake, std::string>> tls_connect(Socket socket, TlsContextPtr context,
                                                        std::string host);
Task<std::expected<Handshake, std::string>> tls_accept(Socket socket, TlsContextPtr context);

void apply_keepalive(Socket& socket, const Keepalive& keepalive);

}  // namespace tanist::net
