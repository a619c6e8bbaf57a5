#include "async/disk_thread.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>

#include "async/event.h"
#include "async/wait.h"
#include "core/format.h"

namespace tanist {

namespace blocking {
namespace {

std::unexpected<std::string> failed(std::string_view what, const std::string& path, int error = errno) {
  return std::unexpected(fmt::format("could not {} \"{}\": {}", what, path, std::strerror(error)));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::string parent_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

std::expected<void, std::string> make_parent(const std::string& path) {
  const std::string parent = parent_of(path);
  if (parent.empty() || ::access(parent.c_str(), F_OK) == 0) return {};
  if (auto made = make_parent(parent); !made) return made;
  if (::mkdir(parent.c_str(), 0700) != 0 && errno != EEXIST) return failed("create directory", parent);
  // A file in it is not on disk before its directory is.
  return sync_directory(parent_of(parent));
}

}  // namespace

std::expected<void, std::string> sync_directory(const std::string& path) {
  const Descriptor directory(::open(path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Who may only enter a directory cannot sync it, and some file systems have nothing to sync: no better is
  // to be had there.
  if (!directory)
    return errno == EACCES ? std::expected<void, std::string>() : failed("open directory", path);
  if (::fsync(directory.get()) != 0 && errno != EINVAL && errno != EBADF)
    return failed("sync directory", path);
  return {};
}

std::expected<std::optional<std::string>, std::string> read_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return failed("open", path);
  }
  std::string content;
  char buffer[16384];
  for (;;) {
    const ssize_t n = ::read(file.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("read", path);
    if (n == 0) return content;
    content.append(buffer, static_cast<std::size_t>(n));
  }
}

std::expected<void, std::string> write_file(const std::string& path, const std::string& content,
                                            unsigned mode) {
  if (auto made = make_parent(path); !made) return made;
  const std::string temporary = path + ".tanist-tmp";
  Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!file) return failed("create", temporary);
  // The mode is meant as given, whatever the umask and a left-over file say.
  if (::fchmod(file.get(), mode) != 0 || !write_all(file.get(), content) || ::fsync(file.get()) != 0 ||
      !file.close() || ::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return failed("write", path, error);
  }
  return sync_directory(parent_of(path));
}

std::expected<void, std::string> append_file(const std::string& path, const std::string& content,
                                             unsigned mode) {
  if (auto made = make_parent(path); !made) return made;
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode));
  if (!file) return failed("open", path);
  if (!write_all(file.get(), content) || !file.close()) return failed("append to", path);
  return {};
}

std::expected<void, std::string> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) == 0) return sync_directory(parent_of(path));
  if (errno != ENOENT && errno != ENOTDIR) return failed("remove", path);
  return {};
}

}  // namespace blocking

namespace {

/// One job; lives until both sides are done with it.
struct Job {
  explicit Job(Executor e, std::function<void()> w) : executor(std::move(e)), work(std::move(w)) {}
  Executor executor;
  std::function<void()> work;
  /// What it threw.
  std::string failure;
  Event done;
};

constexpr auto kPatienceAtEnd = std::chrono::milliseconds(500);

}  // namespace

struct DiskThread::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::shared_ptr<Job>> queue;
  bool closed = false;
  /// There is no thread (any more).
  bool ended = true;

  static void run(Job& job) {
    try {
      job.work();
    } catch (const std::exception& e) {
      job.failure = e.what();
    }
  }

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return closed || !queue.empty(); });
      if (queue.empty()) break;
      auto job = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      run(*job);
      lock.lock();
      // Under the lock: after `closed` the event loop may be gone.
      if (!closed) {
        auto executor = job->executor;
        boost::asio::post(executor, [job = std::move(job)] { job->done.set(); });
      }
    }
    ended = true;
    changed.notify_all();
  }
};

DiskThread::DiskThread(Clock& clock) : clock_(clock), state_(std::make_shared<State>()) {
  // Where threads are used up just now, the first request tries again.
  (void)start();
}

std::expected<void, std::string> DiskThread::start() {
  const std::lock_guard lock(state_->mutex);
  if (!state_->ended) return {};
  try {
    std::thread([state = state_] { state->work(); }).detach();
  } catch (const std::system_error& e) {
    return std::unexpected(std::string(e.what()));
  }
  state_->ended = false;
  return {};
}

DiskThread::~DiskThread() {
  std::unique_lock lock(state_->mutex);
  state_->closed = true;
  state_->changed.notify_all();
  state_->changed.wait_for(lock, kPatienceAtEnd, [this] { return state_->ended; });
}

Task<std::expected<void, std::string>> DiskThread::run(std::string what, std::function<void()> work,
                                                       Instant deadline) {
  auto executor = co_await boost::asio::this_coro::executor;
  if (const auto started = start(); !started)
    co_return std::unexpected(
        fmt::format("could not {}: no thread can be made for it: {}", what, started.error()));
  auto job = std::make_shared<Job>(executor, std::move(work));
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->queue.size() >= kMaxQueued) {
      co_return std::unexpected(fmt::format("could not {}: the disk does not keep up ({} requests wait)",
                                            what, state_->queue.size()));
    }
    state_->queue.push_back(job);
  }
  state_->changed.notify_all();
  const bool done = co_await wait_until(clock_, job->done, deadline);
  if (!done) co_return std::unexpected(fmt::format("could not {}: the disk did not answer in time", what));
  if (!job->failure.empty()) co_return std::unexpected(fmt::format("could not {}: {}", what, job->failure));
  co_return std::expected<void, std::string>();
}

Task<std::expected<std::optional<std::string>, std::string>> DiskThread::read(std::string path,
                                                                              Instant deadline) {
  using Content = std::expected<std::optional<std::string>, std::string>;
  std::string what = fmt::format("read \"{}\"", path);
  std::function<Content()> work = [path = std::move(path)] { return blocking::read_file(path); };
  std::expected<Content, std::string> result =
      co_await call<Content>(std::move(what), std::move(work), deadline);
  if (!result) co_return std::unexpected(std::move(result.error()));
  co_return std::move(*result);
}

namespace {
using Outcome = std::expected<void, std::string>;

Outcome flatten(std::expected<Outcome, std::string> result) {
  if (!result) return std::unexpected(std::move(result.error()));
  return std::move(*result);
}
}  // namespace

Task<std::expected<void, std::string>> DiskThread::write(std::string path, std::string content, unsigned mode,
                                                         Instant deadline) {
  std::string what = fmt::format("write \"{}\"", path);
  std::function<Outcome()> work = [path = std::move(path), content = std::move(content), mode] {
    return blocking::write_file(path, content, mode);
  };
  std::expected<Outcome, std::string> result =
      co_await call<Outcome>(std::move(what), std::move(work), deadline);
  co_return flatten(std::move(result));
}

Task<std::expected<void, std::string>> DiskThread::append(std::string path, std::string content,
                                                          unsigned mode, Instant deadline) {
  std::string what = fmt::format("append to \"{}\"", path);
  std::function<Outcome()> work = [path = std::move(path), content = std::move(content), mode] {
    return blocking::append_file(path, content, mode);
  };
  std::expected<Outcome, std::string> result =
      co_await call<Outcome>(std::move(what), std::move(work), deadline);
  co_return flatten(std::move(result));
}

Task<std::expected<void, std::string>> DiskThread::remove(std::string path, Instant deadline) {
  std::string what = fmt::format("remove \"{}\"", path);
  std::function<Outcome()> work = [path = std::move(path)] { return blocking::remove_file(path); };
  std::expected<Outcome, std::string> result =
      co_await call<Outcome>(std::move(what), std::move(work), deadline);
  co_return flatten(std::move(result));
}

}  // namespace tanist
