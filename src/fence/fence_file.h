#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <expected>
#include <string>

#include "core/time.h"
#include "fence/layout.h"

namespace tanist::fence {

/// Which data directory a fence file is about. A copy of the directory has another inode, the cluster's other
/// members have the same system identifier.
struct Identity {
  std::uint64_t system_identifier = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const Identity&) const = default;
};

/// The identity of a directory as it is now; the error says what could not be looked at.
std::expected<Identity, std::string> identity_of(const std::string& data_dir,
                                                 std::uint64_t system_identifier);

/// Where tanist_fence looks where its setting `tanist_fence.file` is empty: in memory, by device and inode.
std::string default_path(const Identity& identity);

bool exists(const std::string& path);
/// Whoever holds a lease waits for no disk: a page of a file on one may come from it, or go to it. The error
/// names the folder of `path`, which is on none of the file systems in memory.
std::expected<void, std::string> is_in_memory(const std::string& path);

/// Both clocks at one moment: what a proof of the lease is counted from.
struct ClockPair {
  Instant boot;
  std::chrono::sys_time<std::chrono::nanoseconds> real;
  /// The wall clock is read first: a process that is stopped in between makes a deadline early, never late.
  static ClockPair now();
};

/// When commits end, on both clocks.
struct Deadline {
  Instant boot;
  std::chrono::sys_time<std::chrono::nanoseconds> real;
};

/// The lease's `kill_at` on both clocks, from the clocks as they stood before its proof was asked for. Never
/// computed again for the same proof: where a machine was paused with all its clocks, the wall clock that is
/// stepped later is all that tells.
Deadline deadline(const ClockPair& asked, Instant kill_at);

/// The file that tells the extension tanist_fence until when its server commits (docs/fence.md, layout.h).
/// One writer at a time, held by a lock on the file. Whoever wrote last is right until somebody else writes:
/// nothing is taken back when the writer ends. After open() nothing here needs the heap, except where the
/// file was taken away and has to be made again. Not for several threads at once.
class FenceFile {
 public:
  /// Takes the file over where it is of this boot and this identity, and prepares another one where it is
  /// not: that one gets its name with the first word that is published. Errors: the directory cannot be
  /// written, the name belongs to another account or is no plain file, another process is the writer.
  static std::expected<FenceFile, std::string> open(std::string path, const Identity& identity);

  FenceFile(FenceFile&& other) noexcept;
  FenceFile& operator=(FenceFile&& other) noexcept;
  ~FenceFile();

  /// Commits until `at`, and none after it. In force once this has returned; on an error what was published
  /// before is in force.
  std::expected<void, std::string> arm(const Deadline& at);
  /// Commits without a bound: in pause, as a standby, after the last process that can commit has ended.
  std::expected<void, std::string> disarm();
  /// Takes the file away, for good. A server that has seen it armed commits nothing from then on: disarm()
  /// first where it may.
  std::expected<void, std::string> remove();

  const std::string& path() const { return path_; }

 private:
  struct Mapped {
    TanistFenceFile* file = nullptr;
    int descriptor = -1;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
  };

  FenceFile(std::string path, const Identity& identity) : path_(std::move(path)), identity_(identity) {}
  std::expected<bool, std::string> take_over();
  std::expected<void, std::string> prepare();
  std::expected<void, std::string> publish(TanistFenceSlot slot);
  std::expected<void, std::string> give_name();
  bool named() const;
  static std::expected<Mapped, std::string> map(int descriptor, const std::string& path);
  static void release(Mapped& mapped);

  std::string path_;
  std::string new_path_ = path_ + ".new";
  Identity identity_;
  std::array<std::uint8_t, 16> boot_id_ = {};
  Mapped mapped_;
  /// The mapped file has its name, as far as this object did it.
  bool has_name_ = false;
  std::uint64_t sequence_ = 0;
};

}  // namespace tanist::fence
