#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

/// What daemon and guardian say to each other (engine.md §5): datagrams of fixed size on a SOCK_SEQPACKET
/// socket of one host, so in its byte order. Whatever the daemon says is absolute and may be repeated: the
/// last word counts.
namespace tanist::guard {

/// In the state directory of a member.
inline constexpr std::string_view kSocketName = "guardian";
inline constexpr std::string_view kLockName = "guardian.lock";

inline constexpr std::uint32_t kMagic = 0x44524754;
/// The first eight bytes are the same in every version.
inline constexpr std::uint16_t kVersion = 1;

enum class Kind : std::uint16_t {
  /// Asks for a status, and nothing else.
  hello = 1,
  /// At `kill_at` whatever can commit in the data directory is killed. Carries two descriptors (SCM_RIGHTS):
  /// the
  /// data directory, then the pidfd of the postmaster; or only the first, where none runs; or none: those of
  /// the
  /// last one count.
  arm = 2,
  /// Nothing is killed any more.
  disarm = 3,
  /// The daemon ends in order: a guardian that is not armed ends, too.
  leave = 4,
};

struct Request {
  std::uint32_t magic = kMagic;
  std::uint16_t version = kVersion;
  Kind kind = Kind::hello;
  /// Grows from daemon to daemon (CLOCK_BOOTTIME at its start, in ns): what an older one says after a newer
  /// one has spoken is refused.
  std::uint64_t epoch = 0;
  /// Comes back with the answer.
  std::uint64_t serial = 0;
  /// CLOCK_BOOTTIME in ns.
  std::int64_t kill_at = 0;
  /// For the log; ends with the first zero, or with the field.
  char why[32] = {};
};
static_assert(sizeof(Request) == 64);

enum class Result : std::uint16_t {
  done = 0,
  older_epoch = 1,
  /// It is killing: nothing is taken back, and nothing armed, until that is over.
  killing = 2,
  /// Not to be understood; the connection ends.
  broken = 3,
  other_version = 4,
};

/// What the guardian could not get for itself.
enum Lacks : std::uint32_t { kLacksLockedMemory = 1, kLacksPriority = 2, kLacksOomProtection = 4 };

struct Status {
  std::uint32_t magic = kMagic;
  std::uint16_t version = kVersion;
  Result result = Result::done;
  /// The newest that it has heard.
  std::uint64_t epoch = 0;
  /// Of the request; 0: nobody asked.
  std::uint64_t serial = 0;
  /// 0: not armed.
  std::int64_t kill_at = 0;
  /// How often it has killed something since it was started, and when it last did.
  std::uint32_t kills = 0;
  std::uint32_t lacks = 0;
  std::int64_t killed_at = 0;
  /// Allocations that were asked for, and refused, after its start.
  std::uint32_t allocations = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(Status) == 56);

/// What is wrong with a datagram; nullopt: it is a request of this version.
std::optional<Result> wrong_with(const Request& request, std::size_t bytes);
/// The field as text.
std::string_view why_of(const Request& request);
/// Cut to the field.
void set_why(Request& request, std::string_view why);

}  // namespace tanist::guard
