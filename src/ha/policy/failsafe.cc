#include "ha/policy/failsafe.h"

#include "ha/policy/member_slots.h"
#include "ha/policy/questions.h"

namespace tanist::ha::policy {

std::optional<FailsafeTerms> failsafe_terms(const Draft& d) {
  const View& view = d.view;
  const auto& dynamic = d.settings.dynamic;
  if (!dynamic.failsafe_mode || dynamic.pause || dynamic.standby_cluster) return std::nullopt;
  if (!view.lease.held(d.now()) || !(view.has_lock() || leads_by_promise(view))) return std::nullopt;
  const auto& listed = d.cluster.failsafe;
  if (!listed || d.cluster.failsafe_broken || !listed->contains(d.me())) return std::nullopt;
  FailsafeTerms terms;
  terms.members = *listed;
  // What was written and not seen since may be what others race by.
  if (d.memory.failsafe.over == d.cluster.failsafe_version)
    for (const auto& [name, url] : d.memory.failsafe.written) terms.members.try_emplace(name, url);
  terms.members.erase(d.me());
  terms.question = {.leader = d.me(),
                    .conn_url = d.facts().conn_url.empty() ? d.settings.conn_url : d.facts().conn_url,
                    .api_url = d.settings.api_url,
                    .valid_for = d.timing().ttl};
  if (has_fresh_probe(view)) terms.question.slots = slot_positions(view);
  return terms;
}

void publish_failsafe(Draft& d) {
  if (!d.settings.dynamic.failsafe_mode) return;
  std::map<std::string, std::string> members;
  for (const auto& [name, member] : d.cluster.members)
    if (!member.api_url.empty()) members[name] = member.api_url;
  members[d.me()] = d.settings.api_url;
  if (d.cluster.failsafe == members && !d.cluster.failsafe_broken) return;
  auto& memory = d.memory.failsafe;
  if (memory.over != d.cluster.failsafe_version) memory = {.over = d.cluster.failsafe_version};
  for (const auto& [name, url] : members) memory.written[name] = url;
  d.add(duty::Failsafe{.version = d.cluster.failsafe_version, .members = std::move(members)});
}

}  // namespace tanist::ha::policy
