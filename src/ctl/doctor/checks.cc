#include "ctl/doctor/findings.h"

namespace tanist::ctl::doctor {

const char* name_of(Grade grade) {
  switch (grade) {
    case Grade::note: return "note";
    case Grade::warning: return "warning";
    case Grade::error: break;
  }
  return "error";
}

const std::vector<Check>& checks() {
  static const std::vector<Check> all = {
      {"leader", "one member leads, and runs", check_leader},
      {"candidates", "somebody could take over", check_candidates},
      {"replication", "replicas stream, on the leader's timeline", check_replication},
      {"api", "each member's REST API answers", check_answers},
      {"troubles", "what members say is wrong with them", check_troubles},
      {"identity", "all are copies of one database", check_identity},
      {"timing", "ttl, loop_wait and retry_timeout fit each other", check_timing},
      {"modes", "modes that change what happens", check_modes},
      {"requests", "switchovers that wait", check_requests},
      {"clocks", "clocks agree", check_clocks},
      {"versions", "members run the same", check_versions},
      {"restarts", "parameters are in force", check_restarts},
      {"hosts", "members stand on hosts of their own", check_hosts},
      {"postgres", "settings, slots and archive of each server", check_postgres},
  };
  return all;
}

}  // namespace tanist::ctl::doctor
