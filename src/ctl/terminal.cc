#include "ctl/terminal.h"

#include <termios.h>
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

/// What the terminal was before it hid what is typed; used where the process ends in a signal's handler.
termios shown_before;
volatile std::sig_atomic_t hidden = 0;

extern "C" void end_as_aborted(int) {
  constexpr char kText[] = "\nAborted!\n";
  if (hidden != 0) ::tcsetattr(STDIN_FILENO, TCSANOW, &shown_before);
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

/// The terminal shows nothing of what is typed, where there is one.
class HiddenInput {
 public:
  explicit HiddenInput(bool terminal) {
    if (!terminal || ::tcgetattr(STDIN_FILENO, &shown_before) != 0) return;
    hidden = 1;
    termios silent = shown_before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &silent);
  }
  ~HiddenInput() {
    if (hidden != 0) ::tcsetattr(STDIN_FILENO, TCSANOW, &shown_before);
    hidden = 0;
  }
  HiddenInput(const HiddenInput&) = delete;
  HiddenInput& operator=(const HiddenInput&) = delete;
};

std::string next_line(const Terminal& terminal) {
  std::string line;
  if (terminal.in == nullptr || !std::getline(*terminal.in, line)) throw Aborted();
  return line;
}

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
    const std::string answer = lower(config::trim(next_line(terminal)));
    if (answer == "y" || answer == "yes") return true;
    if (answer == "n" || answer == "no" || answer.empty()) return false;
    terminal.out << "Error: invalid input\n";
  }
}

std::string ask(const Terminal& terminal, const std::string& question,
                const std::optional<std::string>& otherwise) {
  const AbortsOnInterrupt aborts;
  for (;;) {
    terminal.out << question;
    if (otherwise) terminal.out << " [" << *otherwise << ']';
    terminal.out << ": " << std::flush;
    std::string answer = next_line(terminal);
    if (!answer.empty()) return answer;
    if (otherwise) return *otherwise;
  }
}

std::string ask_secret(const Terminal& terminal, const std::string& question) {
  const AbortsOnInterrupt aborts;
  const HiddenInput hides(terminal.in_is_terminal);
  for (;;) {
    terminal.out << question << ": " << std::flush;
    const std::string answer = next_line(terminal);
    terminal.out << '\n';
    if (!answer.empty()) return answer;
  }
}

std::string read_input(const Terminal& terminal) {
  if (terminal.in == nullptr) return {};
  return {std::istreambuf_iterator<char>(*terminal.in), std::istreambuf_iterator<char>()};
}

}  // namespace tanist::ctl
