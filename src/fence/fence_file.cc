#include "fence/fence_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "core/format.h"

namespace tanist::fence {

namespace {

using BootId = std::array<std::uint8_t, 16>;

constexpr const char* kBootId = "/proc/sys/kernel/random/boot_id";

std::unexpected<std::string> failed(const char* what, const std::string& path) {
  return std::unexpected(fmt::format("could not {} \"{}\": {}", what, path, std::strerror(errno)));
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// 36 characters, hexadecimal digits and dashes.
std::expected<void, std::string> read_boot_id(BootId& id) {
  const int descriptor = ::open(kBootId, O_RDONLY | O_CLOEXEC);
  char text[64];
  const ssize_t length = descriptor < 0 ? -1 : ::read(descriptor, text, sizeof(text));
  if (length < 0) {
    auto error = failed("read", kBootId);
    if (descriptor >= 0) ::close(descriptor);
    return error;
  }
  ::close(descriptor);
  int digits = 0;
  id = {};
  for (ssize_t i = 0; i < length && digits < 32; ++i) {
    if (const int value = digit(text[i]); value >= 0) {
      id[digits / 2] |= static_cast<std::uint8_t>(value << (digits % 2 == 0 ? 4 : 0));
      ++digits;
    }
  }
  if (digits != 32) return std::unexpected(fmt::format("\"{}\" holds no boot id", kBootId));
  return {};
}

TanistFenceHeader header_of(const Identity& identity, const BootId& boot_id) {
  TanistFenceHeader header = {};
  std::memcpy(header.magic, TANIST_FENCE_MAGIC, sizeof(header.magic));
  header.version = TANIST_FENCE_VERSION;
  header.size = sizeof(TanistFenceFile);
  std::memcpy(header.boot_id, boot_id.data(), sizeof(header.boot_id));
  header.system_identifier = identity.system_identifier;
  header.device = identity.device;
  header.inode = identity.inode;
  header.checksum = tanist_fence_checksum(&header);
  return header;
}

std::chrono::nanoseconds read_clock(clockid_t clock) {
  timespec t;
  ::clock_gettime(clock, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

/// A writer may die between any two of these: the slot counts only once its sequence is there again.
void write_slot(TanistFenceSlot& slot, const TanistFenceSlot& content) {
  std::atomic_ref<std::uint64_t> sequence(slot.sequence);
  sequence.store(0, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  std::memcpy(reinterpret_cast<char*>(&slot) + sizeof(slot.sequence),
              reinterpret_cast<const char*>(&content) + sizeof(slot.sequence),
              sizeof(slot) - sizeof(slot.sequence));
  sequence.store(content.sequence, std::memory_order_release);
}

/// The last word of a file that has lost its name: who still maps it looks for the name once that one is past
/// its end.
void write_end(TanistFenceFile& file, std::uint64_t sequence) {
  TanistFenceSlot slot = {};
  slot.sequence = sequence;
  slot.state = TANIST_FENCE_ARMED;
  slot.writer = static_cast<std::uint32_t>(::getpid());
  slot.published_at = BootClock::now().time_since_epoch().count();
  slot.checksum = tanist_fence_checksum(&slot);
  write_slot(file.slots[sequence % TANIST_FENCE_SLOTS], slot);
}

}  // namespace

std::expected<Identity, std::string> identity_of(const std::string& data_dir,
                                                 std::uint64_t system_identifier) {
  struct stat found;
  if (::stat(data_dir.c_str(), &found) != 0) return failed("look at", data_dir);
  return Identity{system_identifier, found.st_dev, found.st_ino};
}

std::string default_path(const Identity& identity) {
  char path[64];
  std::snprintf(path, sizeof(path), TANIST_FENCE_PATH, static_cast<unsigned long long>(identity.device),
                static_cast<unsigned long long>(identity.inode));
  return path;
}

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

std::expected<void, std::string> is_in_memory(const std::string& path) {
  const std::string folder = path.substr(0, path.rfind('/'));
  struct statfs found;
  if (::statfs(folder.c_str(), &found) != 0) return failed("look at", folder);
  if (found.f_type != TMPFS_MAGIC && found.f_type != RAMFS_MAGIC)
    return std::unexpected(fmt::format(
        "\"{}\" is not in memory (tmpfs), as it must be: it is written while the lease is held", folder));
  return {};
}

ClockPair ClockPair::now() {
  const auto real = read_clock(CLOCK_REALTIME);
  return {BootClock::now(), std::chrono::sys_time<std::chrono::nanoseconds>(real)};
}

Deadline deadline(const ClockPair& asked, Instant kill_at) {
  return {kill_at, asked.real + (kill_at - asked.boot)};
}

std::expected<FenceFile, std::string> FenceFile::open(std::string path, const Identity& identity) {
  FenceFile file(std::move(path), identity);
  if (auto known = read_boot_id(file.boot_id_); !known) return std::unexpected(known.error());
  auto taken = file.take_over();
  if (!taken) return std::unexpected(taken.error());
  if (!*taken) {
    if (auto made = file.prepare(); !made) return std::unexpected(made.error());
  }
  return file;
}

FenceFile::FenceFile(FenceFile&& other) noexcept
    : path_(std::move(other.path_)),
      new_path_(std::move(other.new_path_)),
      identity_(other.identity_),
      boot_id_(other.boot_id_),
      mapped_(std::exchange(other.mapped_, {})),
      has_name_(std::exchange(other.has_name_, false)),
      sequence_(other.sequence_) {}

FenceFile& FenceFile::operator=(FenceFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(new_path_, other.new_path_);
  std::swap(identity_, other.identity_);
  std::swap(boot_id_, other.boot_id_);
  std::swap(mapped_, other.mapped_);
  std::swap(has_name_, other.has_name_);
  std::swap(sequence_, other.sequence_);
  return *this;
}

FenceFile::~FenceFile() {
  if (mapped_.file != nullptr && !has_name_) ::unlink(new_path_.c_str());
  release(mapped_);
}

/// false: there is none that can go on being used.
std::expected<bool, std::string> FenceFile::take_over() {
  const int descriptor = ::open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) {
    if (errno == ENOENT) return false;
    return failed("open", path_);
  }
  struct stat found;
  const bool known = ::fstat(descriptor, &found) == 0;
  if (!known || !S_ISREG(found.st_mode) || found.st_uid != ::geteuid()) {
    ::close(descriptor);
    return std::unexpected(fmt::format("\"{}\" is no file of this account's own", path_));
  }
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    auto error = failed("lock", path_);
    if (errno == EWOULDBLOCK)
      error = std::unexpected(fmt::format("another process writes \"{}\": it holds the lock on it", path_));
    ::close(descriptor);
    return error;
  }
  // A part of a file would end whoever looks behind its end.
  if (found.st_size < static_cast<off_t>(sizeof(TanistFenceFile)) || ::fchmod(descriptor, 0600) != 0) {
    ::close(descriptor);
    return false;
  }
  auto mapped = map(descriptor, path_);
  if (!mapped) return std::unexpected(mapped.error());
  const auto expected = header_of(identity_, boot_id_);
  if (std::memcmp(&mapped->file->header, &expected, sizeof(expected)) != 0) {
    release(*mapped);
    return false;
  }
  TanistFenceSlot last;
  sequence_ = tanist_fence_read(mapped->file, &last) != 0 ? last.sequence : 0;
  mapped_ = *mapped;
  has_name_ = true;
  return true;
}

/// Makes a file that has no valid slot yet, and not its name.
std::expected<void, std::string> FenceFile::prepare() {
  ::unlink(new_path_.c_str());  // of a writer that died before it gave the name
  const int descriptor = ::open(new_path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return failed("create", new_path_);
  TanistFenceFile content = {};
  content.header = header_of(identity_, boot_id_);
  // Written, not only extended: a full file system says so here, and not by a signal at the first
  // publication.
  errno = ENOSPC;
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0 || ::fchmod(descriptor, 0600) != 0 ||
      ::pwrite(descriptor, &content, sizeof(content), 0) != static_cast<ssize_t>(sizeof(content))) {
    auto error = failed("write", new_path_);
    ::close(descriptor);
    ::unlink(new_path_.c_str());
    return error;
  }
  auto mapped = map(descriptor, new_path_);
  if (!mapped) {
    ::unlink(new_path_.c_str());
    return std::unexpected(mapped.error());
  }
  mapped_ = *mapped;
  has_name_ = false;
  return {};
}

std::expected<FenceFile::Mapped, std::string> FenceFile::map(int descriptor, const std::string& path) {
  struct stat found;
  void* at = MAP_FAILED;
  if (::fstat(descriptor, &found) == 0)
    at = ::mmap(nullptr, sizeof(TanistFenceFile), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (at == MAP_FAILED) {
    auto error = failed("map", path);
    ::close(descriptor);
    return error;
  }
  return Mapped{static_cast<TanistFenceFile*>(at), descriptor, found.st_dev, found.st_ino};
}

void FenceFile::release(Mapped& mapped) {
  if (mapped.file != nullptr) ::munmap(mapped.file, sizeof(TanistFenceFile));
  if (mapped.descriptor >= 0) ::close(mapped.descriptor);
  mapped = {};
}

/// Whether the name still leads to the mapped file: somebody may have cleaned up the directory.
bool FenceFile::named() const {
  struct stat found;
  return ::lstat(path_.c_str(), &found) == 0 && found.st_dev == mapped_.device &&
         found.st_ino == mapped_.inode;
}

std::expected<void, std::string> FenceFile::give_name() {
  if (::rename(new_path_.c_str(), path_.c_str()) != 0) return failed("rename to its name", new_path_);
  has_name_ = true;
  return {};
}

std::expected<void, std::string> FenceFile::publish(TanistFenceSlot slot) {
  if (mapped_.file == nullptr)
    return std::unexpected(fmt::format("\"{}\" has been removed by this process", path_));
  Mapped lost;
  if (has_name_ && !named()) {
    lost = std::exchange(mapped_, {});
    if (auto made = prepare(); !made) {
      mapped_ = std::exchange(lost, {});
      has_name_ = true;
      return made;
    }
  }
  slot.sequence = sequence_ + 1;
  slot.writer = static_cast<std::uint32_t>(::getpid());
  slot.published_at = BootClock::now().time_since_epoch().count();
  slot.checksum = tanist_fence_checksum(&slot);
  write_slot(mapped_.file->slots[slot.sequence % TANIST_FENCE_SLOTS], slot);
  ++sequence_;
  if (!has_name_) {
    if (auto named = give_name(); !named) {
      if (lost.file != nullptr) {
        ::unlink(new_path_.c_str());
        release(mapped_);
        mapped_ = std::exchange(lost, {});
        has_name_ = true;
      }
      return named;
    }
  }
  if (lost.file != nullptr) {
    write_end(*lost.file, slot.sequence);
    release(lost);
  }
  return {};
}

std::expected<void, std::string> FenceFile::arm(const Deadline& at) {
  TanistFenceSlot slot = {};
  slot.state = TANIST_FENCE_ARMED;
  slot.kill_at_boot = at.boot.time_since_epoch().count();
  slot.kill_at_real = at.real.time_since_epoch().count();
  return publish(slot);
}

std::expected<void, std::string> FenceFile::disarm() {
  TanistFenceSlot slot = {};
  slot.state = TANIST_FENCE_DISARMED;
  return publish(slot);
}

std::expected<void, std::string> FenceFile::remove() {
  if (mapped_.file == nullptr) return {};
  const auto& name = has_name_ ? path_ : new_path_;
  if ((!has_name_ || named()) && ::unlink(name.c_str()) != 0 && errno != ENOENT)
    return failed("remove", name);
  TanistFenceSlot last;
  if (tanist_fence_read(mapped_.file, &last) != 0 && last.state == TANIST_FENCE_ARMED)
    write_end(*mapped_.file, ++sequence_);
  has_name_ = false;
  release(mapped_);
  return {};
}

}  // namespace tanist::fence
