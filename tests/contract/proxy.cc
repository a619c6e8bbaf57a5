#include "contract/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "core/format.h"

namespace tanist::contract {

namespace {

sockaddr_in loopback(int port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<std::uint16_t>(port));
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}

struct Link {
  int client = -1;
  int upstream = -1;
  std::string from_client;
  std::string to_upstream;
  std::string to_client;
  bool watch = false;
  /// The answer to what was forwarded last is not to be passed on: when it comes the link ends.
  bool swallow = false;
  bool dead = false;

  Link(int c, int u) : client(c), upstream(u) {}
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() {
    ::close(client);
    ::close(upstream);
  }
};

struct Request {
  std::string path;
  std::string body;
  std::size_t size = 0;
};

/// The first whole request of `bytes`; size 0 while it is incomplete.
Request first_request(const std::string& bytes) {
  Request out;
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string::npos) return out;
  std::size_t length = 0;
  const auto at = bytes.find("Content-Length: ");
  if (at != std::string::npos && at < end) length = std::stoul(bytes.substr(at + 16));
  if (bytes.size() < end + 4 + length) return out;
  const auto blank = bytes.find(' ');
  out.path = bytes.substr(blank + 1, bytes.find(' ', blank + 1) - blank - 1);
  out.body = bytes.substr(end + 4, length);
  out.size = end + 4 + length;
  return out;
}

}  // namespace

struct Proxy::Impl {
  int upstream_port = 0;
  int port = 0;
  int listener = -1;
  int wake = -1;
  std::mutex mutex;
  bool stop = false;
  bool held = false;
  bool end_watches = false;
  bool end_all = false;
  Loss loss = Loss::none;
  int loss_count = 0;
  std::map<std::string, int> requests;
  std::map<std::string, std::function<std::string(const std::string&)>> answers;
  std::list<Link> links;
  std::thread thread;

  void poke() {
    const std::uint64_t one = 1;
    (void)!::write(wake, &one, sizeof one);
  }

  void handle(Link& link, const Request& request) {
    ++requests[request.path];
    for (const auto& [end, with] : answers) {
      if (!request.path.ends_with(end)) continue;
      const std::string body = with(request.body);
      if (body.starts_with("HTTP/")) {
        link.to_client += body;
      } else if (!body.empty()) {
        link.to_client +=
            fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                        body.size(), body);
      }
      link.from_client.erase(0, request.size);
      return;
    }
    link.watch = link.watch || request.path.ends_with("/watch");
    Loss now = Loss::none;
    if (request.path.ends_with("/kv/txn")) {
      now = loss;
      if (loss != Loss::none && loss_count > 0 && --loss_count == 0) loss = Loss::none;
    }
    if (now == Loss::before_effect) {
      link.dead = true;
      return;
    }
    link.swallow = now == Loss::after_effect;
    link.to_upstream += link.from_client.substr(0, request.size);
    link.from_client.erase(0, request.size);
  }

  static bool receive(int fd, std::string& into) {
    char buffer[16384];
    const auto n = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n > 0) into.append(buffer, static_cast<std::size_t>(n));
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
  }
  static void flush(int fd, std::string& from) {
    if (from.empty()) return;
    const auto n = ::send(fd, from.data(), from.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) from.erase(0, static_cast<std::size_t>(n));
  }

  void run() {
    for (;;) {
      std::vector<pollfd> fds{{wake, POLLIN, 0}, {listener, POLLIN, 0}};
      {
        const std::lock_guard lock(mutex);
        if (stop) return;
        if (!held) {
          for (auto& link : links) {
            fds.push_back(
                {link.client, static_cast<short>(link.to_client.empty() ? POLLIN : POLLIN | POLLOUT), 0});
            fds.push_back(
                {link.upstream, static_cast<short>(link.to_upstream.empty() ? POLLIN : POLLIN | POLLOUT), 0});
          }
        } else {
          fds.pop_back();  // not even new connections are answered
        }
      }
      ::poll(fds.data(), fds.size(), 1000);
      const std::lock_guard lock(mutex);
      if (fds[0].revents != 0) {
        std::uint64_t ignored;
        (void)!::read(wake, &ignored, sizeof ignored);
      }
      std::erase_if(links, [&](const Link& link) { return end_all || (end_watches && link.watch); });
      end_all = end_watches = false;
      if (held) continue;
      for (auto& link : links) {
        if (!receive(link.client, link.from_client)) link.dead = true;
        for (Request request; !link.dead && (request = first_request(link.from_client)).size != 0;) {
          handle(link, request);
        }
        flush(link.upstream, link.to_upstream);
        std::string answer;
        const bool open = receive(link.upstream, answer);
        if (link.swallow && !answer.empty()) {
          link.dead = true;
        } else {
          link.to_client += answer;
        }
        flush(link.client, link.to_client);
        if (!open) link.dead = true;
      }
      std::erase_if(links, [](const Link& link) { return link.dead; });
      const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (client < 0) continue;
      const int upstream = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const auto to = loopback(upstream_port);
      const int yes = 1;
      ::setsockopt(upstream, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      if (::connect(upstream, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) {
        links.emplace_back(client, upstream);
      } else {
        ::close(client);
        ::close(upstream);
      }
    }
  }
};

Proxy::Proxy(int upstream_port) : impl_(std::make_unique<Impl>()) {
  impl_->upstream_port = upstream_port;
  impl_->wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  impl_->listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  auto at = loopback(0);
  socklen_t size = sizeof at;
  ::bind(impl_->listener, reinterpret_cast<sockaddr*>(&at), sizeof at);
  ::listen(impl_->listener, 64);
  ::getsockname(impl_->listener, reinterpret_cast<sockaddr*>(&at), &size);
  impl_->port = ntohs(at.sin_port);
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

Proxy::~Proxy() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
  }
  impl_->poke();
  impl_->thread.join();
  ::close(impl_->listener);
  ::close(impl_->wake);
}

int Proxy::port() const {
  return impl_->port;
}

void Proxy::cut() {
  const std::lock_guard lock(impl_->mutex);
  impl_->held = true;
  impl_->poke();
}

void Proxy::heal() {
  const std::lock_guard lock(impl_->mutex);
  impl_->held = false;
  impl_->poke();
}

void Proxy::lead_to(int upstream_port) {
  const std::lock_guard lock(impl_->mutex);
  impl_->upstream_port = upstream_port;
  impl_->end_all = true;
  impl_->poke();
}

void Proxy::lose(Loss loss, int count) {
  const std::lock_guard lock(impl_->mutex);
  impl_->loss = loss;
  impl_->loss_count = count;
}

void Proxy::close_watches() {
  const std::lock_guard lock(impl_->mutex);
  impl_->end_watches = true;
  impl_->poke();
}

void Proxy::close_all() {
  const std::lock_guard lock(impl_->mutex);
  impl_->end_all = true;
  impl_->poke();
}

std::map<std::string, int> Proxy::take_requests() {
  const std::lock_guard lock(impl_->mutex);
  return std::exchange(impl_->requests, {});
}

void Proxy::answer(const std::string& path_end, std::function<std::string(const std::string& body)> with) {
  const std::lock_guard lock(impl_->mutex);
  if (with) {
    impl_->answers[path_end] = std::move(with);
  } else {
    impl_->answers.erase(path_end);
  }
}

}  // namespace tanist::contract
