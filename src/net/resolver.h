#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "async/task.h"
#include "net/srv.h"

namespace tanist::net {

/// Names to addresses on helper threads, so that a resolver that hangs delays nobody but those who wait for
/// that name, and they may stop waiting at any time. Numeric addresses are answered at once. The threads are
/// those of the whole process, a few made with the first Resolver, so that names are still found when no
/// thread can be made any more; more come while those hang. Without any the answer is an error.
class Resolver {
 public:
  explicit Resolver(Executor executor);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  using Addresses = std::vector<boost::asio::ip::tcp::endpoint>;
  /// All addresses, without repetition, in the system's order; the error is the system's text.
  Task<std::expected<Addresses, std::string>> resolve(std::string host, int port);
  /// SRV records, as look_up_srv gives them.
  Task<std::expected<std::vector<SrvTarget>, std::string>> services(std::string name);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace tanist::net
