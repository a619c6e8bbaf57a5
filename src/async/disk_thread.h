#pragma once

#include <functional>
#include <memory>
#include <string>

#include "async/clock.h"
#include "async/disk.h"

namespace tanist {

/// The real disk: a thread of its own with a bounded queue, so that a disk that hangs holds up nobody but who
/// waits for it, and that one only until its deadline. Work that was given up at its deadline may still be
/// done later. All calls from one (control) thread; destroyed before its event loop.
class DiskThread final : public Disk {
 public:
  static constexpr std::size_t kMaxQueued = 256;

  explicit DiskThread(Clock& clock);
  /// Waits at most half a second for what is queued; a thread that hangs in the kernel is left behind.
  ~DiskThread() override;

  Task<std::expected<std::optional<std::string>, std::string>> read(std::string path,
                                                                    Instant deadline) override;
  Task<std::expected<void, std::string>> write(std::string path, std::string content, unsigned mode,
                                               Instant deadline) override;
  Task<std::expected<void, std::string>> append(std::string path, std::string content, unsigned mode,
                                                Instant deadline) override;
  Task<std::expected<void, std::string>> remove(std::string path, Instant deadline) override;

  /// Runs `work` on the disk thread. It must own all that it refers to: at the deadline (and when the caller
  /// is cancelled) nobody waits for it any longer. The error: the deadline came, the queue was full, there is
  /// no thread and none can be made, or `work` threw; `what` begins it.
  Task<std::expected<void, std::string>> run(std::string what, std::function<void()> work, Instant deadline);

  /// The same for work with a result.
  template <class T>
  Task<std::expected<T, std::string>> call(std::string what, std::function<T()> work, Instant deadline) {
    auto result = std::make_shared<std::optional<T>>();
    auto op = run(std::move(what), [result, work = std::move(work)] { result->emplace(work()); }, deadline);
    std::expected<void, std::string> ran = co_await std::move(op);
    if (!ran) co_return std::unexpected(std::move(ran.error()));
    co_return std::move(**result);
  }

 private:
  struct State;
  /// Makes the thread, where there is none yet. The error: it cannot be made now.
  std::expected<void, std::string> start();
  Clock& clock_;
  std::shared_ptr<State> state_;
};

/// The same operations right here, blocking: for the disk thread itself and for programs without an event
/// loop.
namespace blocking {
std::expected<std::optional<std::string>, std::string> read_file(const std::string& path);
std::expected<void, std::string> write_file(const std::string& path, const std::string& content,
                                            unsigned mode);
std::expected<void, std::string> append_file(const std::string& path, const std::string& content,
                                             unsigned mode);
/// With fsync of the directory: what was removed does not come back with the power.
std::expected<void, std::string> remove_file(const std::string& path);
/// Names that were added, changed or removed in it are on disk afterwards.
std::expected<void, std::string> sync_directory(const std::string& path);
}  // namespace blocking

}  // namespace tanist
