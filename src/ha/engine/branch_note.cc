#include "ha/engine/branch_note.h"

#include <utility>

#include "async/wait.h"
#include "core/document.h"
#include "ha/model/journal_archive.h"
#include "ha/policy/branches.h"
#include "json/parse.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

constexpr int kBranchAttempts = 5;
constexpr Duration kBranchAgain = 2s;

bool says_anything(const BranchNoted& note) {
  return !note.branch.empty() || !note.next.empty();
}

/// One that cannot be understood says nothing.
BranchNoted branch_in(const std::string& text) {
  const auto note = parse_json(text);
  if (!note) return {};
  try {
    BranchNoted found;
    journal::Reader::read(*note, found);
    return found;
  } catch (const journal::Unreadable& e) {
    log::debug("the note of the own timeline says nothing: {}", e.what());
    return {};
  }
}

}  // namespace

void BranchNote::begin() {
  scope_.spawn("note of the own timeline", read());
}

Task<void> BranchNote::read() {
  while (!read_) {
    auto content = co_await ports_.disk.read(path(), ports_.clock.now() + kDiskBudget);
    if (read_) co_return;
    if (content) {
      stored_ = branch_in(content->value_or(""));
      note_ = *stored_;
      read_ = true;
      co_return;
    }
    log::debug("{}", content.error());
    co_await ports_.clock.sleep_for(kBranchAgain);
  }
}

int BranchNote::postmaster() const {
  const auto& facts = ports_.server.facts();
  return facts.process == postgres::Process::none ? 0 : facts.postmaster_pid;
}

/// Somebody may have put other files there while nothing ran on them.
Task<void> BranchNote::identify(int postmaster) {
  const auto found = co_await ports_.server.identify(false, ports_.clock.now() + kDiskBudget);
  identifying_ = false;
  if (!found || found->directory.empty() || found->cluster.empty() || this->postmaster() != postmaster) {
    identify_again_ = ports_.clock.now() + kBranchAgain;
    co_return;
  }
  place_ = found->directory + " " + found->cluster;
  identified_ = postmaster;
}

void BranchNote::see(const View& view) {
  if (scope_.closed()) return;
  if (identified_ != postmaster() && !identifying_ && view.now >= identify_again_) {
    identifying_ = true;
    scope_.spawn("files of the own timeline", identify(postmaster()));
  }
  if (read_ && view.postgres.facts.data_directory == postgres::DataDirectory::empty) {
    note_ = {};
    return keep_up();
  }
  const std::string& system = view.postgres.facts.system_identifier;
  if (!read_ || !verified() || system.empty()) return;
  if (note_.system != system || note_.place != place_) note_ = BranchNoted{.system = system, .place = place_};
  note_ = policy::after(std::move(note_), view);
  keep_up();
}

BranchKnown BranchNote::known() const {
  if (!read_ || !verified() || note_.place != place_ || settings_->dynamic.standby_cluster) return {};
  return {note_.timeline, note_.branch};
}

std::string BranchNote::of(Timeline timeline) const {
  const BranchKnown branch = known();
  return timeline && branch.timeline == timeline ? branch.name : std::string();
}

bool BranchNote::is_stored() const {
  if (!stored_) return false;
  return *stored_ == note_ || (!says_anything(note_) && !says_anything(*stored_));
}

void BranchNote::keep_up() {
  if (is_stored() || keeping_ || scope_.closed() || ports_.clock.now() < keep_again_) return;
  keeping_ = true;
  kept_.clear();
  scope_.spawn("note of the own timeline", keep());
}

Task<void> BranchNote::keep() {
  bool kept = true;
  while (kept && !is_stored()) {
    kept = co_await store();
  }
  if (!kept) keep_again_ = ports_.clock.now() + kBranchAgain;
  keeping_ = false;
  kept_.set();
}

/// One that was not done may be done all the same, or later. Nothing is said by a note that says so: a file
/// that was removed is there again where the host loses power.
Task<bool> BranchNote::store() {
  const BranchNoted note = note_;
  const Instant deadline = ports_.clock.now() + kDiskBudget;
  stored_.reset();
  const auto done = co_await ports_.disk.write(path(), to_json(journal::Writer::write(note)), 0600, deadline);
  if (!done) log::debug("could not note the own timeline: {}", done.error());
  if (done) stored_ = note;
  co_return done.has_value();
}

/// Of two writes that the disk has at once nobody knows which is the last: whoever waits has it done beside.
Task<bool> BranchNote::stored_by(Instant deadline) {
  for (int attempt = 0; attempt < kBranchAttempts && ports_.clock.now() < deadline; ++attempt) {
    keep_again_ = {};
    keep_up();
    const bool ended = co_await wait_until(ports_.clock, kept_, deadline);
    if (ended && is_stored()) co_return true;
  }
  co_return false;
}

Task<void> BranchNote::promoting(Timeline from, std::string next) {
  not_promoted();
  if (next.empty() || !from || !read_ || !verified() || note_.place != place_) co_return;
  note_.from = from;
  note_.next = std::move(next);
  const bool stored = co_await stored_by(ports_.clock.now() + kDiskBudget);
  if (!stored) log::warning("could not note which timeline the promotion begins");
}

void BranchNote::not_promoted() {
  if (note_.next.empty()) return;
  note_.from = {};
  note_.next.clear();
  note_.promoted = false;
  keep_up();
}

Task<bool> BranchNote::forget() {
  note_ = {};
  read_ = true;
  if (is_stored() && !keeping_) co_return true;
  const bool forgotten = co_await stored_by(ports_.clock.now() + kDiskBudget);
  if (!forgotten) log::warning("could not empty {}: it would speak of the data that come instead", path());
  co_return forgotten;
}

}  // namespace tanist::ha
