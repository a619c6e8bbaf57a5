#include "ha/engine/pending_promotion.h"

#include <utility>

#include "core/document.h"
#include "json/parse.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

namespace tanist::ha {
namespace {

constexpr int kNoteAttempts = 5;

}  // namespace

bool PendingPromotion::goes_on() const {
  const auto& facts = ports_.server.facts();
  if (!pid_ || facts.process == postgres::Process::none) return false;
  if (facts.process == postgres::Process::orphans) return true;
  return facts.postmaster_pid == *pid_ && !(facts.probe && !facts.probe->in_recovery);
}

/// A note that cannot be written keeps nobody from leading: it is needed only if this daemon dies before the
/// promotion is over. A disk that fails once may do better the next time.
Task<void> PendingPromotion::begin() {
  pid_ = ports_.server.facts().postmaster_pid;
  noted_ = true;
  const Document note = Document::map({{"boot", notes_.boot_id()}, {"postmaster", *pid_}});
  const Instant deadline = ports_.clock.now() + kDiskBudget;
  for (int attempt = 1;; ++attempt) {
    auto written = co_await ports_.disk.append(note_path(), to_json(note) + "\n", 0600, deadline);
    if (written) co_return;
    log::warning("could not note the promotion: {}", written.error());
    if (attempt == kNoteAttempts || ports_.clock.now() >= deadline) co_return;
  }
}

Task<void> PendingPromotion::remove_note() {
  auto removed = co_await ports_.disk.remove(note_path(), ports_.clock.now() + kDiskBudget);
  if (!removed) log::debug("could not remove the note of a promotion that is over: {}", removed.error());
}

void PendingPromotion::forget() {
  pid_.reset();
  if (std::exchange(noted_, false) && !scope_.closed()) scope_.spawn("note of the promotion", remove_note());
}

void PendingPromotion::settle() {
  if ((pid_ || noted_) && !goes_on()) forget();
}

void PendingPromotion::found() {
  if (!known_) pid_ = ports_.server.facts().postmaster_pid;
}

Task<void> PendingPromotion::read_note() {
  auto content = co_await ports_.disk.read(note_path(), ports_.clock.now() + kDiskBudget);
  if (!content || notes_.boot_id().empty()) {
    // Whoever may lead by now must not find a server that promotes itself beside him.
    log::warning("it is not known whether PostgreSQL was told to promote itself, so it counts as told: {}",
                 content ? "the run of the host could not be read" : content.error());
    noted_ = true;
    co_return;
  }
  known_ = true;
  pid_.reset();
  std::string text = content->value_or("");
  while (text.ends_with('\n')) text.pop_back();
  if (text.empty()) co_return;
  noted_ = true;
  const auto note = parse_json(text.substr(text.rfind('\n') + 1));
  const Document* boot = note ? note->find("boot") : nullptr;
  const Document* postmaster = note ? note->find("postmaster") : nullptr;
  if (!boot || boot->text() != notes_.boot_id() || !postmaster || !postmaster->is_int()) co_return;
  pid_ = static_cast<int>(postmaster->as_int());
  if (goes_on())
    log::warning("PostgreSQL was told to promote itself by an earlier daemon: it counts as a primary");
}

}  // namespace tanist::ha
