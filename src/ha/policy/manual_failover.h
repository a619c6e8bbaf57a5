#pragma once

#include <optional>
#include <string>

#include "ha/policy/draft.h"
#include "ha/policy/race.h"

/// What /failover asks for (ha.md §7): that the leader hands over, and to whom. Written by the REST API of a
/// member, by a tool, or by a member of other make.
namespace tanist::ha::policy {

/// As messages name it: `switchover` where the request names the leader to leave, else `manual failover`.
std::string action_of(const dcs::Failover& request);

/// There is a request, and its time has come. Beyond ha.md §7.3: one whose time has not come steers no race.
bool request_in_force(const View& view);

/// The member that a request in force wants to lead; empty: none is named.
std::string wanted_candidate(const View& view);

/// On the leader (ha.md §7.2); false: nothing that would end the decision.
bool hand_over_as_asked(Draft& d);

/// The stop that was begun for a request asks once more, right before clients lose their server: whatever
/// has gone wrong with the candidate meanwhile ends it here.
bool give_go(Draft& d, const OperationView& op);

/// The request under which the leader key was won is over (ha.md §5).
void settle_request(Draft& d);

/// While nobody leads and a request is in force (ha.md §7.3); nullopt: undecided.
std::optional<Verdict> race_by_request(Draft& d);

/// On the candidate of a request, while there is still a leader.
void prepare_to_lead(Draft& d);

}  // namespace tanist::ha::policy
