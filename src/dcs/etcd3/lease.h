#pragma once

#include <expected>
#include <functional>
#include <vector>

#include "async/event.h"
#include "dcs/etcd3/client.h"
#include "dcs/store.h"

namespace tanist::dcs::etcd3 {

/// The lease that this member's keys hang on: granted when needed, kept alive, replaced when it is gone or
/// when the ttl changed.
class Lease {
 public:
  Lease(Client& client, Clock& clock, Duration ttl);

  /// An answer that the lease is alive.
  struct Grip {
    Claim lease;
    /// Meaningful only from `prove`.
    Proof proof{};
    /// Of the answer, for whom it came from.
    Header header{};
  };
  /// A lease to bind keys to, without asking whether it is still alive.
  Task<std::expected<Grip, CallError>> take(Instant deadline);
  /// The same, proven alive by a keep-alive or by having just been granted.
  Task<std::expected<Grip, CallError>> prove(Instant deadline);

  Claim current() const { return current_; }
  /// The current lease, an older one of this process, or one of an earlier incarnation.
  bool mine(const Claim& claim) const;
  /// A node said that it does not exist: a new one is to be used. It may be wrong (it does not know the lease
  /// yet, or an answer was not its own), so what is bound to it stays mine: only a transaction that looks at
  /// the key tells.
  void doubt(const Claim& lease);
  /// The store went back in time: nothing that is bound to a lease of before is mine.
  void void_all();
  void set_ttl(Duration ttl) { ttl_ = ttl; }
  /// The next binding is to a new lease: what was sent under this one may still arrive.
  void retire() { granted_for_ = {}; }
  /// One of an earlier incarnation.
  void adopt(Claim previous);
  void on_claim(std::function<Task<void>(Claim)> recorder) { recorder_ = std::move(recorder); }

 private:
  bool needed() const { return current_.empty() || granted_for_ != ttl_; }
  Task<std::expected<Grip, CallError>> grant(Instant deadline);
  void keep_as_older(Claim lease);

  Client& client_;
  Clock& clock_;
  Duration ttl_;
  Duration granted_for_{};
  Claim current_;
  std::vector<Claim> older_;
  /// Grows when all leases became void: what was asked for before is void, too.
  std::uint64_t era_ = 0;
  bool granting_ = false;
  Event granted_;
  std::function<Task<void>(Claim)> recorder_;
};

}  // namespace tanist::dcs::etcd3
