#include "postgres/copies/slot_copies.h"

#include <algorithm>
#include <charconv>

#include "core/document.h"
#include "log/log.h"
#include "postgres/client/connection.h"
#include "postgres/files/slot_files.h"
#include "postgres/local/context.h"
#include "postgres/local/directory.h"
#include "postgres/local/programs.h"
#include "postgres/parameters/parameters.h"

TANIST_LOGGER("patroni.postgresql.slots");

namespace tanist::postgres {

namespace {

constexpr int kMajorSlots = 10000;

std::optional<std::string> from_hex(std::string_view hex) {
  std::string out;
  if (hex.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    unsigned value = 0;
    const auto [end, ec] = std::from_chars(hex.data() + i, hex.data() + i + 2, value, 16);
    if (ec != std::errc() || end != hex.data() + i + 2) return std::nullopt;
    out += static_cast<char>(value);
  }
  return out;
}

std::string parameter(const Parameters& all, const std::string& name) {
  const auto found = all.find(name);
  return found == all.end() ? std::string() : found->second;
}

}  // namespace

std::string SlotCopies::why_not(std::size_t more) const {
  const Parameters parameters = effective_parameters(*context_.settings, programs_.target_version());
  const std::string level = parameter(parameters, "wal_level");
  if (level != "logical")
    return "wal_level is " + level + " here, and a server with such a slot would not start";
  const auto room = parse_int(Document(parameter(parameters, "max_replication_slots")));
  const auto& probe = context_.facts.probe;
  const std::size_t there = probe ? probe->slots.size() + probe->other_slots.size() : 0;
  if (room && *room < static_cast<std::int64_t>(there + more))
    return fmt::format("there would be {} replication slots here, max_replication_slots is {}", there + more,
                       *room);
  return {};
}

Task<std::expected<std::vector<SlotCopy>, Failure>> SlotCopies::fetch(Upstream leader,
                                                                      std::vector<WantedSlot> slots,
                                                                      Instant deadline) {
  std::string names;
  for (const auto& slot : slots) names += (names.empty() ? "" : ",") + slot.name;
  const auto failed = [&names, &leader](const std::string& why) {
    return std::unexpected(
        Failure{fmt::format("could not copy logical slots {} from {}: {}", names, leader.member, why)});
  };
  const auto is_there = [this](const WantedSlot& slot) {
    return context_.facts.probe && std::ranges::find(context_.facts.probe->slots, slot.name,
                                                     &SlotSeen::name) != context_.facts.probe->slots.end();
  };
  const std::size_t there = static_cast<std::size_t>(std::ranges::count_if(slots, is_there));
  if (const std::string why = why_not(slots.size() - there); !why.empty()) co_return failed(why);
  Connection connection(context_.clock, *context_.resolver);
  auto parameters = source_parameters(*context_.settings, leader,
                                      rewind_credentials(*context_.settings, programs_.target_version()));
  parameters["options"] = "-c statement_timeout=5000 -c search_path=pg_catalog";
  auto connected = co_await connection.connect(std::move(parameters), deadline);
  if (!connected) co_return failed(connected.error().detail);
  const int version = connection.server_version();
  if (version / kMajorSlots != programs_.target_version() / kMajorSlots)
    co_return failed(fmt::format("it is a server of version {}", version));
  auto asking = connection.query(
      fmt::format("SELECT s.slot_name, s.slot_type, d.datname, s.plugin, s.catalog_xmin::text, "
                  "encode(pg_read_binary_file('pg_replslot/' || s.slot_name || '/state', 0, 1000000, true), "
                  "'hex') FROM pg_get_replication_slots() s JOIN pg_database d ON d.oid = s.datoid "
                  "WHERE NOT pg_is_in_recovery() AND NOT s.temporary{} "
                  "AND s.slot_name = ANY (string_to_array($1, ',')::name[])",
                  version >= 170000 ? " AND NOT s.failover" : ""),
      {names}, deadline);
  auto rows = co_await std::move(asking);
  if (!rows) co_return failed(rows.error().detail);
  std::vector<SlotCopy> out;
  for (const auto& row : *rows) {
    const std::string name = row[0].value_or("");
    const auto want = std::ranges::find(slots, name, &WantedSlot::name);
    if (want == slots.end()) continue;
    if (row[1] != "logical" || row[2] != want->database || row[3] != want->plugin) {
      log::warning(
          "Will not copy the logical slot \"{}\" due to the configuration mismatch: it is a {} slot of "
          "database "
          "{} with plugin {}, wanted: database {}, plugin {}",
          name, row[1].value_or("?"), row[2].value_or("?"), row[3].value_or("?"), want->database,
          want->plugin);
      continue;
    }
    auto state = from_hex(row[5].value_or(""));
    if (!state || !is_slot_state(*state)) {
      log::warning("Will not copy the logical slot \"{}\": its file on {} could not be read whole", name,
                   leader.member);
      continue;
    }
    SlotCopy copy{.name = name, .state = std::move(*state)};
    const std::string xmin = row[4].value_or("");
    std::from_chars(xmin.data(), xmin.data() + xmin.size(), copy.catalog_xmin);
    out.push_back(std::move(copy));
  }
  co_return out;
}

Task<Result> SlotCopies::write(std::vector<SlotCopy> slots, Instant deadline) {
  if (!context_.stopped())
    co_return std::unexpected(Failure{"could not write logical slots: PostgreSQL runs"});
  const std::string data_dir = context_.pg().data_dir;
  const unsigned mode = directory_.file_mode(data_dir + "/pg_replslot/state");
  std::string names;
  for (const auto& slot : slots) names += (names.empty() ? "" : ", ") + slot.name;
  auto writing = context_.on_disk(
      "write logical slots",
      [data_dir, slots = std::move(slots), mode] { return write_slot_files(data_dir, slots, mode); },
      deadline);
  Result written = co_await std::move(writing);
  if (written) log::info("copied logical slots {} from the primary", names);
  co_return written;
}

}  // namespace tanist::postgres
