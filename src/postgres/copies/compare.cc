#include "postgres/copies/compare.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "log/log.h"
#include "postgres/files/control_data.h"
#include "postgres/files/history.h"
#include "postgres/files/version_names.h"
#include "postgres/files/wal_files.h"
#include "postgres/local/context.h"
#include "postgres/local/control_file.h"
#include "postgres/local/history_files.h"
#include "postgres/local/programs.h"

TANIST_LOGGER("patroni.postgresql.rewind");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kRecordHeader = 24;
/// Of the first record of a timeline; its header has a checksum over all of it.
constexpr std::uint64_t kComparedBytes = 64;
constexpr int kReadsRecords = 110000;

/// `count` bytes of a file from `offset` on; empty when they are not there.
std::string read_part(const std::string& path, std::uint64_t offset, std::uint64_t count) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string bytes(count, '\0');
  const auto got = ::pread(fd, bytes.data(), count, static_cast<off_t>(offset));
  ::close(fd);
  return got == static_cast<ssize_t>(count) ? bytes : std::string();
}

std::string in_hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

Lsn lsn_of(const std::optional<std::string>& text) {
  return parse_lsn(text.value_or("")).value_or(Lsn{});
}

}  // namespace

Task<std::expected<void, QueryError>> WalComparison::connect(Connection* connection, Upstream source,
                                                             Instant deadline) {
  auto parameters = primary_parameters(*context_.settings, source,
                                       rewind_credentials(*context_.settings, programs_.target_version()));
  parameters["options"] = "-c statement_timeout=2000 -c search_path=pg_catalog";
  co_return co_await connection->connect(std::move(parameters), deadline);
}

Task<std::optional<std::string>> WalComparison::why_not_writable(Upstream leader, Instant deadline) {
  Connection connection(context_.clock, *context_.resolver);
  const std::string name = leader.member;
  auto connected = co_await connect(&connection, std::move(leader), deadline);
  if (!connected) co_return connected.error().detail;
  auto asking = connection.query("SELECT pg_is_in_recovery()", {}, deadline);
  auto rows = co_await std::move(asking);
  if (!rows) co_return rows.error().detail;
  if (rows->size() != 1 || rows->front()[0] != "f") co_return name + " is still in recovery";
  co_return std::nullopt;
}

Task<std::expected<WalEnd, std::string>> WalComparison::local_end(Instant deadline) {
  if (context_.facts.running() && context_.facts.probe) {
    const Probe& probe = *context_.facts.probe;
    const Lsn lsn = probe.in_recovery ? probe.replay : probe.wal;
    if (probe.effective_timeline && lsn) co_return WalEnd{probe.effective_timeline, lsn, true};
    co_return std::unexpected("the local timeline or position is not known");
  }
  // Also of one that starts and does not answer yet.
  if (context_.facts.running() || !context_.facts.control) {
    co_await control_file_.read(deadline);
  }
  if (!context_.facts.control) co_return std::unexpected("the local control file cannot be read");
  const auto end = end_of_stopped(*context_.facts.control);
  if (end) co_return *end;
  co_return std::unexpected(
      fmt::format("the end of the local WAL is not known (\"{}\")", context_.facts.control->cluster_state));
}

Task<std::expected<WalComparison::Identity, std::string>> WalComparison::identify(Connection* connection,
                                                                                  Upstream source,
                                                                                  Instant deadline) {
  const auto failed = [&source](const std::string& why) {
    return std::unexpected(fmt::format("IDENTIFY_SYSTEM on {}: {}", source.member, why));
  };
  auto parameters = primary_parameters(*context_.settings, source, context_.pg().accounts.replication);
  parameters["dbname"] = "replication";
  parameters["replication"] = "1";
  auto connected = co_await connection->connect(std::move(parameters), deadline);
  if (!connected) co_return failed(connected.error().detail);
  auto rows = co_await connection->command("IDENTIFY_SYSTEM", deadline);
  if (!rows) co_return failed(rows.error().detail);
  if (rows->empty() || rows->front().size() < 3 || !rows->front()[0] || !rows->front()[1])
    co_return failed("no answer");
  Identity identity{.system_identifier = *rows->front()[0], .timeline = {}, .flushed = {}};
  const std::string& text = *rows->front()[1];
  std::from_chars(text.data(), text.data() + text.size(), identity.timeline.value);
  identity.flushed = lsn_of(rows->front()[2]);
  co_return identity;
}

Task<SourceAnswer> WalComparison::ask_source(Upstream source, Instant deadline) {
  Connection connection(context_.clock, *context_.resolver);
  SourceAnswer answer{.member = source.member, .system_identifier = {}, .detail = {}};
  auto identity = co_await identify(&connection, std::move(source), deadline);
  if (identity) {
    answer.system_identifier = std::move(identity->system_identifier);
  } else {
    answer.detail = std::move(identity.error());
  }
  co_return answer;
}

Task<std::expected<WalComparison::LeaderWal, std::string>> WalComparison::ask_leader(Upstream leader,
                                                                                     Timeline local,
                                                                                     Instant deadline) {
  const auto failed = [&leader](const std::string& what, const std::string& why) {
    return std::unexpected(fmt::format("{} on {}: {}", what, leader.member, why));
  };
  Connection connection(context_.clock, *context_.resolver);
  const auto identity = co_await identify(&connection, leader, deadline);
  if (!identity) co_return std::unexpected(identity.error());
  LeaderWal wal{.timeline = identity->timeline, .flushed = identity->flushed, .history = {}};
  // The first timeline has no history, and of one that is behind nothing needs to be known.
  if (wal.timeline.value <= 1 || wal.timeline < local) co_return wal;

  const std::string ask = fmt::format("TIMELINE_HISTORY {}", wal.timeline.value);
  auto history = co_await connection.command(ask, deadline);
  if (!history) co_return failed(ask, history.error().detail);
  if (history->empty() || history->front().size() < 2) co_return failed(ask, "no answer");
  wal.history = parse_history(history->front()[1].value_or(""));
  co_return wal;
}

Task<bool> WalComparison::began_differently(Upstream leader, WalEnd local, Lsn begin, Instant deadline) {
  if (programs_.target_version() < kReadsRecords) co_return false;
  const std::uint64_t segment =
      context_.facts.control ? context_.facts.control->wal_segment_bytes : ControlData{}.wal_segment_bytes;
  const Lsn record = first_record(begin, segment);
  const std::uint64_t header_bytes = wal_of_record(record, kRecordHeader, segment);
  if (header_bytes == 0 || local.lsn < record || local.lsn.value - record.value < header_bytes)
    co_return false;
  const std::string name = segment_name(local.timeline, record, segment);
  const std::uint64_t offset = record.value % segment;
  const std::string path = programs_.wal_path() + "/" + name;
  auto reading = context_.disk.call<std::string>(
      "read " + path, [path, offset, header_bytes] { return read_part(path, offset, header_bytes); },
      deadline);
  auto header = co_await std::move(reading);
  if (!header || header->empty()) co_return false;
  std::uint32_t length = 0;
  std::memcpy(&length, header->data(), sizeof length);
  const std::uint64_t whole = wal_of_record(record, std::min<std::uint64_t>(length, kComparedBytes), segment);
  const std::uint64_t count = std::min(std::max(whole, header_bytes), local.lsn.value - record.value);
  auto reading_all = context_.disk.call<std::string>(
      "read " + path, [path, offset, count] { return read_part(path, offset, count); }, deadline);
  auto ours = co_await std::move(reading_all);
  if (!ours || ours->empty()) co_return false;

  Connection connection(context_.clock, *context_.resolver);
  auto connected = co_await connect(&connection, std::move(leader), deadline);
  if (!connected) co_return false;
  auto asking = connection.query(
      "SELECT encode(pg_read_binary_file($1, $2::bigint, $3::bigint, true), 'hex')",
      {wal_directory(programs_.target_version()) + "/" + name, std::to_string(offset), std::to_string(count)},
      deadline);
  auto rows = co_await std::move(asking);
  if (!rows)
    log::debug("could not compare the begin of timeline {}: {}", local.timeline.value, rows.error().detail);
  if (!rows || rows->size() != 1 || !rows->front()[0]) co_return false;
  // A file that ends there tells nothing.
  co_return rows->front()[0]->size() == 2 * count && *rows->front()[0] != in_hex(*ours);
}

Task<DivergenceAnswer> WalComparison::compare_with(Upstream leader, Instant deadline) {
  DivergenceAnswer answer;
  const auto local = co_await local_end(deadline);
  if (!local) {
    answer.detail = local.error();
    co_return answer;
  }
  answer.local_timeline = local->timeline;
  answer.local_lsn = local->lsn;
  const auto why_not = co_await why_not_writable(leader, deadline);
  if (why_not) {
    answer.detail = *why_not;
    co_return answer;
  }
  const auto theirs = co_await ask_leader(leader, local->timeline, deadline);
  if (!theirs) {
    answer.detail = theirs.error();
    co_return answer;
  }
  answer.leader_timeline = theirs->timeline;
  const auto history = co_await local_history(context_.disk, programs_.wal_path(), local->timeline, deadline);
  answer.local_way = history;
  Comparison compared = compare_wal(*local, history, theirs->timeline, theirs->flushed, theirs->history);

  using Verdict = Comparison::Verdict;
  const bool comparable = local->timeline <= theirs->timeline && history && !history->empty();
  if (comparable && compared.verdict != Verdict::beyond_rewind) {
    const bool differs =
        co_await began_differently(std::move(leader), *local, history->back().switch_lsn, deadline);
    if (differs)
      compared = {
          Verdict::beyond_rewind,
          fmt::format(
              "the leader's timeline {} is another one than that of this member: both were promoted at {}",
              local->timeline.value, to_string(history->back().switch_lsn)),
          {}};
  }
  if (compared.verdict == Verdict::depends_on_checkpoint) {
    // Nothing follows the shutdown checkpoint, and the leader went on exactly there.
    const Lsn end = co_await control_file_.end_of_checkpoint(*context_.facts.control, deadline);
    compared.verdict = end == compared.switch_lsn ? Verdict::none : Verdict::diverged;
    compared.why += ", the shutdown checkpoint ends at " + to_string(end);
  }
  answer.verdict = compared.verdict == Verdict::none ? Divergence::none : Divergence::diverged;
  answer.beyond_rewind = compared.verdict == Verdict::beyond_rewind;
  answer.detail = std::move(compared.why);
  log::info("Local timeline={} lsn={}, primary timeline={}: {}", local->timeline.value, to_string(local->lsn),
            theirs->timeline.value, answer.detail);
  co_return answer;
}

}  // namespace tanist::postgres
