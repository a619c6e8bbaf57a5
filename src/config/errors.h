#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tanist::config {

enum class Severity { warning, error };

/// One finding about a configuration. `line` and `column` are 1-based, 0 = unknown; `key` is the dotted path.
struct Problem {
  Severity severity = Severity::error;
  /// File, environment variable or `dynamic configuration`; empty when the text says it all.
  std::string file;
  int line = 0;
  int column = 0;
  std::string key;
  /// What was given and what is allowed; never holds a secret.
  std::string text;
  /// The next step, if there is one.
  std::string hint;
};

using Problems = std::vector<Problem>;

/// `file:line:column: key: text`, and `HINT: …` on a line of its own.
std::string to_string(const Problem&);
std::string to_string(const Problems&);
bool has_errors(const Problems&);

/// A configuration that cannot be used, for callers that unwind.
class Invalid : public std::runtime_error {
 public:
  explicit Invalid(Problems problems)
      : std::runtime_error(to_string(problems)), problems_(std::move(problems)) {}
  const Problems& problems() const { return problems_; }

 private:
  Problems problems_;
};

}  // namespace tanist::config
