#include "ctl/terminal.h"

#include <unistd.h>

#include <csignal>
#include <istream>
#include <iterator>
#include <ostream>

#include "config/addresses.h"
#include "core/text.h"
#include "log/log.h"

namespace tanist::ctl {

namespace {

extern "C" void end_as_aborted(int) {
  constexpr char kText[] = "\nAborted!\n";
  (void)!::write(STDERR_FILENO, kText, sizeof kText - 1);
  ::_exit(1);
}

/// Ctrl-C at a question is an answer, too.
class AbortsOnInterrupt {
 public:
  AbortsOnInterrupt() : before_(::signal(SIGINT, end_as_aborted)) {}
  ~AbortsOnInterrupt() { ::signal(SIGINT, before_); }
  AbortsOnInterrupt(const AbortsOnInterrupt&) = delete;
  AbortsOnInterrupt& operator=(const AbortsOnInterrupt&) = delete;

 private:
  sighandler_t before_;
};

}  // namespace

void warn(const Terminal& terminal, const std::string& message) {
  log::Options options;
  options.format = "%(asctime)s - %(levelname)s - %(message)s";
  terminal.err << log::format_line(options, {terminal.wall_now(), log::Level::warning, message}) << '\n';
}

bool confirm(const Terminal& terminal, const std::string& question) {
  const AbortsOnInterrupt aborts;
  for (;;) {
    terminal.out << question << " [y/N]: " << std::flush;
    std::string line;
    if (terminal.in == nullptr || !std::getline(*terminal.in, line)) throw Aborted();
    const std::string answer = lower(config::trim(line));
    if (answer == "y" || answer == "yes") return true;
    if (answer == "n" || answer == "no" || answer.empty()) return false;
    terminal.out << "Error: invalid input\n";
  }
}

std::string read_input(const Terminal& terminal) {
  if (terminal.in == nullptr) return {};
  return {std::istreambuf_iterator<char>(*terminal.in), std::istreambuf_iterator<char>()};
}

}  // namespace tanist::ctl
