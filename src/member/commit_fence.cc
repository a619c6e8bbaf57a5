#include "member/commit_fence.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "core/format.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

namespace tanist::member {
namespace {

using namespace std::chrono_literals;

constexpr const char* kExtension = "tanist_fence";
/// A lead that cannot be fenced is given up, or left to another, for so long.
constexpr Duration kUnusable = 10s;
constexpr Duration kSaidAgainAfter = 1min;
constexpr Duration kOpenBudget = 2s;

std::string value_of(const config::Settings& settings, const std::string& name) {
  const auto found = settings.postgresql.parameters.find(name);
  return found == settings.postgresql.parameters.end() ? std::string() : found->second;
}

/// As PostgreSQL reads shared_preload_libraries: names between commas, perhaps in double quotes, perhaps with
/// a directory or the ending of a library.
bool preloads(const std::string& libraries) {
  std::size_t at = 0;
  while (at <= libraries.size()) {
    const std::size_t end = std::min(libraries.find(',', at), libraries.size());
    std::string name = libraries.substr(at, end - at);
    std::erase_if(name, [](char c) { return c == ' ' || c == '\t' || c == '"' || c == '\''; });
    name.erase(0, name.rfind('/') + 1);
    if (name.ends_with(".so")) name.resize(name.size() - 3);
    if (name == kExtension) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace

std::optional<CommitFence::Wanted> CommitFence::wanted_by(const config::Settings& settings) {
  if (!preloads(value_of(settings, "shared_preload_libraries"))) return std::nullopt;
  return Wanted{.path = value_of(settings, "tanist_fence.file"),
                .refuses_without = value_of(settings, "tanist_fence.without_file") == "refuse"};
}

void CommitFence::take_settings(config::SettingsPtr settings) {
  auto wanted = wanted_by(*settings);
  data_dir_ = settings->postgresql.data_dir;
  state_dir_ = settings->state_dir;
  if (wanted == wanted_) return;
  const bool other_file = !wanted || !wanted_ || wanted->path != wanted_->path;
  wanted_ = std::move(wanted);
  if (!other_file) return;
  // The next decision arms again, with the new one as well.
  armed_ = false;
  unknown_ = true;
  // Taken out of the configuration, and loaded until the next restart.
  if (!wanted_) take_back(files_);
}

bool CommitFence::usable() const {
  return !wanted_ || !failed_at_ || now() - *failed_at_ >= kUnusable;
}

bool CommitFence::is_wanted(const fence::FenceFile& file) const {
  return wanted_ && file.path() == (wanted_->path.empty() ? default_path_ : wanted_->path);
}

Task<CommitFence::Found> CommitFence::look(bool to_arm, Instant deadline) {
  Found none;
  const std::string text = parts_.system_identifier();
  std::uint64_t system_identifier = 0;
  std::from_chars(text.data(), text.data() + text.size(), system_identifier);
  if (system_identifier == 0) {
    none.error = "the system identifier of the data directory is not known";
    co_return none;
  }
  std::vector<std::string> held;
  for (const auto& file : files_) held.push_back(file.path());
  auto work = [to_arm, system_identifier, held, wanted = wanted_, data_dir = data_dir_, note = note_path()] {
    Found found;
    const auto identity = fence::identity_of(data_dir, system_identifier);
    if (!identity) {
      found.error = identity.error();
      return found;
    }
    const std::string usual = fence::default_path(*identity);
    const std::string path = !wanted ? std::string() : wanted->path.empty() ? usual : wanted->path;
    const auto noted = blocking::read_file(note);
    const std::string told = noted ? noted->value_or("") : "";
    for (const std::string& one : std::set<std::string>{usual, told}) {
      if (one.empty() || one == path || std::ranges::count(held, one) > 0 || !fence::exists(one)) continue;
      if (auto file = fence::FenceFile::open(one, *identity)) found.left.push_back(std::move(*file));
    }
    if (!wanted || (!to_arm && !fence::exists(path))) return found;
    const auto memory = fence::is_in_memory(path);
    auto opened = memory ? fence::FenceFile::open(path, *identity) : std::unexpected(memory.error());
    if (!opened) {
      found.error = opened.error();
      found.in_the_way = fence::exists(path);
      return found;
    }
    found.file = std::move(*opened);
    // Before the first word: a daemon that is started with another configuration takes this one back.
    if (const auto written =
            told == path ? std::expected<void, std::string>() : blocking::write_file(note, path, 0600);
        !written)
      found.error = written.error();
    return found;
  };
  auto looking = parts_.disk.call<Found>("open the file of tanist_fence", std::move(work),
                                         std::min(deadline, now() + kOpenBudget));
  auto found = co_await std::move(looking);
  if (!found) {
    none.error = std::move(found.error());
    co_return none;
  }
  if (wanted_ && wanted_->path.empty() && found->file) default_path_ = found->file->path();
  co_return std::move(*found);
}

bool CommitFence::cannot_be_armed(const std::string& why, bool refuses) {
  log::error("tanist_fence cannot be told of the lease: {}{}", why,
             refuses ? ", and its server commits nothing like that" : "; commits are not fenced");
  armed_ = !refuses;
  if (refuses) failed_at_ = now();
  return armed_;
}

Task<bool> CommitFence::arm(Instant deadline) {
  // What is held by this process is held against it, too. What it says stays in force.
  std::erase_if(files_, [this](const fence::FenceFile& file) { return is_wanted(file); });
  auto found = co_await look(true, deadline);
  if (!take_back(found.left))
    log::error(
        "a file of tanist_fence that the server may look at until its restart could not be taken back");
  unknown_ = false;
  if (!wanted_) {
    armed_ = true;
    co_return true;
  }
  if (!found.file) co_return cannot_be_armed(found.error, wanted_->refuses_without || found.in_the_way);
  if (!found.error.empty()) log::warning("could not note where tanist_fence is told: {}", found.error);
  files_.push_back(std::move(*found.file));
  failed_at_.reset();
  armed_ = true;
  log::info("tanist_fence is told of the lease in \"{}\"", files_.back().path());
  co_return true;
}

void CommitFence::about_to_ask() {
  if (!wanted_) return;
  asked_[next_asked_] = parts_.clocks();
  next_asked_ = (next_asked_ + 1) % asked_.size();
}

void CommitFence::prolong(Instant kill_at, Instant asked_at) {
  if (!armed_ || files_.empty()) return;
  const fence::ClockPair* before = nullptr;
  for (const auto& clocks : asked_)
    if (clocks && clocks->boot <= asked_at && (!before || clocks->boot > before->boot)) before = &*clocks;
  // Of what was asked for before there was anything to fence the wall clock is not known.
  if (!before) return;
  const auto until = fence::deadline(*before, kill_at);
  publish(files_, "prolong", [&](fence::FenceFile& file) { return file.arm(until); });
}

/// What could not be taken back is tried again: it would end the commits of a server that nobody guards.
Task<void> CommitFence::disarm(std::string) {
  armed_ = false;
  if (unknown_) {
    std::erase_if(files_, [this](const fence::FenceFile& file) { return is_wanted(file); });
    auto found = co_await look(false, now() + kOpenBudget);
    if (!found.file && !found.error.empty()) {
      log::debug("whether an earlier daemon armed tanist_fence is not known yet: {}", found.error);
      co_return;
    }
    for (auto& file : found.left) files_.push_back(std::move(file));
    if (found.file) files_.push_back(std::move(*found.file));
  }
  unknown_ = !take_back(files_);
}

bool CommitFence::take_back(std::vector<fence::FenceFile>& files) {
  const bool done = publish(files, "disarm", [](fence::FenceFile& file) { return file.disarm(); });
  files.clear();
  return done;
}

bool CommitFence::publish(std::vector<fence::FenceFile>& files, const char* what, const Word& word) {
  bool all = true;
  for (auto& file : files) {
    const auto done = word(file);
    all = all && done.has_value();
    if (done || (complained_at_ && now() - *complained_at_ < kSaidAgainAfter)) continue;
    complained_at_ = now();
    log::error("could not {} tanist_fence: {}", what, done.error());
  }
  return all;
}

}  // namespace tanist::member
