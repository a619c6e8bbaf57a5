#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "async/clock.h"
#include "async/task.h"
#include "core/time.h"
#include "ctl/event_parser.h"
#include "ctl/member_api.h"
#include "ctl/terminal.h"
#include "dcs/model.h"
#include "net/http.h"

namespace tanist::ctl {

/// Why one no longer listens to a member.
enum class Silence {
  /// It was not reached, or said no.
  unreachable,
  /// It serves no events: a member of Patroni, or of an older release.
  not_served,
  /// It told, and that has ended.
  ended,
};

/// Tells `told` each event of a member of this cluster, the snapshot first, until that ends. A member that
/// says nothing for longer than its signs of life need is taken for gone.
Task<Silence> listen_to(net::HttpClient* client, Clock* clock, MemberAccess access, std::string api_url,
                        std::string cluster, std::function<void(const MemberEvent&)> told);

/// Waits between two looks at clusters: as long as is said, or until a member of one of them tells of a
/// change. Where no member serves events, or none is reached, it just waits.
class Changes {
 public:
  /// `api` may be nullptr, as may what it listens with: then nobody is listened to.
  Changes(MemberApi* api, const Terminal& terminal);
  /// What was just seen, and so who is to be listened to.
  void seen(const std::string& name, const dcs::Cluster& cluster);
  /// False: stop. Returns a moment after the first change, for others that come with it.
  bool wait(Instant until);

 private:
  const Terminal& terminal_;
  std::unique_ptr<Listening> listening_;
};

}  // namespace tanist::ctl
