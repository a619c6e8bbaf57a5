#include "log/output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

TANIST_LOGGER("patroni.log");

namespace tanist::log {
namespace {

constexpr auto kFilePause = std::chrono::seconds(5);

WallTime calendar_now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace

void write_stderr(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n > 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    // A pipe that somebody else made non-blocking, and that is full.
    pollfd writable{STDERR_FILENO, POLLOUT, 0};
    if (n < 0 && errno == EAGAIN && ::poll(&writable, 1, -1) >= 0 && (writable.revents & POLLOUT) != 0)
      continue;
    return;  // nowhere left to complain
  }
}

void Output::use(const Options& options) {
  options_ = options;
  if (options.directory.empty()) {
    file_.reset();
    diverted_ = 0;
    return;
  }
  RotatingFile::Settings settings{options.directory + "/patroni.log", options.file_mode, options.file_size,
                                  options.file_num};
  if (!file_) {
    file_ = std::make_unique<RotatingFile>(std::move(settings));
  } else {
    file_->use(std::move(settings));
  }
  next_try_ = Instant();
}

void Output::complain(Level level, std::string message) {
  const Line line{calendar_now(), level, std::move(message), std::source_location::current()};
  write_stderr(format_line(options_, line) + '\n');
}

void Output::write(const Line& line) {
  const std::string text = format_line(options_, line) + '\n';
  if (!file_) {
    write_stderr(text);
    return;
  }
  if (diverted_ > 0 && BootClock::now() < next_try_) {
    ++diverted_;
    write_stderr(text);
    return;
  }
  auto written =
      diverted_ == 0
          ? file_->append(text)
          : file_->append(format_line(options_, {calendar_now(), Level::warning,
                                                 fmt::format("the log file could not be written for a while: "
                                                             "{} lines went to stderr instead",
                                                             diverted_),
                                                 std::source_location::current()}) +
                          '\n' + text);
  if (!written) {
    if (diverted_ == 0)
      complain(Level::error,
               written.error() + ": log lines go to stderr until the file can be written again");
    ++diverted_;
    next_try_ = BootClock::now() + kFilePause;
    write_stderr(text);
    return;
  }
  diverted_ = 0;
  if (file_->rotation_problem() != rotation_complaint_) {
    rotation_complaint_ = file_->rotation_problem();
    if (!rotation_complaint_.empty())
      complain(Level::error, rotation_complaint_ + ": the log file grows until it can be rotated again");
  }
}

}  // namespace tanist::log
