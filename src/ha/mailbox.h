#pragma once

#include <variant>

#include "async/mailbox.h"
#include "ha/model/orders.h"

namespace tanist::ha {

namespace detail {
template <class Decided, class... Others>
struct MailboxFor;
template <class... Decided, class... Others>
struct MailboxFor<std::variant<Decided...>, Others...> {
  using type = tanist::Mailbox<Decided..., Others...>;
};
}  // namespace detail

/// All that the api thread asks of the control thread goes through one of these.
using Mailbox = detail::MailboxFor<Order, order::ScheduleRestart, order::DropScheduledRestart, order::Refresh,
                                   order::ReadCluster, order::AskMembers, order::Promise, order::WriteKey,
                                   order::Reload>::type;

}  // namespace tanist::ha
