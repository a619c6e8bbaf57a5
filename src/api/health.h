#pragma once

#include <string>
#include <string_view>

#include "api/member_status.h"

/// Health checks (rest-api.md §4), answered from a snapshot alone. Every function is pure.
namespace tanist::api {

/// An answer with the reason for a refusal; empty when all is well.
struct Verdict {
  int status = 200;
  std::string reason;
};

/// 200 or 503 for any path that is no named resource.
///
/// A leader is said to be one only while its lease is held by the clock of the answer and its role says
/// primary (in a standby cluster: replica or standby_leader). Patroni looks at the lock alone; here a member
/// whose demotion has been decided, or whose promotion has not ended, is not offered to writers although it
/// holds the key. PostgreSQL itself is asked by neither. Without a view of the store and in pause the role
/// decides, as nobody is promoted meanwhile. A stale snapshot never says leader or writable.
int health_status(std::string_view target, const MemberStatus& status);

/// GET /liveness: control still decides. A primary has `ttl` from the planned start of its cycle, others
/// twice that.
Verdict liveness(const MemberStatus& status, Instant now);

/// GET /readiness?lag=&mode=: the leader, or a replica that streams within the limit.
Verdict readiness(std::string_view target, const MemberStatus& status);

}  // namespace tanist::api
