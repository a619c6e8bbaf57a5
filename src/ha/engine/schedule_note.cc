#include "ha/engine/schedule_note.h"

#include <utility>

#include "async/wait.h"
#include "core/document.h"
#include "core/format.h"
#include "ha/model/journal_archive.h"
#include "json/parse.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

/// Grows when a note could not be read any more as it was meant.
constexpr int kVersion = 1;
constexpr Duration kReadAgain = 2s;

std::string note_of(const ScheduledRestart& planned) {
  return to_json(Document::map({{"version", kVersion},
                                {"postmaster_start_time", planned.postmaster_start_time},
                                {"restart", journal::Writer::write(planned.wanted)}}));
}

std::expected<ScheduledRestart, std::string> planned_in(const std::string& text) {
  const auto note = parse_json(text);
  if (!note) return std::unexpected(note.error());
  try {
    ScheduledRestart planned;
    int version = 0;
    journal::Reader from(*note);
    from("version", version);
    if (version != kVersion) return std::unexpected(fmt::format("its version {} is not known", version));
    from("postmaster_start_time", planned.postmaster_start_time);
    from("restart", planned.wanted);
    if (planned.wanted.at == WallTime{}) return std::unexpected(std::string("it names no time"));
    return planned;
  } catch (const journal::Unreadable& e) {
    return std::unexpected(std::string(e.what()));
  }
}

}  // namespace

ScheduleNote::ScheduleNote(Ports ports, TaskScope& scope, const SettingsInForce& settings)
    : ports_(ports), scope_(scope), settings_(settings) {
  settled_.set();
}

void ScheduleNote::take_over(std::function<void(ScheduledRestart)> found) {
  scope_.spawn("scheduled restart of an earlier daemon", read_on(std::move(found)));
}

Task<void> ScheduleNote::read_on(std::function<void(ScheduledRestart)> found) {
  std::expected<std::optional<std::string>, std::string> content;
  for (bool told = false;; told = true) {
    content = co_await ports_.disk.read(path(), ports_.clock.now() + kDiskBudget);
    if (content) break;
    if (!told) log::warning("whether a restart is scheduled is not known yet: {}", content.error());
    co_await ports_.clock.sleep_for(kReadAgain);
  }
  if (*content) {
    wanted_ = **content;
    auto planned = planned_in(**content);
    if (planned) {
      log::info("going on with the restart that is scheduled for {}", iso8601(planned->wanted.at));
      found(*std::move(planned));
    } else {
      log::error(
          "a restart that was scheduled is not carried out: \"{}\" cannot be made out: {}\n"
          "HINT: schedule it again",
          path(), planned.error());
    }
  }
  read_.set();
}

Task<bool> ScheduleNote::known() {
  co_await wait_until(ports_.clock, read_, ports_.clock.now() + kDiskBudget);
  co_return read_.is_set();
}

Task<std::expected<void, std::string>> ScheduleNote::bring() {
  const auto wanted = wanted_;
  const Instant deadline = ports_.clock.now() + kDiskBudget;
  unsettled_ = true;
  auto doing =
      wanted ? ports_.disk.write(path(), *wanted, 0600, deadline) : ports_.disk.remove(path(), deadline);
  auto done = co_await std::move(doing);
  if (done && wanted == wanted_) unsettled_ = false;
  co_return done;
}

Task<std::expected<void, std::string>> ScheduleNote::bring_at_once(std::optional<std::string> wanted) {
  in_hand_ = true;
  // Of two that the disk has at once nobody knows which is the last.
  co_await settled_.wait();
  const auto before = std::exchange(wanted_, std::move(wanted));
  auto brought = co_await bring();
  in_hand_ = false;
  // It may have been done all the same: it is put right later.
  if (!brought) wanted_ = before;
  co_return brought;
}

Task<std::expected<void, std::string>> ScheduleNote::keep(ScheduledRestart planned) {
  return bring_at_once(note_of(planned));
}

Task<std::expected<void, std::string>> ScheduleNote::drop() {
  return bring_at_once(std::nullopt);
}

void ScheduleNote::settle(bool planned) {
  if (!read_.is_set() || in_hand_ || !settled_.is_set() || scope_.closed()) return;
  if (!planned && wanted_) {
    wanted_.reset();
    unsettled_ = true;
  }
  if (!unsettled_) return;
  settled_.clear();
  scope_.spawn("note of the scheduled restart", bring_beside());
}

Task<void> ScheduleNote::bring_beside() {
  auto brought = co_await bring();
  settled_.set();
  if (!brought) log::warning("what is noted of a scheduled restart is out of date: {}", brought.error());
}

}  // namespace tanist::ha
