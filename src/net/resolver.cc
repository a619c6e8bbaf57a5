#include "net/resolver.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "core/event.h"

namespace tanist::net {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using Answer = std::expected<Resolver::Addresses, std::string>;

namespace {

Answer look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int rc = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (rc != 0)
    return std::unexpected(std::string(rc == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(rc)));
  Resolver::Addresses out;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
    tcp::endpoint address;
    if (at->ai_addrlen > address.capacity()) continue;
    std::memcpy(address.data(), at->ai_addr, at->ai_addrlen);
    address.resize(at->ai_addrlen);
    if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(address);
  }
  ::freeaddrinfo(found);
  if (out.empty()) return std::unexpected(std::string("no address"));
  return out;
}

}  // namespace

struct Resolver::Shared {
  struct Lookup {
    Event done;
    Answer answer;
  };
  Executor executor;
  std::map<std::string, std::shared_ptr<Lookup>> running;
  /// Guards `closed`: once set, helper threads no longer touch the executor.
  std::mutex mutex;
  bool closed = false;

  /// Runs `ask` on a thread of its own and `tell` with its answer back on the executor.
  template <class Ask, class Tell>
  static void run(std::shared_ptr<Shared> self, Ask ask, Tell tell) {
    std::thread([self, ask = std::move(ask), tell = std::move(tell)]() mutable {
      auto answer = ask();
      const std::lock_guard lock(self->mutex);
      if (self->closed) return;
      boost::asio::post(self->executor, [tell = std::move(tell), answer = std::move(answer)]() mutable {
        tell(std::move(answer));
      });
    }).detach();
  }
};

Resolver::Resolver(Executor executor) : shared_(std::make_shared<Shared>()) {
  shared_->executor = std::move(executor);
}

Resolver::~Resolver() {
  const std::lock_guard lock(shared_->mutex);
  shared_->closed = true;
}

Task<std::expected<Resolver::Addresses, std::string>> Resolver::resolve(std::string host, int port) {
  boost::system::error_code ec;
  const auto numeric = asio::ip::make_address(host, ec);
  if (!ec) {
    Addresses one(1, tcp::endpoint(numeric, static_cast<unsigned short>(port)));
    co_return one;
  }
  auto shared = shared_;
  auto& lookup = shared->running[host];
  if (!lookup) {
    lookup = std::make_shared<Shared::Lookup>();
    const auto tell = [shared, lookup, host](Answer answer) {
      lookup->answer = std::move(answer);
      shared->running.erase(host);
      lookup->done.set();
    };
    Shared::run(shared, [host] { return look_up(host); }, tell);
  }
  auto mine = lookup;
  auto wait = mine->done.wait();
  co_await std::move(wait);
  auto answer = mine->answer;
  if (answer) {
    for (auto& address : *answer) address.port(static_cast<unsigned short>(port));
  }
  co_return answer;
}

Task<std::expected<std::vector<SrvTarget>, std::string>> Resolver::services(std::string name) {
  using Found = std::expected<std::vector<SrvTarget>, std::string>;
  struct Query {
    Event done;
    Found answer;
  };
  auto query = std::make_shared<Query>();
  const auto tell = [query](Found answer) {
    query->answer = std::move(answer);
    query->done.set();
  };
  Shared::run(shared_, [name] { return look_up_srv(name); }, tell);
  auto wait = query->done.wait();
  co_await std::move(wait);
  co_return std::move(query->answer);
}

}  // namespace tanist::net
