#include "cli/completion.h"

#include <utility>

#include "core/format.h"
#include "core/text.h"

namespace tanist::cli {

namespace {

std::string joined(const std::vector<std::string>& words, std::string_view by) {
  std::string out;
  for (const auto& word : words) {
    if (!out.empty()) out += by;
    out += word;
  }
  return out;
}

std::vector<std::string> words_of(std::span<const std::string_view> texts) {
  return {texts.begin(), texts.end()};
}

std::vector<std::string> offered_names(const std::vector<Option>& options) {
  std::vector<std::string> out;
  for (const auto& option : options) {
    if (!option.offered) continue;
    for (auto& name : option.each_name()) out.push_back(std::move(name));
  }
  return out;
}

std::vector<std::string> command_names(const Program& program) {
  std::vector<std::string> out;
  for (const auto& command : program.commands) out.emplace_back(command.name);
  return out;
}

/// In single quotes, with what stands for one.
std::string quoted(std::string_view text, std::string_view for_a_quote) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += for_a_quote;
    } else {
      out += c;
    }
  }
  return out + "'";
}

// bash

std::string bash_words(const std::string& words) {
  return fmt::format("mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$cur\")\n", words);
}

/// What completes the value of an option, when `label` is what was typed before it.
std::string bash_value(const Option& option, const std::string& label, const std::string& indent) {
  if (option.is_flag()) return {};
  std::string out = indent + label + ")\n";
  const std::string inner = indent + "  ";
  if (option.type == Type::file) {
    out += inner + "compopt -o filenames 2>/dev/null\n";
    out += inner + "mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n";
  } else if (!option.choices.empty()) {
    out += inner + bash_words(joined(words_of(option.choices), " "));
  } else if (!option.begins.empty()) {
    out += inner + "compopt -o nospace 2>/dev/null\n";
    out += inner + bash_words(std::string(option.begins));
  }
  return out + inner + "return\n" + inner + ";;\n";
}

std::string prefixed(const Option& option, const std::string& prefix) {
  auto names = option.each_name();
  for (auto& name : names) name = prefix + name;
  return joined(names, " | ");
}

// zsh

std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_action(const Option& option) {
  if (option.type == Type::file) return "_files";
  if (!option.choices.empty()) return "(" + joined(words_of(option.choices), " ") + ")";
  if (!option.begins.empty()) return "(" + zsh_text(option.begins) + ")";
  return " ";
}

std::string zsh_option(const Option& option, bool ends_everything = false) {
  const auto names = option.each_name();
  std::string rest = "[" + zsh_text(option.brief()) + "]";
  if (!option.is_flag()) rest += ":" + zsh_text(lower(option.value)) + ":" + zsh_action(option);
  std::string once;
  if (ends_everything) {
    once = "(-)";
  } else if (option.repeated) {
    once = "*";
  } else if (names.size() > 1) {
    once = "(" + joined(names, " ") + ")";
  }
  const std::string quote = "'\\''";
  if (names.size() == 1) return quoted(once + names[0] + rest, quote);
  return (once.empty() ? "" : quoted(once, quote)) + "{" + joined(names, ",") + "}" + quoted(rest, quote);
}

std::vector<std::string> zsh_specs(const std::vector<Argument>& arguments,
                                   const std::vector<Option>& options) {
  std::vector<std::string> out;
  for (const auto& option : options)
    if (option.offered) out.push_back(zsh_option(option));
  out.push_back(zsh_option(kHelp, true));
  for (std::size_t i = 0; i < arguments.size(); ++i)
    out.push_back(fmt::format("'{}:{}:{}'", arguments[i].many ? "*" : std::to_string(i + 1),
                              lower(arguments[i].name), arguments[i].type == Type::file ? "_files" : " "));
  return out;
}

// fish

std::string fish_option(const Option& option) {
  std::string out;
  for (const auto& name : option.each_name())
    out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (option.type == Type::file && !option.is_flag()) {
    out += " -r -F";
  } else if (!option.is_flag()) {
    out += " -x";
    if (!option.choices.empty()) out += " -a '" + joined(words_of(option.choices), " ") + "'";
    if (!option.begins.empty()) out += " -a '" + std::string(option.begins) + "'";
  }
  return out + " -d " + quoted(option.brief(), "\\'");
}

std::string generated(const std::string& source) {
  return "# Generated from " + source + ".\n";
}

}  // namespace

std::string bash_completion(const Program& program, const std::string& source) {
  const std::string& name = program.name;
  std::string with_value;
  std::string values;
  for (const auto& option : program.options) {
    if (option.is_flag()) continue;
    with_value += (with_value.empty() ? "" : " | ") + prefixed(option, "");
    values += bash_value(option, prefixed(option, ""), "      ");
  }
  auto first = command_names(program);
  for (auto& option : offered_names(program.options)) first.push_back(std::move(option));
  first.emplace_back("--help");
  first.emplace_back("--version");
  std::string command_values;
  std::string options;
  for (const auto& command : program.commands) {
    const std::string label(command.name);
    for (const auto& option : command.options)
      command_values += bash_value(option, prefixed(option, label + ":"), "    ");
    auto names = offered_names(command.options);
    names.emplace_back("--help");
    options += "    " + label + ") " + bash_words(joined(names, " "));
    options.pop_back();
    options += " ;;\n";
  }
  return fmt::format(
      R"(# bash completion for {0}; installed as /usr/share/bash-completion/completions/{0}
{1}
_{0}() {{
  local cur prev command i
  COMPREPLY=()
  cur=${{COMP_WORDS[COMP_CWORD]}}
  prev=${{COMP_WORDS[COMP_CWORD - 1]}}

  # The first word that is neither an option nor the value of one.
  command=
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${{COMP_WORDS[i]}} in
      {2}) ((i++)) ;;
      -*) ;;
      *)
        command=${{COMP_WORDS[i]}}
        break
        ;;
    esac
  done

  if [[ -z $command ]]; then
    case $prev in
{3}    esac
    {4}    return
  fi

  case $command:$prev in
{5}  esac
  case $command in
{6}  esac
}}

complete -F _{0} {0}
)",
      name, generated(source), with_value, values, bash_words(joined(first, " ")), command_values, options);
}

std::string zsh_completion(const Program& program, const std::string& source) {
  std::string described;
  std::string cases;
  for (const auto& command : program.commands) {
    described += fmt::format(
        "    {}\n",
        quoted(std::string(command.name) + ":" + zsh_text(Option{.help = command.help}.brief()), "'\\''"));
    cases += fmt::format("        {})\n          _arguments", command.name);
    for (const auto& spec : zsh_specs(command.arguments, command.options))
      cases += " \\\n            " + spec;
    cases += "\n          ;;\n";
  }
  std::string specs;
  for (const auto& option : program.options) specs += "    " + zsh_option(option) + " \\\n";
  specs += "    " + zsh_option(kVersion, true) + " \\\n    " + zsh_option(kHelp, true) + " \\\n";
  return fmt::format(R"(#compdef {0}
# zsh completion for {0}; installed as /usr/share/zsh/vendor-completions/_{0}
{1}
_{0}() {{
  local curcontext=$curcontext state line
  local -a commands
  commands=(
{2}  )

  _arguments -C \
{3}    '1:command:->command' \
    '*::argument:->argument'

  case $state in
    command) _describe -t commands command commands ;;
    argument)
      case $line[1] in
{4}      esac
      ;;
  esac
}}

_{0} "$@"
)",
                     program.name, generated(source), described, specs, cases);
}

std::string fish_completion(const Program& program, const std::string& source) {
  const std::string& name = program.name;
  std::string out = fmt::format(
      "# fish completion for {0}; installed as /usr/share/fish/vendor_completions.d/{0}.fish\n{1}\n"
      "set -l commands {2}\n\ncomplete -c {0} -f\n",
      name, generated(source), joined(command_names(program), " "));
  const std::string before =
      fmt::format("complete -c {} -n \"not __fish_seen_subcommand_from $commands\"", name);
  for (const auto& option : program.options)
    if (option.offered) out += before + fish_option(option) + "\n";
  out += before + fish_option(kVersion) + "\n";
  out += "complete -c " + name + fish_option(kHelp) + "\n\n";
  for (const auto& command : program.commands)
    out += fmt::format("{} -a {} -d {}\n", before, command.name,
                       quoted(Option{.help = command.help}.brief(), "\\'"));
  for (const auto& command : program.commands) {
    bool first = true;
    for (const auto& option : command.options)
      if (option.offered)
        out += std::string(std::exchange(first, false) ? "\n" : "") +
               fmt::format("complete -c {} -n \"__fish_seen_subcommand_from {}\"{}\n", name, command.name,
                           fish_option(option));
  }
  return out;
}

}  // namespace tanist::cli
