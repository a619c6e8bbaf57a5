#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <stdexcept>
#include <string>

#include "core/time.h"

namespace tanist::ctl {

/// Where output goes, where answers come from, and how a command waits.
struct Terminal {
  std::ostream& out;
  std::ostream& err;
  std::function<Instant()> now;
  std::function<WallTime()> wall_now;
  /// False: stop watching.
  std::function<bool(Instant until)> sleep_until;
  /// Answers to questions, and `-` as a file; nullptr: none.
  std::istream* in = nullptr;
  bool out_is_terminal = false;
  /// It may show colours.
  bool colours = true;
  /// The standard input is one: what is typed may be hidden.
  bool in_is_terminal = false;
  bool err_is_terminal = false;
};

/// The input ended where an answer was asked for: `Aborted!`, exit code 1.
class Aborted : public std::runtime_error {
 public:
  Aborted() : std::runtime_error("Aborted!") {}
};

/// A line of the log on the error stream: `<time> - WARNING - <message>`.
void warn(const Terminal& terminal, const std::string& message);

/// Asks `<question> [y/N]: ` until the answer is yes or no; Enter is no. Throws Aborted.
bool confirm(const Terminal& terminal, const std::string& question);

/// Asks `<question> [<otherwise>]: `; Enter is `otherwise`. Without one, `<question>: ` until there is an
/// answer. Throws Aborted.
std::string ask(const Terminal& terminal, const std::string& question,
                const std::optional<std::string>& otherwise = std::nullopt);

/// As ask() without a default; nothing that is typed is shown. Throws Aborted.
std::string ask_secret(const Terminal& terminal, const std::string& question);

/// All of the input.
std::string read_input(const Terminal& terminal);

}  // namespace tanist::ctl
