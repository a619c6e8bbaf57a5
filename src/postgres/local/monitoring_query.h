#pragma once

#include <string>

#include "postgres/client/connection.h"
#include "postgres/types.h"

namespace tanist::postgres {

/// The one query that tells role, positions, receiver, slots and walsenders (postgres.md §19, rest-api.md
/// §3.1).
std::string monitoring_query(int server_version);

/// Its answer, and the time of the last reload, which is not part of a Probe.
struct MonitoringAnswer {
  Probe probe;
  std::string conf_load_time;
};
std::optional<MonitoringAnswer> parse_monitoring_answer(const Rows& rows);

/// `2031-03-04 05:06:07.8+00` → `2031-03-04 05:06:07.800000+00:00`, as Python prints a time.
std::string python_time(std::string text);

}  // namespace tanist::postgres
