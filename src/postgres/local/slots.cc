#include "postgres/local/slots.h"

#include <algorithm>
#include <map>

#include "log/log.h"
#include "postgres/local/context.h"
#include "postgres/local/work_connection.h"

TANIST_LOGGER("patroni.postgresql.slots");

namespace tanist::postgres {

namespace {

struct Existing {
  std::string name;
  bool logical = false;
  bool active = false;
  bool has_xmin = false;
  Lsn restart_lsn;
  std::string wal_status;
};

std::string list_query(int version) {
  return fmt::format(
      "SELECT slot_name, slot_type, active, xmin IS NOT NULL, restart_lsn::text, {} FROM "
      "pg_replication_slots{}{}",
      version >= 130000 ? "wal_status" : "NULL", version >= 100000 ? " WHERE NOT temporary" : "",
      version >= 170000 ? " AND NOT (failover AND synced)" : "");
}

}  // namespace

Task<void> sync_slots(Context& context, WorkConnection& work, std::vector<WantedSlot> wanted,
                      bool drop_unknown, Instant deadline) {
  const Facts& facts = context.facts;
  if (!facts.accepts() || !facts.probe || facts.major_version < 90400) co_return;
  const int version = facts.probe->server_version;
  const bool can_advance = version >= 110000;
  auto listing = work.query(list_query(version), {}, deadline);
  auto rows = co_await std::move(listing);
  if (!rows) {
    log::warning("Exception when changing replication slots: {}", rows.error().detail);
    co_return;
  }
  std::map<std::string, Existing> existing;
  for (const auto& row : *rows) {
    const std::string name = row[0].value_or("");
    existing[name] = {name,
                      row[1] == "logical",
                      row[2] == "t",
                      row[3] == "t",
                      parse_lsn(row[4].value_or("")).value_or(Lsn{}),
                      row[5].value_or("")};
  }

  const auto find_wanted = [&](const std::string& name) {
    return std::ranges::find_if(wanted, [&](const WantedSlot& slot) { return slot.name == name; });
  };
  std::vector<std::string> drop;
  for (const auto& [name, slot] : existing) {
    const auto want = find_wanted(name);
    const bool known = want != wanted.end();
    if (slot.logical) {
      // Logical slots are not managed by this version, and a name that is taken by one cannot be used.
      if (known) log::warning("Replication slot '{}' is wanted for a member, but it is a logical one", name);
      continue;
    }
    const bool lost = slot.wal_status == "lost";
    if (!known && !drop_unknown) continue;
    if (!known || lost) {
      log::info("Trying to drop {} replication slot '{}'{}", known ? "" : "unknown", name,
                known ? " with wal_status=lost" : "");
      drop.push_back(name);
    } else if (can_advance && drop_unknown && !want->expected_active && slot.has_xmin) {
      log::warning("Dropping physical replication slot {} because of its xmin value", name);
      drop.push_back(name);
    } else if (can_advance && !want->expected_active && !slot.active && !slot.restart_lsn) {
      drop.push_back(name);
    }
  }
  for (const auto& name : drop) {
    auto dropping = work.query(
        "WITH slots AS (SELECT slot_name, active FROM pg_replication_slots WHERE slot_name = $1), "
        "dropped AS (SELECT pg_drop_replication_slot(slot_name), true AS dropped FROM slots WHERE not "
        "active) "
        "SELECT active, coalesce(dropped, false) FROM slots LEFT JOIN dropped ON true",
        std::vector<std::string>{name}, deadline);
    auto dropped = co_await std::move(dropping);
    if (!dropped) {
      log::error("Failed to drop replication slot '{}': {}", name, dropped.error().detail);
    } else if (!dropped->empty() && dropped->front()[0] == "t") {
      log::warning("Unable to drop replication slot '{}', slot is active", name);
    } else {
      log::info("Dropped replication slot '{}'", name);
      existing.erase(name);
    }
  }

  for (const auto& want : wanted) {
    const auto found = existing.find(want.name);
    if (found == existing.end()) {
      auto creating = work.query(
          version >= 90600
              ? "SELECT pg_create_physical_replication_slot($1, true) WHERE NOT EXISTS "
                "(SELECT 1 FROM pg_replication_slots WHERE slot_type = 'physical' AND slot_name = $1)"
              : "SELECT pg_create_physical_replication_slot($1) WHERE NOT EXISTS "
                "(SELECT 1 FROM pg_replication_slots WHERE slot_type = 'physical' AND slot_name = $1)",
          std::vector<std::string>{want.name}, deadline);
      auto created = co_await std::move(creating);
      if (!created)
        log::error("Failed to create physical replication slot '{}': {}", want.name, created.error().detail);
      continue;
    }
    const Existing& slot = found->second;
    const bool behind = want.advance_to && slot.restart_lsn < want.advance_to;
    if (!can_advance || slot.logical || slot.active || want.expected_active || !slot.restart_lsn || !behind)
      continue;
    auto advancing = work.query("SELECT pg_replication_slot_advance($1, $2::pg_lsn)",
                                std::vector<std::string>{want.name, to_string(want.advance_to)}, deadline);
    auto advanced = co_await std::move(advancing);
    if (!advanced) {
      log::debug("could not advance replication slot '{}' to {}: {}", want.name, to_string(want.advance_to),
                 advanced.error().detail);
    }
  }
}

}  // namespace tanist::postgres
