#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "guard/message.h"
#include "guard/proc.h"

/// The socket between daemon and guardian: whole datagrams, never waited for.
namespace tanist::guard {

/// Listens on kSocketName in the directory, for its owner alone; -1 and errno: it cannot.
int listen_at(int directory);
/// Connects to it; -1 and errno: nobody listens.
int connect_to(int directory);
/// The next one who connects; -1: nobody does.
int accept_at(int listener);

struct Peer {
  pid_t pid = 0;
  uid_t uid = 0;
};
/// Who connected, or listened, as the kernel knows him.
std::optional<Peer> peer_of(int fd);

struct Received {
  Request request;
  /// Of the datagram; more than a Request: it was longer.
  std::size_t bytes = 0;
  std::array<Descriptor, 2> descriptors;
  std::span<Descriptor> passed;
  /// Part of what came with it was lost.
  bool cut = false;
};
enum class Receipt { nothing, ended, datagram };
Receipt receive(int fd, Received& received);

/// False: the other side does not read, or is gone.
bool send_status(int fd, const Status& status);
bool send_request(int fd, const Request& request, std::span<const int> descriptors);
/// Of the guardian; `broken` in the result: what came is none.
Receipt receive_status(int fd, Status& status);

}  // namespace tanist::guard
