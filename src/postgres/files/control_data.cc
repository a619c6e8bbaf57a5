#include "postgres/files/control_data.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "core/text.h"
#include "postgres/files/wal_files.h"

namespace tanist::postgres {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

template <class T>
std::optional<T> number_in(std::string_view text) {
  T value{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() || text.empty())
    return std::nullopt;
  return value;
}

template <class F>
void for_each_line(std::string_view text, F&& f) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    f(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// Names of pg_controldata and of the settings they mean.
constexpr std::pair<std::string_view, std::string_view> kRequired[] = {
    {"max_connections setting", "max_connections"},
    {"max_worker_processes setting", "max_worker_processes"},
    {"max_wal_senders setting", "max_wal_senders"},
    {"max_prepared_xacts setting", "max_prepared_transactions"},
    {"max_locks_per_xact setting", "max_locks_per_transaction"},
};

void take(ControlData& data, std::string_view key, std::string_view value) {
  if (key == "Database cluster state") data.cluster_state = value;
  if (key == "Database system identifier") data.system_identifier = value;
  if (key == "Latest checkpoint location") data.latest_checkpoint = parse_lsn(value).value_or(Lsn{});
  if (key == "Latest checkpoint's TimeLineID")
    data.checkpoint_timeline = {number_in<std::uint32_t>(value).value_or(0)};
  if (key == "Minimum recovery ending location") data.min_recovery_end = parse_lsn(value).value_or(Lsn{});
  if (key == "Min recovery ending loc's timeline") {
    data.min_recovery_timeline = {number_in<std::uint32_t>(value).value_or(0)};
  }
  if (key == "wal_log_hints setting") data.wal_log_hints = value == "on";
  if (key == "Data page checksum version") data.data_checksums = value != "0";
  if (key == "Bytes per WAL segment") {
    if (const auto bytes = number_in<std::uint64_t>(value); bytes && *bytes > 0)
      data.wal_segment_bytes = *bytes;
  }
  for (const auto& [name, setting] : kRequired) {
    if (key != name) continue;
    if (auto required = number_in<std::int64_t>(value)) data.required_settings.emplace(setting, *required);
  }
}

}  // namespace

std::optional<ControlData> parse_control_data(std::string_view text) {
  ControlData data;
  for_each_line(text, [&](std::string_view line) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return;
    std::string_view key = trimmed(line.substr(0, colon));
    if (key.starts_with("Current ")) key.remove_prefix(8);
    take(data, key, trimmed(line.substr(colon + 1)));
  });
  if (data.cluster_state.empty() || data.system_identifier.empty()) return std::nullopt;
  return data;
}

bool WalRecord::is_shutdown_checkpoint() const {
  const std::string text = lower(description);
  return rmgr == "XLOG" && text.starts_with("checkpoint") && text.ends_with("shutdown");
}

bool WalRecord::is_switch() const {
  const std::string text = lower(description);
  return rmgr == "XLOG" && (text == "switch" || text == "xlog switch");
}

std::optional<WalRecord> parse_wal_record(std::string_view line) {
  // rmgr: XLOG        len (rec/tot):    114/   114, tx:          0, lsn: 0/014F8D38, prev 0/014F8D00, desc: …
  WalRecord record;
  const auto after = [&](std::string_view mark, std::string_view end) -> std::string_view {
    const auto at = line.find(mark);
    if (at == std::string_view::npos) return {};
    const auto rest = line.substr(at + mark.size());
    return trimmed(rest.substr(0, rest.find(end)));
  };
  if (!trimmed(line).starts_with("rmgr:")) return std::nullopt;
  record.rmgr = after("rmgr:", "len");
  const auto lsn = parse_lsn(after("lsn:", ","));
  const auto prev = parse_lsn(after("prev ", ","));
  const auto at = line.find("desc:");
  if (!lsn || !prev || at == std::string_view::npos) return std::nullopt;
  record.lsn = *lsn;
  record.prev = *prev;
  const std::string_view lengths = after("(rec/tot):", ",");
  record.bytes = number_in<std::uint64_t>(trimmed(lengths.substr(lengths.find('/') + 1))).value_or(0);
  record.description = trimmed(line.substr(at + 5));
  return record;
}

Lsn end_of_last_record(std::string_view out, std::string_view err) {
  constexpr std::string_view kError = "error in WAL record at ";
  constexpr std::string_view kEmptyPlace = "invalid record length at ";
  // Of a page that is new, or was part of a WAL file that is used again.
  constexpr std::string_view kEmptyPage[] = {"invalid magic number 0000", "unexpected pageaddr "};
  // Of each program of PostgreSQL that is run where its user may not look.
  constexpr std::string_view kNoMatter = "could not change directory to ";
  std::vector<WalRecord> records;
  for_each_line(out, [&](std::string_view line) {
    if (auto record = parse_wal_record(line)) records.push_back(std::move(*record));
  });
  std::vector<std::string_view> errors;
  for_each_line(err, [&](std::string_view line) {
    if (!trimmed(line).empty() && line.find(kNoMatter) == std::string_view::npos) errors.push_back(line);
  });
  if (records.size() != 1 || errors.size() != 1) return {};
  // … error in WAL record at 0/14F8D38: invalid record length at 0/14F8DB0: wanted 24, got 0
  const auto at = errors[0].find(kError);
  const auto colon = at == std::string_view::npos ? at : errors[0].find(": ", at);
  if (colon == std::string_view::npos) return {};
  const std::string_view what = errors[0].substr(colon + 2);
  if (what.starts_with(kEmptyPlace)) {
    const auto place = what.substr(kEmptyPlace.size());
    return parse_lsn(place.substr(0, place.find_first_of(": "))).value_or(Lsn{});
  }
  const WalRecord& record = records[0];
  const Lsn end{record.lsn.value + (record.bytes + kWalAlignment - 1) / kWalAlignment * kWalAlignment};
  const bool page_is_empty =
      std::ranges::any_of(kEmptyPage, [&](std::string_view text) { return what.starts_with(text); });
  return page_is_empty && record.bytes > 0 && end.value % kWalPageBytes == 0 ? end : Lsn{};
}

}  // namespace tanist::postgres
