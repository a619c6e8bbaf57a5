#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What a program takes on its command line, declared once: parsing, help, completion and reference pages
/// come from it.
namespace tanist::cli {

enum class Type { text, file, integer, number };

/// Names that completion asks the program itself for: `PROGRAM list -f tsv` has them in its first two
/// columns. Members are those of the cluster that the first argument names.
enum class Names { none, cluster, member };

struct Option {
  /// As they are typed, separated by commas: `-f,--format`.
  std::string_view names;
  std::string_view help;
  /// What help calls its value; empty: a flag, which has none.
  std::string_view value = {};
  Type type = Type::text;
  /// The only values it takes, where there are some.
  std::span<const std::string_view> choices = {};
  /// Taken as well, and told to nobody: other spellings of choices.
  std::span<const std::string_view> also_taken = {};
  /// Bounds of a number.
  double least = 0;
  double most = 0;
  /// May be given several times.
  bool repeated = false;
  /// Names of options that it cannot be together with.
  std::span<const std::string_view> excludes = {};
  /// What a value may begin with, for completion.
  std::string_view begins = {};
  Names names_of = Names::none;
  /// A few words for completion, where the first of `help` would not do.
  std::string_view in_short = {};
  /// False: known, so that whoever uses it gets an answer, and offered by no completion.
  bool offered = true;

  bool is_flag() const { return value.empty(); }
  /// `-f`, `--format`
  std::vector<std::string> each_name() const;
  /// What it does in a few words: `in_short`, or `help` up to its first punctuation.
  std::string_view brief() const;
};

/// A word that is no option.
struct Argument {
  std::string_view name;
  std::string_view help;
  bool required = false;
  /// Takes all words that are left. The last argument only.
  bool many = false;
  Type type = Type::text;
  Names names_of = Names::none;
  /// Words that it may be besides, for completion.
  std::span<const std::string_view> words = {};
};

struct Command {
  std::string_view name;
  std::string_view help;
  std::vector<Argument> arguments;
  std::vector<Option> options;
  /// Follows its help.
  std::string footer;

  /// `reload CLUSTER [MEMBERS...]`
  std::string usage() const;
};

struct Program {
  /// As it was called.
  std::string name;
  /// Other names that it is installed under, for the files that go by names.
  std::vector<std::string> also_called = {};
  /// What it does, in one line without a full stop.
  std::string in_short = {};
  std::string about;
  /// What `--version` prints.
  std::string version;
  /// Of the program: they precede the command.
  std::vector<Option> options;
  /// Where there are no commands.
  std::vector<Argument> arguments;
  std::vector<Command> commands;
  std::string footer;
};

/// What every program and every command has without saying so.
inline constexpr Option kVersion{.names = "--version", .help = "Print the version and end"};
inline constexpr Option kHelp{.names = "-h,--help", .help = "Print this help and end"};

/// Names of the program's long options.
std::vector<std::string> long_options(const Program& program);

}  // namespace tanist::cli
