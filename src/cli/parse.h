#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/declaration.h"

namespace tanist::cli {

/// What was given on a command line. Asking for what was not declared is a mistake of the program
/// (std::out_of_range).
class Given {
 public:
  /// Also of an option that the command does not have: it was not given.
  bool has(const Option& option) const {
    const auto found = values_.find(std::string(option.names));
    return found != values_.end() && found->second.given;
  }
  std::optional<std::string> text(const Option& option) const;
  std::string text(const Option& option, std::string_view otherwise) const;
  /// Of one that may be repeated, in their order.
  std::vector<std::string> texts(const Option& option) const { return at(option.names).texts; }
  std::optional<double> number(const Option& option) const;
  /// Empty: it was left out.
  std::string text(const Argument& argument) const;
  std::vector<std::string> texts(const Argument& argument) const { return at(argument.name).texts; }

 private:
  friend struct Parser;
  struct Value {
    bool given = false;
    std::vector<std::string> texts;
    double number = 0;
  };
  const Value& at(std::string_view names) const { return values_.at(std::string(names)); }
  std::map<std::string, Value> values_;
};

struct Parsed {
  enum class Outcome {
    /// `given` is to be done.
    run,
    /// Help or the version was asked for: `text` is to be printed, and that is all.
    tell,
    /// `text` says why.
    wrong_usage,
  };
  Outcome outcome = Outcome::run;
  std::string text;
  /// Empty: the program has none.
  std::string command;
  Given given;
};

/// `arguments` are without the program's name. A program with commands that is called without one tells its
/// help.
Parsed parse(const Program& program, std::vector<std::string> arguments);

/// The first word that is no option of the program, nor the value of one: the command, known or not. Empty:
/// none.
std::string first_word(const Program& program, const std::vector<std::string>& arguments);

}  // namespace tanist::cli
