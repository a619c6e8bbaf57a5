#include "member/journal.h"

#include "async/wait.h"
#include "ha/model/decision.h"
#include "ha/model/journal_codec.h"
#include "log/log.h"

TANIST_LOGGER("patroni.__main__");

namespace tanist::member {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLongestQueue = 64;
constexpr std::size_t kLargestFile = 4 * 1024 * 1024;
constexpr Duration kDiskBudget = 10s;
/// An exit does not wait longer for a disk that hangs.
constexpr Duration kLastBudget = 1s;

/// What makes two decisions the same for a reader: reason, intent and mandate, and which rules were passed.
std::string key_of(const ha::Decision& decision) {
  std::string key = fmt::format("{}|{}|{}", decision.reason.text(), ha::name_of(decision.intent),
                                static_cast<int>(decision.mandate.kind));
  for (const auto& check : decision.checks)
    key += fmt::format("|{}{}{}", check.passed ? '+' : '-', static_cast<int>(check.rule), check.about);
  return key;
}

}  // namespace

FileJournal::FileJournal(Clock& clock, Disk& disk, TaskScope& scope, std::string directory)
    : clock_(clock), disk_(disk), path_(ha::journal_path(directory)) {
  scope.spawn("journal", with_cleanup(write_until_cancelled(), write_the_rest()));
}

void FileJournal::record(const ha::View& view, const ha::Decision& decision) {
  std::string key = key_of(decision);
  if (key == last_key_) {
    ++folded_;
    return;
  }
  if (queue_.size() >= kLongestQueue) {
    ++dropped_;
    // Neither is in the file then: what repeats the dropped one, or the one before it, begins a line of its
    // own.
    last_key_.clear();
    return;
  }
  last_key_ = std::move(key);
  Document line = line_with_counts(iso8601(view.wall_now));
  line.set("decision", ha::encode(decision));
  line.set("view", ha::encode(view));
  queue_.push_back(to_json(line) + "\n");
  filled_.set();
}

Document FileJournal::line_with_counts(const std::string& at) {
  Document line = Document::map({{"version", ha::kJournalVersion}, {"at", at}});
  if (folded_ > 0) line.set("previous_repeated", static_cast<std::int64_t>(folded_));
  if (dropped_ > 0) line.set("dropped", static_cast<std::int64_t>(dropped_));
  folded_ = 0;
  dropped_ = 0;
  return line;
}

Task<void> FileJournal::write_the_rest() {
  // An orderly exit: the last decisions are those that somebody will look for.
  if (folded_ > 0 || dropped_ > 0)
    queue_.push_back(to_json(line_with_counts(iso8601(clock_.wall_now()))) + "\n");
  co_await write_queued(clock_.now() + kLastBudget);
}

Task<void> FileJournal::write_until_cancelled() {
  while (true) {
    filled_.clear();
    if (queue_.empty()) {
      co_await filled_.wait();
      continue;
    }
    co_await write_queued(clock_.now() + kDiskBudget);
  }
}

Task<void> FileJournal::write_queued(Instant deadline) {
  for (const auto& line : queue_) text_ += line;
  queue_.clear();
  if (text_.empty()) co_return;
  bool anew = written_ == 0 || written_ + text_.size() > kLargestFile;
  if (anew) {
    // A journal begins with the daemon or when the file is full; the one before is kept.
    auto old = co_await disk_.read(path_, deadline);
    std::expected<void, std::string> kept;
    if (!old) {
      kept = std::unexpected(old.error());
    } else if (*old) {
      kept = co_await disk_.write(path_ + ".1", **old, 0600, deadline);
    }
    if (!kept) {
      log::warning("journal: {}", kept.error());
      anew = written_ > 2 * kLargestFile;  // rather too long a file than a lost one, within reason
    }
  }
  // Handed over is as good as written for whoever is cancelled from here on: the disk goes on without us.
  std::string text = std::exchange(text_, {});
  const std::size_t size = text.size();
  auto writing = anew ? disk_.write(path_, std::move(text), 0600, deadline)
                      : disk_.append(path_, std::move(text), 0600, deadline);
  written_ = anew ? size : written_ + size;
  auto done = co_await std::move(writing);
  if (!done) log::warning("journal: {}", done.error());
}

}  // namespace tanist::member
