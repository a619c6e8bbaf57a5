#include "member/journal.h"

#include "core/document.h"
#include "core/log.h"
#include "ha/decision.h"
#include "ha/journal_codec.h"

namespace tanist::member {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLongestQueue = 64;
constexpr std::size_t kLargestFile = 4 * 1024 * 1024;
constexpr Duration kDiskBudget = 10s;

/// What makes two decisions the same for a reader: reason, intent and mandate.
std::string key_of(const ha::Decision& decision) {
  return fmt::format("{}|{}|{}", decision.reason.text(), ha::intent_name(decision.intent),
                     static_cast<int>(decision.mandate.kind));
}

}  // namespace

FileJournal::FileJournal(Clock& clock, Disk& disk, TaskScope& scope, std::string directory)
    : clock_(clock), disk_(disk), path_(std::move(directory) + "/journal.jsonl") {
  scope.spawn("journal", write_forever());
}

void FileJournal::record(const ha::View& view, const ha::Decision& decision) {
  std::string key = key_of(decision);
  if (key == last_key_) {
    ++folded_;
    return;
  }
  last_key_ = std::move(key);
  if (queue_.size() >= kLongestQueue) {
    ++dropped_;
    return;
  }
  Document line = Document::map({{"version", ha::kJournalVersion}, {"at", iso8601(view.wall_now)}});
  if (folded_ > 0) line.set("previous_repeated", static_cast<std::int64_t>(folded_));
  if (dropped_ > 0) line.set("dropped", static_cast<std::int64_t>(dropped_));
  folded_ = 0;
  dropped_ = 0;
  line.set("decision", ha::encode(decision));
  line.set("view", ha::encode(view));
  queue_.push_back(to_json(line) + "\n");
  filled_.set();
}

Task<void> FileJournal::write_forever() {
  while (true) {
    filled_.clear();
    if (queue_.empty()) {
      auto waiting = filled_.wait();
      co_await std::move(waiting);
      continue;
    }
    std::string text;
    for (const auto& line : queue_) text += line;
    queue_.clear();
    if (written_ == 0 || written_ + text.size() > kLargestFile) {
      // A journal begins with the daemon or when the file is full; the one before is kept.
      auto reading = disk_.read(path_, clock_.now() + kDiskBudget);
      auto old = co_await std::move(reading);
      if (old && *old) {
        auto keeping = disk_.write(path_ + ".1", **old, 0600, clock_.now() + kDiskBudget);
        auto kept = co_await std::move(keeping);
        if (!kept) log::warning("journal: {}", kept.error());
      }
      auto beginning = disk_.write(path_, text, 0600, clock_.now() + kDiskBudget);
      auto begun = co_await std::move(beginning);
      if (!begun) log::warning("journal: {}", begun.error());
      written_ = text.size();
      continue;
    }
    auto appending = disk_.append(path_, text, 0600, clock_.now() + kDiskBudget);
    auto appended = co_await std::move(appending);
    if (!appended) log::warning("journal: {}", appended.error());
    written_ += text.size();
  }
}

}  // namespace tanist::member
