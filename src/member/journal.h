#pragma once

#include <cstddef>
#include <deque>
#include <string>

#include "async/disk.h"
#include "async/event.h"
#include "async/task_scope.h"
#include "core/document.h"
#include "ha/ports.h"

namespace tanist::member {

/// The last decisions with their Views, as JSON lines in `<state_dir>/journal.jsonl` (mode 0600). Equal
/// decisions are folded with a count, which the line after them carries; what the disk cannot keep up with is
/// dropped and counted. Past its size the file is kept as `journal.jsonl.1` and begun anew. Closing the scope
/// writes what is queued and, if something is left to count, a last line without a decision.
class FileJournal final : public ha::Journal {
 public:
  FileJournal(Clock& clock, Disk& disk, TaskScope& scope, std::string directory);
  void record(const ha::View& view, const ha::Decision& decision) override;

 private:
  Task<void> write_the_rest();
  Task<void> write_until_cancelled();
  Task<void> write_queued(Instant deadline);
  Document line_with_counts(const std::string& at);

  Clock& clock_;
  Disk& disk_;
  std::string path_;
  std::deque<std::string> queue_;
  /// Taken from the queue, not yet handed to the disk.
  std::string text_;
  Event filled_;
  std::string last_key_;
  std::size_t folded_ = 0;
  std::size_t dropped_ = 0;
  std::size_t written_ = 0;
};

}  // namespace tanist::member
