#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <variant>

#include "async/mailbox.h"
#include "core/time.h"
#include "dcs/model.h"
#include "dcs/values.h"
#include "ha/model/orders.h"

namespace tanist::ha {

namespace order {

// What needs no decision. A `deadline` bounds the work; the asker may wait longer.

/// Look at PostgreSQL now unless what is known of it is younger than `max_age`, and publish: for GET /patroni
/// of peers.
struct Refresh {
  static constexpr std::string_view kName = "refresh";
  using Answer = std::monostate;
  Duration max_age{};
  Instant deadline{};
};

/// A linearizable view of the cluster; the error says why it could not be had.
struct ReadCluster {
  static constexpr std::string_view kName = "read cluster";
  using Answer = std::expected<dcs::ClusterPtr, std::string>;
  Instant deadline{};
};

/// Write a key of the store, and wake the cycle.
struct WriteKey {
  static constexpr std::string_view kName = "write key";
  using Answer = dcs::WriteResult;
  dcs::Record record;
  dcs::Condition condition;
  Instant deadline{};
};

/// Read the local configuration again and apply it, as SIGHUP does: begun when it is answered.
struct Reload {
  static constexpr std::string_view kName = "reload";
  using Answer = std::monostate;
};

}  // namespace order

namespace detail {
template <class Decided>
struct MailboxOf;
template <class... Decided>
struct MailboxOf<std::variant<Decided...>> {
  using type = tanist::Mailbox<Decided..., order::ScheduleRestart, order::DropScheduledRestart,
                               order::Refresh, order::ReadCluster, order::WriteKey, order::Reload>;
};
}  // namespace detail

/// All that the api thread asks of the control thread goes through this one.
using Mailbox = detail::MailboxOf<Order>::type;

}  // namespace tanist::ha
