#include "postgres/local/monitoring_query.h"
#include "json/parse.h"

#include <charconv>

#include "core/document.h"
#include "core/format.h"

namespace tanist::postgres {
namespace {

constexpr int kColumns = 24;

std::string slots_of(int version) {
  if (version < 90400) return "NULL";
  const auto column = [&](int since, std::string_view name) {
    return fmt::format("'{}', {}", name, version >= since ? fmt::format("s.{}", name) : "NULL");
  };
  return fmt::format(
      "(SELECT json_agg(json_build_object('slot_name', s.slot_name, 'slot_type', s.slot_type, 'plugin', "
      "s.plugin, "
      "'database', d.datname, 'active', s.active, 'restart_lsn', s.restart_lsn::text, {}, {}, {}, {}, {}, "
      "'xmin', s.xmin::text, 'catalog_xmin', s.catalog_xmin::text)) FROM pg_get_replication_slots() s "
      "LEFT JOIN pg_database d ON d.oid = s.datoid)",
      version >= 90600 ? "'confirmed_flush_lsn', s.confirmed_flush_lsn::text" : "'confirmed_flush_lsn', NULL",
      column(130000, "wal_status"), column(100000, "temporary"), column(170000, "failover"),
      column(170000, "synced"));
}

std::string wal_senders_of(std::string_view lsn, bool ten) {
  // 9.3 has no json_build_object().
  return fmt::format(
      "(SELECT json_agg(x) FROM (SELECT w.pid, pg_get_userbyid(a.usesysid) AS usename, a.application_name, "
      "host(a.client_addr) AS client_addr, w.state, w.sync_state, w.sync_priority, w.write_{0}::text AS "
      "write_lsn, "
      "w.flush_{0}::text AS flush_lsn, w.replay_{0}::text AS replay_lsn, {1} AS replay_lag "
      "FROM pg_stat_get_wal_senders() w JOIN pg_stat_get_activity(NULL) a ON a.pid = w.pid) x)",
      lsn, ten ? "(extract(epoch FROM w.replay_lag) * 1000000)::bigint" : "NULL::bigint");
}

/// Until the checkpointer has read a list that was empty before, commits wait for nobody (replication.md
/// §14): what it waits for tells whether it can have done so.
std::string checkpointer_of(bool ten) {
  if (!ten) return "NULL";
  return "CASE WHEN current_setting('synchronous_standby_names') <> '' THEN (SELECT a.wait_event FROM "
         "pg_stat_get_activity(NULL) a WHERE a.backend_type = 'checkpointer') END";
}

/// WAL that slots may hold back at most: wal_keep_size leaves it there where that is more.
std::string slot_bound_of(int version) {
  if (version < 130000) return "NULL";
  return "CASE WHEN current_setting('max_slot_wal_keep_size') <> '-1' THEN greatest(pg_size_bytes("
         "current_setting('max_slot_wal_keep_size')), pg_size_bytes(current_setting('wal_keep_size'))) END";
}

template <class T>
T number(const std::optional<std::string>& text) {
  T value{};
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

Lsn lsn(const std::optional<std::string>& text) {
  return text ? parse_lsn(*text).value_or(Lsn{}) : Lsn{};
}

std::string text_of(const Document& map, std::string_view key) {
  const Document* value = map.find(key);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

Lsn lsn_of(const Document& map, std::string_view key) {
  return parse_lsn(text_of(map, key)).value_or(Lsn{});
}

/// 0: there is none.
std::uint64_t xid_of(const Document& map, std::string_view key) {
  return number<std::uint64_t>(std::optional(text_of(map, key)));
}

bool bool_of(const Document& map, std::string_view key) {
  const Document* value = map.find(key);
  return value != nullptr && value->is_bool() && value->as_bool();
}

int int_of(const Document& map, std::string_view key) {
  const Document* value = map.find(key);
  return value != nullptr && value->is_int() ? static_cast<int>(value->as_int()) : 0;
}

/// Microseconds.
std::optional<Duration> duration_of(const Document& map, std::string_view key) {
  const Document* value = map.find(key);
  if (value == nullptr || !value->is_int()) return std::nullopt;
  return std::chrono::microseconds(value->as_int());
}

Document::List items(const std::optional<std::string>& json) {
  if (!json) return {};
  auto document = parse_json(*json);
  if (!document || !document->is_list()) return {};
  return std::move(document->as_list());
}

}  // namespace

std::string monitoring_query(int version) {
  const bool ten = version >= 100000;
  const std::string_view wal = ten ? "wal" : "xlog";
  const std::string_view lsn = ten ? "lsn" : "location";
  const std::string flush = version >= 90600 ? fmt::format("pg_current_{}_flush_{}()", wal, lsn)
                                             : fmt::format("pg_current_{}_{}()", wal, lsn);
  const bool receiver = version >= 90600;
  const auto of_receiver = [&](std::string_view column) {
    return receiver ? fmt::format("r.{}", column) : std::string("NULL");
  };
  return fmt::format(
      "SELECT pg_postmaster_start_time(), pg_is_in_recovery(), "
      "CASE WHEN pg_is_in_recovery() THEN 0 ELSE ('x' || substr(pg_{0}file_name(pg_current_{0}_{1}()), 1, 8))"
      "::bit(32)::int END, "
      "CASE WHEN pg_is_in_recovery() THEN NULL ELSE {2} END, "
      "pg_last_{0}_replay_{1}(), pg_last_{0}_receive_{1}(), "
      "CASE WHEN pg_is_in_recovery() THEN pg_is_{0}_replay_paused() ELSE false END, "
      "pg_last_xact_replay_timestamp(), "
      "CASE WHEN {3} IS NULL THEN NULL ELSE {4} END, {3}, {5}, {6}, {7}, {8}, {9}, {10}, "
      "pg_conf_load_time(), {11}, {12}, current_setting('synchronous_standby_names'), "
      "current_setting('synchronous_commit'), {13}, {14}, {15}{16}",
      wal, lsn, flush, of_receiver("latest_end_lsn"), of_receiver("received_tli"),
      version >= 130000 ? "r.written_lsn" : "NULL", of_receiver("slot_name"), of_receiver("conninfo"),
      of_receiver("status"), of_receiver("pid"),
      version >= 120000 ? "current_setting('restore_command')" : "NULL", slots_of(version),
      wal_senders_of(lsn, ten), checkpointer_of(ten), slot_bound_of(version),
      version >= 170000 ? "current_setting('synchronized_standby_slots')" : "NULL",
      receiver ? " FROM pg_stat_get_wal_receiver() r" : "");
}

std::string python_time(std::string text) {
  const auto zone = text.find_first_of("+-", 11);
  if (zone == std::string::npos) return text;
  std::string offset = text.substr(zone);
  std::string time = text.substr(0, zone);
  if (const auto dot = time.find('.'); dot != std::string::npos)
    time.resize(std::max(dot + 7, time.size()), '0');
  if (offset.find(':') == std::string::npos) offset += ":00";
  return time + offset;
}

std::optional<MonitoringAnswer> parse_monitoring_answer(const Rows& rows) {
  if (rows.size() != 1 || rows[0].size() != kColumns) return std::nullopt;
  const Row& row = rows[0];
  MonitoringAnswer answer;
  Probe& probe = answer.probe;
  probe.postmaster_start_time = python_time(row[0].value_or(""));
  probe.in_recovery = row[1] == "t";
  probe.timeline = {static_cast<std::uint32_t>(number<std::int32_t>(row[2]))};
  probe.wal = lsn(row[3]);
  probe.replay = lsn(row[4]);
  probe.receive = std::max(lsn(row[5]), lsn(row[10]));
  probe.replay_paused = row[6] == "t";
  if (row[7]) probe.replayed_timestamp = python_time(*row[7]);
  probe.received_timeline = {number<std::uint32_t>(row[8])};
  probe.latest_end = lsn(row[9]);
  probe.receiver_slot = row[11].value_or("");
  probe.receiver_conninfo = row[12].value_or("");
  probe.receiver_state = row[13].value_or("");
  probe.receiver_pid = number<int>(row[14]);
  probe.restore_command = row[15].value_or("");
  answer.conf_load_time = row[16].value_or("");
  probe.standby_names = row[19].value_or("");
  probe.synchronous_commit = row[20].value_or("");
  probe.checkpointer_wait = row[21].value_or("");
  probe.standby_slots = row[23].value_or("");
  if (row[22]) probe.slot_wal_keep_bytes = number<std::int64_t>(row[22]);
  for (const auto& item : items(row[17])) {
    SlotSeen slot;
    slot.name = text_of(item, "slot_name");
    slot.logical = text_of(item, "slot_type") == "logical";
    slot.active = bool_of(item, "active");
    slot.restart_lsn = lsn_of(item, "restart_lsn");
    slot.confirmed_flush_lsn = lsn_of(item, "confirmed_flush_lsn");
    slot.database = text_of(item, "database");
    slot.plugin = text_of(item, "plugin");
    slot.wal_status = text_of(item, "wal_status");
    slot.xmin = xid_of(item, "xmin");
    slot.catalog_xmin = xid_of(item, "catalog_xmin");
    slot.failover = bool_of(item, "failover");
    slot.synced = bool_of(item, "synced");
    slot.temporary = bool_of(item, "temporary");
    // What the server itself copies is its business (replication.md §6).
    const bool own_business = slot.temporary || (slot.failover && slot.synced);
    (own_business ? probe.other_slots : probe.slots).push_back(std::move(slot));
  }
  for (const auto& item : items(row[18])) {
    WalSenderSeen sender;
    sender.pid = int_of(item, "pid");
    sender.usename = text_of(item, "usename");
    sender.application_name = text_of(item, "application_name");
    if (const Document* address = item.find("client_addr"); address != nullptr && address->is_string()) {
      sender.client_addr = address->as_string();
    }
    sender.state = text_of(item, "state");
    sender.sync_state = text_of(item, "sync_state");
    sender.sync_priority = int_of(item, "sync_priority");
    sender.write_lsn = lsn_of(item, "write_lsn");
    sender.flush_lsn = lsn_of(item, "flush_lsn");
    sender.replay_lsn = lsn_of(item, "replay_lsn");
    sender.replay_lag = duration_of(item, "replay_lag");
    probe.wal_senders.push_back(std::move(sender));
  }
  if (!probe.in_recovery) probe.effective_timeline = probe.timeline;
  if (probe.in_recovery) probe.effective_timeline = probe.received_timeline;
  return answer;
}

}  // namespace tanist::postgres
