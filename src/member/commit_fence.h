#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "async/disk_thread.h"
#include "config/settings.h"
#include "fence/fence_file.h"
#include "ha/ports.h"

namespace tanist::member {

/// Tells the extension tanist_fence until when its server commits (docs/fence.md), where the configuration
/// has it among shared_preload_libraries; elsewhere it is a fence that is always fine and does nothing. On
/// the control thread: what is published goes to memory only, and whatever may wait for a disk to the disk
/// thread.
class CommitFence final : public ha::Fence {
 public:
  struct Parts {
    Clock& clock;
    DiskThread& disk;
    /// Of the data directory as it is now; empty: not known.
    std::function<std::string()> system_identifier;
    std::function<fence::ClockPair()> clocks = fence::ClockPair::now;
  };
  explicit CommitFence(Parts parts) : parts_(std::move(parts)) {}

  /// False for a moment after it could not be armed where that keeps the server from committing.
  bool usable() const override;
  bool armed() const override { return armed_; }
  /// Also until what an earlier daemon left behind is taken back.
  bool holds() const override { return armed_ || unknown_; }
  /// Opens the file anew: the data directory may be another one by now. What was published stays in force.
  Task<bool> arm(Instant deadline) override;
  void about_to_ask() override;
  void prolong(Instant kill_at, Instant asked_at) override;
  Task<void> disarm(std::string why) override;
  void take_settings(config::SettingsPtr settings) override;

 private:
  /// What the configuration asks for.
  struct Wanted {
    /// Empty: the default one.
    std::string path;
    /// The server refuses commits where there is no file.
    bool refuses_without = false;
    bool operator==(const Wanted&) const = default;
  };
  /// What is there now, as the disk thread has seen it.
  struct Found {
    /// The one that is wanted; nullopt: none is, there is none and none was to be made, or `error`.
    std::optional<fence::FenceFile> file;
    /// Those that an earlier daemon told, and a server that was started before may still look at.
    std::vector<fence::FenceFile> left;
    std::string error;
    /// There is one that could not be opened: a server that looks at it commits nothing.
    bool in_the_way = false;
  };
  using Word = std::function<std::expected<void, std::string>(fence::FenceFile&)>;

  static std::optional<Wanted> wanted_by(const config::Settings& settings);
  bool is_wanted(const fence::FenceFile& file) const;
  std::string note_path() const { return state_dir_ + "/fence"; }
  Task<Found> look(bool to_arm, Instant deadline);
  bool cannot_be_armed(const std::string& why, bool refuses);
  /// False: one of them could not be written.
  bool publish(std::vector<fence::FenceFile>& files, const char* what, const Word& word);
  bool take_back(std::vector<fence::FenceFile>& files);
  Instant now() const { return parts_.clock.now(); }

  Parts parts_;
  std::optional<Wanted> wanted_;
  std::string data_dir_;
  std::string state_dir_;
  /// The one that is wanted last. A server goes on looking at the one that it was started with.
  std::vector<fence::FenceFile> files_;
  /// Where the default one is, once it was opened.
  std::string default_path_;
  bool armed_ = false;
  bool unknown_ = true;
  /// Both clocks as they stood before the last questions, the oldest first.
  std::array<std::optional<fence::ClockPair>, 8> asked_;
  std::size_t next_asked_ = 0;
  std::optional<Instant> failed_at_;
  std::optional<Instant> complained_at_;
};

}  // namespace tanist::member
