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
      {"leader", "one member leads, and runs", "store, REST API", check_leader},
      {"candidates", "somebody could take over", "store, REST API", check_candidates},
      {"replication", "replicas stream, on the leader's timeline", "store", check_replication},
      {"api", "each member's REST API answers", "REST API", check_answers},
      {"troubles", "what members say is wrong with them", "REST API", check_troubles},
      {"identity", "all are copies of one database", "store, REST API", check_identity},
      {"timing", "ttl, loop_wait and retry_timeout fit each other", "store", check_timing},
      {"configuration", "members and their servers take the shared configuration as it is", "store, REST API",
       check_configuration},
      {"modes", "modes that change what happens", "store", check_modes},
      {"synchronous", "somebody else has what is committed, as synchronous_mode says", "store, REST API",
       check_sync},
      {"zones", "members of other zones have what is committed, as synchronous_zones says", "store",
       check_zones},
      {"requests", "switchovers that wait", "store", check_requests},
      {"clocks", "clocks agree", "REST API", check_clocks},
      {"versions", "members run the same", "REST API", check_versions},
      {"restarts", "parameters are in force", "store", check_restarts},
      {"hosts", "members stand on hosts of their own", "store", check_hosts},
      {"postgres", "settings, slots and archive of each server", "PostgreSQL", check_postgres},
      {"access", "who is let in without a password: pg_hba.conf, REST API", "PostgreSQL, REST API",
       check_access},
      {"rewind", "pg_rewind can do its work: checksums or hints, and rights", "PostgreSQL", check_rewind},
      {"space", "there is room for a rewind and a new copy", "REST API, PostgreSQL", check_space},
      {"slots", "slots endanger no disk, and their consumers can go on elsewhere", "REST API", check_slots},
  };
  return all;
}

}  // namespace tanist::ctl::doctor
