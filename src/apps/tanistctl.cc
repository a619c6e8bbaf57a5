#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <iostream>

#include "async/clock.h"
#include "config/read/environment.h"
#include "ctl/command_line.h"
#include "log/log.h"

namespace {

using namespace tanist;

/// What libraries say is shown from this level on; the tool's own errors and warnings always are.
log::Level wanted_level(const config::Environment& environment) {
  for (const char* name : {"PATRONI_LOG_LEVEL", "PATRONI_LOGLEVEL", "LOGLEVEL"}) {
    const auto found = environment.find(name);
    if (found == environment.end()) continue;
    for (const auto level : {log::Level::debug, log::Level::info, log::Level::warning, log::Level::error}) {
      if (log::name(level) == found->second) return level;
    }
  }
  return log::Level::error;
}

void log_to_stderr(const config::Environment& environment) {
  const auto level = wanted_level(environment);
  log::redirect([level](log::Level of, const std::string& message) {
    if (of < level) return;
    log::Options options;
    options.format = "%(asctime)s - %(levelname)s - %(message)s";
    std::cerr << log::format_line(options, {SystemClock().wall_now(), of, message}) << '\n';
  });
}

bool sleep_until(Instant until) {
  const auto since_boot = until.time_since_epoch();
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
  timespec at{};
  at.tv_sec = whole.count();
  at.tv_nsec = (since_boot - whole).count();
  while (::clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &at, nullptr) == EINTR) {
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_DFL);
  const auto environment = config::process_environment();
  log_to_stderr(environment);
  SystemClock clock;
  // https://no-color.org: any value but an empty one.
  const auto no_color = environment.find("NO_COLOR");
  const bool colours = no_color == environment.end() || no_color->second.empty();
  const ctl::Surroundings surroundings{
      .environment = environment,
      .terminal = {.out = std::cout,
                   .err = std::cerr,
                   .now = [&] { return clock.now(); },
                   .wall_now = [&] { return clock.wall_now(); },
                   .sleep_until = sleep_until,
                   .in = &std::cin,
                   .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
                   .colours = colours,
                   .in_is_terminal = ::isatty(STDIN_FILENO) == 1,
                   .err_is_terminal = ::isatty(STDERR_FILENO) == 1},
      .open_store = ctl::open_store,
      .open_member_api = ctl::open_member_api,
      .programs = ctl::usual_programs(environment),
  };
  return ctl::run_command_line({argv, argv + argc}, surroundings);
}
