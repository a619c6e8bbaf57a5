#include "guard/socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tanist::guard {
namespace {

/// By the descriptor of its directory: an address has room for 107 bytes, and a data directory may have a
/// longer name.
sockaddr_un address_in(int directory) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  Line<sizeof address.sun_path> path;
  path << "/proc/self/fd/" << directory << "/" << kSocketName;
  std::copy_n(path.c_str(), path.view().size(), address.sun_path);
  return address;
}

int new_socket() {
  return ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/// Room for the descriptors that a request may carry, and for some that it may not.
constexpr std::size_t kMostDescriptors = 8;
struct alignas(cmsghdr) Control {
  char bytes[CMSG_SPACE(kMostDescriptors * sizeof(int))] = {};
};

/// All that came are known, so that none stays open by mistake.
void take_descriptors(msghdr& header, Received& received) {
  std::size_t count = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t many = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < many; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      if (count < received.descriptors.size()) {
        received.descriptors[count++].reset(fd);
      } else {
        ::close(fd);
        received.cut = true;
      }
    }
  }
  received.passed = {received.descriptors.data(), count};
}

}  // namespace

int listen_at(int directory) {
  constexpr int kBacklog = 16;
  Descriptor fd(new_socket());
  if (!fd) return -1;
  // What an earlier one left; whoever holds the lock may take it away.
  ::unlinkat(directory, kSocketName.data(), 0);
  const auto address = address_in(directory);
  const mode_t before = ::umask(0177);
  const bool bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int error = errno;
  ::umask(before);
  errno = error;
  if (!bound || ::listen(fd.get(), kBacklog) != 0) return -1;
  return fd.release();
}

int connect_to(int directory) {
  Descriptor fd(new_socket());
  if (!fd) return -1;
  const auto address = address_in(directory);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return -1;
  return fd.release();
}

int accept_at(int listener) {
  return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

std::optional<Peer> peer_of(int fd) {
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return std::nullopt;
  return Peer{who.pid, who.uid};
}

Receipt receive(int fd, Received& received) {
  // One byte more than a request has: what is longer is seen to be.
  char buffer[sizeof(Request) + 1] = {};
  iovec part{buffer, sizeof buffer};
  Control control;
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes;
  header.msg_controllen = sizeof control.bytes;
  const ssize_t n = ::recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0) return errno == EAGAIN || errno == EINTR ? Receipt::nothing : Receipt::ended;
  take_descriptors(header, received);
  if (n == 0 && received.passed.empty()) return Receipt::ended;
  received.cut = received.cut || (header.msg_flags & MSG_CTRUNC) != 0;
  received.bytes = static_cast<std::size_t>(n);
  std::memcpy(&received.request, buffer, std::min(sizeof received.request, received.bytes));
  return Receipt::datagram;
}

bool send_status(int fd, const Status& status) {
  return ::send(fd, &status, sizeof status, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof status;
}

bool send_request(int fd, const Request& request, std::span<const int> descriptors) {
  Request copy = request;
  iovec part{&copy, sizeof copy};
  Control control;
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control.bytes;
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const passed = CMSG_FIRSTHDR(&header);
    passed->cmsg_level = SOL_SOCKET;
    passed->cmsg_type = SCM_RIGHTS;
    passed->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(passed), descriptors.data(), descriptors.size_bytes());
  }
  return ::sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof copy;
}

Receipt receive_status(int fd, Status& status) {
  char buffer[sizeof(Status) + 1] = {};
  const ssize_t n = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR ? Receipt::nothing : Receipt::ended;
  if (n == 0) return Receipt::ended;
  constexpr std::size_t kHead = 8;
  std::memcpy(&status, buffer, std::min(sizeof status, static_cast<std::size_t>(n)));
  if (static_cast<std::size_t>(n) < kHead || status.magic != kMagic) {
    status = {};
    status.result = Result::broken;
  } else if (status.version != kVersion) {
    status.result = Result::other_version;
  } else if (n != sizeof status) {
    status.result = Result::broken;
  }
  return Receipt::datagram;
}

}  // namespace tanist::guard
