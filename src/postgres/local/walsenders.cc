#include "postgres/local/walsenders.h"

#include <set>

#include "postgres/local/context.h"
#include "postgres/standby_names.h"
#include "process/pidfd.h"

namespace tanist::postgres {

void WalSenders::take(const Probe& probe) {
  std::set<int> wanted;
  if (!probe.standby_names.empty()) {
    const auto names = parse_standby_names(probe.standby_names).value_or(StandbyNames());
    for (const auto& sender : probe.wal_senders)
      if (sender.pid != 0 && names.names.contains(sender.application_name)) wanted.insert(sender.pid);
  }
  for (auto at = watched_.begin(); at != watched_.end();) {
    if (wanted.contains(at->first)) {
      ++at;
      continue;
    }
    at->second.cancel();
    at = watched_.erase(at);
  }
  for (const int pid : wanted)
    if (!watched_.contains(pid)) watched_.emplace(pid, context_.spawn("WAL sender", watch(pid)));
}

Task<void> WalSenders::watch(int pid) {
  const auto sender = process::PidFd::open(pid);
  if (sender) {
    co_await sender->wait(context_.clock);
  }
  if (watched_.erase(pid) == 0) co_return;
  if (context_.facts.probe)
    std::erase_if(context_.facts.probe->wal_senders, [&](const auto& seen) { return seen.pid == pid; });
  context_.probe_wanted.set();
  context_.changed(ServerEvent::walsender_ended);
}

}  // namespace tanist::postgres
