#include "guard/log.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <chrono>

namespace tanist::guard {
namespace {

enum class Way { direct, socket, beside };
int output = STDERR_FILENO;
Way way = Way::beside;

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::info: return "INFO";
    case Severity::warning: return "WARNING";
    case Severity::error: break;
  }
  return "ERROR";
}

/// The zone's file is not read: that takes a heap.
void add_time(Text& line) {
  using namespace std::chrono;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const sys_seconds whole{seconds(now.tv_sec)};
  const auto day = floor<days>(whole);
  const year_month_day date(day);
  const hh_mm_ss clock(whole - day);
  line << static_cast<int>(date.year()) << "-";
  line.padded(static_cast<unsigned>(date.month()), 2) << "-";
  line.padded(static_cast<unsigned>(date.day()), 2) << " ";
  line.padded(static_cast<unsigned>(clock.hours().count()), 2) << ":";
  line.padded(static_cast<unsigned>(clock.minutes().count()), 2) << ":";
  line.padded(static_cast<unsigned>(clock.seconds().count()), 2) << ",";
  line.padded(static_cast<unsigned>(now.tv_nsec / 1000000), 3) << " UTC ";
}

}  // namespace

void open_log() {
  struct stat seen{};
  if (::fstat(STDERR_FILENO, &seen) != 0) return;
  if (S_ISSOCK(seen.st_mode)) {
    way = Way::socket;
  } else if (S_ISFIFO(seen.st_mode) || S_ISCHR(seen.st_mode)) {
    // A description of its own: others share the first one, and may want to wait.
    const int own = ::open("/proc/self/fd/2", O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (own < 0) return;
    output = own;
    way = Way::direct;
  }
}

void say(Severity severity, std::string_view text) {
  Text line;
  add_time(line);
  line << name_of(severity) << ": guardian: " << text;
  Line<800> whole;
  whole << line.view() << "\n";
  const auto written = whole.view();
  if (way == Way::socket) {
    (void)::send(output, written.data(), written.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } else if (way == Way::direct) {
    (void)!::write(output, written.data(), written.size());
  } else if (::fork() == 0) {
    // A file: its disk may hang, and who writes with it. Nobody waits for this one.
    ::close_range(STDERR_FILENO + 1, ~0U, 0);
    (void)!::write(STDERR_FILENO, written.data(), written.size());
    ::_exit(0);
  }
}

}  // namespace tanist::guard
