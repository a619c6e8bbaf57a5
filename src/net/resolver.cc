#include "net/resolver.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

#include "async/event.h"
#include "core/format.h"

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

namespace {

/// The threads that ask the system. Never destroyed: one that hangs may outlive main().
class Lookups {
 public:
  static Lookups& shared() {
    static auto* const lookups = new Lookups;
    return *lookups;
  }

  /// At least one thread, and at the first call kAtStart of them, as far as they can be made.
  std::expected<void, std::string> start() {
    const std::lock_guard lock(mutex_);
    return make_threads(kAtStart);
  }

  /// Runs `work` on one of them. The error: there is none, or too much waits.
  std::expected<void, std::string> take(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= kMaxWaiting)
      return std::unexpected(fmt::format("{} names before it still wait for an answer", queue_.size()));
    // All of them may hang in a resolver that does not answer.
    const std::size_t wanted = idle_ > queue_.size() ? threads_ : std::min(threads_ + 1, kAtMost);
    if (auto made = make_threads(std::max(wanted, kAtStart)); !made) return made;
    queue_.push_back(std::move(work));
    changed_.notify_one();
    return {};
  }

 private:
  static constexpr std::size_t kAtStart = 2;
  static constexpr std::size_t kAtMost = 32;
  static constexpr std::size_t kMaxWaiting = 256;

  std::expected<void, std::string> make_threads(std::size_t wanted) {
    try {
      for (; threads_ < wanted; ++threads_, ++idle_) std::thread([this] { run(); }).detach();
    } catch (const std::system_error& e) {
      if (threads_ == 0)
        return std::unexpected(fmt::format("no thread can be made to ask the resolver: {}", e.what()));
    }
    return {};
  }

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return !queue_.empty(); });
      auto work = std::move(queue_.front());
      queue_.pop_front();
      --idle_;
      lock.unlock();
      work();
      work = nullptr;
      lock.lock();
      ++idle_;
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  std::size_t threads_ = 0;
  std::size_t idle_ = 0;
};

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

  /// Runs `ask` on a helper thread and `tell` with its answer back on the executor. The error: it could not
  /// be asked.
  template <class Ask, class Tell>
  static std::expected<void, std::string> run(std::shared_ptr<Shared> self, Ask ask, Tell tell) {
    return Lookups::shared().take([self, ask = std::move(ask), tell = std::move(tell)] {
      auto answer = ask();
      const std::lock_guard lock(self->mutex);
      if (self->closed) return;
      boost::asio::post(self->executor,
                        [tell, answer = std::move(answer)]() mutable { tell(std::move(answer)); });
    });
  }
};

Resolver::Resolver(Executor executor) : shared_(std::make_shared<Shared>()) {
  shared_->executor = std::move(executor);
  // What cannot be made now is tried again when it is needed.
  (void)Lookups::shared().start();
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
    auto asked = Shared::run(shared, [host] { return look_up(host); }, tell);
    if (!asked) {
      shared->running.erase(host);
      co_return std::unexpected(std::move(asked.error()));
    }
  }
  auto mine = lookup;
  co_await mine->done.wait();
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
  auto asked = Shared::run(shared_, [name] { return look_up_srv(name); }, tell);
  if (!asked) co_return std::unexpected(std::move(asked.error()));
  co_await query->done.wait();
  co_return std::move(query->answer);
}

}  // namespace tanist::net
