#include "postgres/local/history_files.h"

#include "postgres/files/data_directory.h"
#include "postgres/files/history.h"

namespace tanist::postgres {

Task<std::optional<std::vector<HistoryLine>>> local_history(Disk& disk, std::string wal, Timeline timeline,
                                                            Instant deadline) {
  if (timeline.value <= 1) co_return std::vector<HistoryLine>{};
  auto file = co_await disk.read(wal + "/" + history_file_name(timeline), deadline);
  if (!file || !*file) co_return std::nullopt;
  co_return parse_history(**file);
}

Task<std::vector<HistoryLine>> history_lines(DiskThread& disk, std::string wal, Timeline timeline,
                                             std::string new_leader, Instant deadline) {
  const std::string path = wal + "/" + history_file_name(timeline);
  auto reading =
      disk.call<std::optional<DatedFile>>("read " + path, [path] { return read_dated(path); }, deadline);
  auto file = co_await std::move(reading);
  if (!file || !*file) co_return std::vector<HistoryLine>{};
  auto lines = parse_history((*file)->content);
  if (!lines.empty() && lines.back().parent.value + 1 == timeline.value) {
    lines.back().timestamp = iso8601((*file)->modified);
    lines.back().new_leader = std::move(new_leader);
  }
  co_return lines;
}

}  // namespace tanist::postgres
