#include "member/commit_fence.h"

#include <algorithm>
#include <charconv>
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
                .data_dir = settings.postgresql.data_dir,
                .refuses_without = value_of(settings, "tanist_fence.without_file") == "refuse"};
}

void CommitFence::take_settings(config::SettingsPtr settings) {
  auto wanted = wanted_by(*settings);
  if (wanted == wanted_) return;
  const bool other_file =
      !wanted || !wanted_ || wanted->path != wanted_->path || wanted->data_dir != wanted_->data_dir;
  wanted_ = std::move(wanted);
  if (!other_file) return;
  if (wanted_) {
    // The next decision arms again, with the new one as well.
    armed_ = false;
    unknown_ = true;
    return;
  }
  // Taken out of the configuration, and loaded until the next restart.
  publish("disarm", [](fence::FenceFile& file) { return file.disarm(); });
  files_.clear();
  unknown_ = false;
}

bool CommitFence::usable() const {
  return !wanted_ || !failed_at_ || now() - *failed_at_ >= kUnusable;
}

Task<CommitFence::Opened> CommitFence::open(bool only_existing, Instant deadline) {
  const std::string text = parts_.system_identifier();
  std::uint64_t system_identifier = 0;
  std::from_chars(text.data(), text.data() + text.size(), system_identifier);
  if (system_identifier == 0)
    co_return std::unexpected(std::string("the system identifier of the data directory is not known"));
  auto work = [wanted = *wanted_, system_identifier, only_existing]() -> Opened {
    const auto identity = fence::identity_of(wanted.data_dir, system_identifier);
    if (!identity) return std::unexpected(identity.error());
    const std::string path = wanted.path.empty() ? fence::default_path(*identity) : wanted.path;
    if (const auto memory = fence::is_in_memory(path); !memory) return std::unexpected(memory.error());
    if (only_existing && !fence::exists(path)) return std::optional<fence::FenceFile>();
    auto opened = fence::FenceFile::open(path, *identity);
    if (!opened) return std::unexpected(opened.error());
    return std::optional(std::move(*opened));
  };
  auto opening = parts_.disk.call<Opened>("open the file of tanist_fence", std::move(work),
                                          std::min(deadline, now() + kOpenBudget));
  auto opened = co_await std::move(opening);
  if (!opened) co_return std::unexpected(opened.error());
  co_return std::move(*opened);
}

bool CommitFence::cannot_be_armed(const std::string& why, bool refuses) {
  log::error("tanist_fence cannot be told of the lease: {}{}", why,
             refuses ? ", and its server commits nothing like that" : "; commits are not fenced");
  armed_ = !refuses;
  if (refuses) failed_at_ = now();
  return armed_;
}

Task<bool> CommitFence::arm(Instant deadline) {
  if (!wanted_) {
    armed_ = true;
    co_return true;
  }
  // What is held by this process is held against it, too. What it says stays in force.
  const bool another = !files_.empty() && !wanted_->path.empty() && files_.back().path() != wanted_->path;
  if (!another) files_.clear();
  auto opened = co_await open(false, deadline);
  unknown_ = false;
  if (!opened) co_return cannot_be_armed(opened.error(), wanted_->refuses_without);
  files_.push_back(std::move(**opened));
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
  publish("prolong", [&](fence::FenceFile& file) { return file.arm(until); });
}

Task<void> CommitFence::disarm(std::string) {
  armed_ = false;
  if (files_.empty() && unknown_ && wanted_) {
    auto found = co_await open(true, now() + kOpenBudget);
    if (!found) {
      log::debug("whether an earlier daemon armed tanist_fence is not known yet: {}", found.error());
      co_return;
    }
    if (*found) files_.push_back(std::move(**found));
  }
  unknown_ = false;
  publish("disarm", [](fence::FenceFile& file) { return file.disarm(); });
  files_.clear();
}

void CommitFence::publish(const char* what,
                          const std::function<std::expected<void, std::string>(fence::FenceFile&)>& word) {
  for (auto& file : files_) {
    const auto done = word(file);
    if (done || (complained_at_ && now() - *complained_at_ < kSaidAgainAfter)) continue;
    complained_at_ = now();
    log::error("could not {} tanist_fence: {}", what, done.error());
  }
}

}  // namespace tanist::member
