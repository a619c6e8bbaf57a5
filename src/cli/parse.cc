// The only file that sees CLI11: it takes half a minute to compile.

#include "cli/parse.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <list>

#include "core/format.h"

namespace tanist::cli {

/// A declaration as CLI11 takes it, and where it puts what it reads.
struct Parser {
  explicit Parser(const Program& program) : app(program.about, program.name) {
    app.set_version_flag(std::string(kVersion.names), program.version, std::string(kVersion.help));
    app.set_help_flag(std::string(kHelp.names), std::string(kHelp.help));
    declare(app, program.arguments, program.options);
    app.footer(program.footer);
    // One command: what follows is a word of its own even where it is called as another command is.
    if (!program.commands.empty()) app.require_subcommand(0, 1);
    for (const auto& command : program.commands) {
      auto* sub = app.add_subcommand(std::string(command.name), std::string(command.help));
      declare(*sub, command.arguments, command.options);
      sub->footer(command.footer);
    }
  }

  /// Of the program and of the command that was given.
  Given given() const {
    Given out;
    for (const auto& slot : slots) {
      if (slot.of != &app && !slot.of->parsed()) continue;
      Given::Value value;
      value.given = slot.flag || (slot.option->count() > 0 && slot.takes_value);
      value.texts = slot.texts;
      if (slot.takes_one && value.given) value.texts = {slot.text};
      value.number = slot.number;
      out.values_[slot.names] = std::move(value);
    }
    return out;
  }

  std::string asked() const {
    const auto commands = app.get_subcommands();
    return commands.empty() ? std::string() : commands.front()->get_name();
  }

  /// What is left over, in the order it was typed.
  std::string not_expected() const {
    std::string out;
    for (const auto& word : app.remaining(true)) out += (out.empty() ? "" : " ") + word;
    return "not expected here: " + out;
  }

  std::string help(const std::string& program) const {
    const auto commands = app.get_subcommands();
    return commands.empty() ? app.help() : commands.front()->help(program);
  }

  struct Slot {
    const CLI::App* of;
    std::string names;
    CLI::Option* option = nullptr;
    bool takes_value = true;
    bool takes_one = false;
    bool flag = false;
    std::string text;
    std::vector<std::string> texts;
    std::int64_t integer = 0;
    double number = 0;
  };

  static std::vector<std::string> taken(const Option& option) {
    std::vector<std::string> out(option.choices.begin(), option.choices.end());
    out.insert(out.end(), option.also_taken.begin(), option.also_taken.end());
    return out;
  }

  /// Empty: it is one.
  static std::string whole_number(const std::string& text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() ? std::string()
                                                                    : text + " is not a valid integer";
  }

  static std::string number_within(const std::string& text, double least, double most) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc{} && end == text.data() + text.size() && value >= least && value <= most)
      return {};
    return fmt::format("{} is not a number from {} to {}", text, least, most);
  }

  void declare(CLI::App& to, const Option& option) {
    Slot& slot = slots.emplace_back(Slot{.of = &to, .names = std::string(option.names)});
    const std::string help(option.help);
    if (option.is_flag()) {
      slot.takes_value = false;
      slot.option = to.add_flag(slot.names, slot.flag, help);
      return;
    }
    if (option.repeated) {
      slot.option = to.add_option(slot.names, slot.texts, help)->allow_extra_args(false);
    } else if (option.type == Type::integer) {
      slot.option = to.add_option(slot.names, slot.integer, help)->check(whole_number, "");
    } else if (option.type == Type::number) {
      slot.option = to.add_option(slot.names, slot.number, help);
      slot.option->check([least = option.least, most = option.most](
                             const std::string& text) { return number_within(text, least, most); },
                         "");
    } else {
      slot.takes_one = true;
      slot.option = to.add_option(slot.names, slot.text, help);
    }
    slot.option->type_name(std::string(option.value));
    // The last one counts, so that what an alias says can be overruled.
    if (!option.repeated) slot.option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    if (!option.choices.empty()) slot.option->check(CLI::IsMember(taken(option)).description(""));
  }

  void declare(CLI::App& to, const Argument& argument) {
    Slot& slot = slots.emplace_back(Slot{.of = &to, .names = std::string(argument.name)});
    const std::string help(argument.help);
    slot.takes_one = !argument.many;
    slot.option = argument.many ? to.add_option(slot.names, slot.texts, help)
                                : to.add_option(slot.names, slot.text, help);
    slot.option->type_name(argument.type == Type::file ? "PATH" : "")->required(argument.required);
  }

  void declare(CLI::App& to, const std::vector<Argument>& arguments, const std::vector<Option>& options) {
    for (const auto& argument : arguments) declare(to, argument);
    for (const auto& option : options) declare(to, option);
    for (const auto& option : options)
      for (const auto other : option.excludes)
        to.get_option(option.each_name().back())->excludes(to.get_option(std::string(other)));
  }

  CLI::App app;
  /// CLI11 keeps references to them.
  std::list<Slot> slots;
};

std::optional<std::string> Given::text(const Option& option) const {
  const auto& value = at(option.names);
  return value.given && !value.texts.empty() ? std::optional(value.texts.front()) : std::nullopt;
}

std::string Given::text(const Option& option, std::string_view otherwise) const {
  return text(option).value_or(std::string(otherwise));
}

std::optional<double> Given::number(const Option& option) const {
  const auto& value = at(option.names);
  return value.given ? std::optional(value.number) : std::nullopt;
}

std::string Given::text(const Argument& argument) const {
  const auto& value = at(argument.name);
  return value.texts.empty() ? std::string() : value.texts.front();
}

std::string first_word(const Program& program, const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (!word.starts_with('-') || word == "-") return word;
    for (const auto& option : program.options)
      if (!option.is_flag() && std::ranges::count(option.each_name(), word) > 0) ++i;
  }
  return {};
}

Parsed parse(const Program& program, std::vector<std::string> arguments) {
  Parser parser(program);
  const std::string word = first_word(program, arguments);
  Parsed out;
  std::ranges::reverse(arguments);  // as CLI11 takes them
  try {
    parser.app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    return {.outcome = Parsed::Outcome::tell, .text = parser.help(program.name)};
  } catch (const CLI::CallForVersion&) {
    return {.outcome = Parsed::Outcome::tell, .text = program.version + "\n"};
  } catch (const CLI::ExtrasError&) {
    const bool command = !program.commands.empty() && parser.asked().empty() && !word.empty();
    return {.outcome = Parsed::Outcome::wrong_usage,
            .text = command ? "No such command '" + word + "'." : parser.not_expected()};
  } catch (const CLI::ParseError& e) {
    return {.outcome = Parsed::Outcome::wrong_usage, .text = e.what()};
  }
  out.command = parser.asked();
  if (out.command.empty() && !program.commands.empty())
    return {.outcome = Parsed::Outcome::tell, .text = parser.app.help()};
  out.given = parser.given();
  return out;
}

}  // namespace tanist::cli
