#include "cli/completion.h"

#include <algorithm>
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

/// The column of `list -f tsv` that has them.
int column_of(Names names) {
  return names == Names::cluster ? 1 : 2;
}

bool lists_names(const Program& program) {
  const auto named = [](const auto& each) { return each.names_of != Names::none; };
  return std::ranges::any_of(program.commands, [&](const Command& command) {
    return std::ranges::any_of(command.arguments, named) || std::ranges::any_of(command.options, named);
  });
}

/// Names, and `words` besides.
std::string bash_names(Names names, std::span<const std::string_view> words) {
  return fmt::format("mapfile -t COMPREPLY < <(compgen -W \"$(names {}){}\" -- \"$cur\")\n", column_of(names),
                     words.empty() ? "" : " " + joined(words_of(words), " "));
}

/// What completes the next word behind a command.
std::string bash_words_of(const Command& command) {
  auto names = offered_names(command.options);
  names.emplace_back("--help");
  const std::string options = bash_words(joined(names, " "));
  std::string out = fmt::format("    {})\n", command.name);
  const auto& arguments = command.arguments;
  if (std::ranges::none_of(arguments, [](const Argument& a) { return a.names_of != Names::none; }))
    return out + "      " + options + "      ;;\n";
  out += "      if [[ $cur == -* ]]; then\n        " + options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].names_of == Names::none) continue;
    out += fmt::format("      elif ((${{#given[@]}} {} {})); then\n        {}",
                       arguments[i].many ? ">=" : "==", i,
                       bash_names(arguments[i].names_of, arguments[i].words));
  }
  return out + "      fi\n      ;;\n";
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
  } else if (option.names_of != Names::none) {
    out += inner + bash_names(option.names_of, {});
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

std::string zsh_names(Names names, const std::string& program) {
  if (names == Names::none) return " ";
  // Behind a blank it is called as it stands here, without options of zsh's own before its argument.
  return fmt::format(" _{}_names {}", program, column_of(names));
}

std::string zsh_action(const Option& option, const std::string& program) {
  if (option.type == Type::file) return "_files";
  if (!option.choices.empty()) return "(" + joined(words_of(option.choices), " ") + ")";
  if (!option.begins.empty()) return "(" + zsh_text(option.begins) + ")";
  return zsh_names(option.names_of, program);
}

std::string zsh_option(const Option& option, const std::string& program, bool ends_everything = false) {
  const auto names = option.each_name();
  std::string rest = "[" + zsh_text(option.brief()) + "]";
  if (!option.is_flag()) rest += ":" + zsh_text(lower(option.value)) + ":" + zsh_action(option, program);
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

std::string zsh_action(const Argument& argument, const std::string& program) {
  if (argument.type == Type::file) return "_files";
  if (argument.words.empty()) return zsh_names(argument.names_of, program);
  return fmt::format("{{{}; compadd {}}}", zsh_names(argument.names_of, program),
                     joined(words_of(argument.words), " "));
}

std::vector<std::string> zsh_specs(const std::vector<Argument>& arguments, const std::vector<Option>& options,
                                   const std::string& program) {
  std::vector<std::string> out;
  for (const auto& option : options)
    if (option.offered) out.push_back(zsh_option(option, program));
  out.push_back(zsh_option(kHelp, program, true));
  for (std::size_t i = 0; i < arguments.size(); ++i)
    out.push_back(fmt::format("'{}:{}:{}'", arguments[i].many ? "*" : std::to_string(i + 1),
                              lower(arguments[i].name), zsh_action(arguments[i], program)));
  return out;
}

// fish

std::string fish_option(const Option& option, const std::string& program) {
  std::string out;
  for (const auto& name : option.each_name())
    out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (option.type == Type::file && !option.is_flag()) {
    out += " -r -F";
  } else if (!option.is_flag()) {
    out += " -x";
    if (!option.choices.empty()) out += " -a '" + joined(words_of(option.choices), " ") + "'";
    if (!option.begins.empty()) out += " -a '" + std::string(option.begins) + "'";
    if (option.names_of != Names::none)
      out += fmt::format(" -a '(__{}_names {})'", program, column_of(option.names_of));
  }
  return out + " -d " + quoted(option.brief(), "\\'");
}

/// Of the cluster that is named, or the configured one; in silence where nothing answers.
constexpr const char* kBashNames = R"(
  names() {
    local -a cluster=()
    [[ $1 == 2 && -n ${given[0]} ]] && cluster=("${given[0]}")
    timeout 3 "${before[@]}" list "${cluster[@]}" -f tsv 2>/dev/null | tail -n +2 | cut -f"$1" | sort -u
  }
)";

constexpr const char* kZshNames = R"zsh(
# Of the configured cluster; in silence where nothing answers. `before`: what was typed before the command.
_{0}_names() {{
  local -a names
  names=(${{(f)"$(timeout 3 $before list -f tsv 2>/dev/null | tail -n +2 | cut -f$1 | sort -u)"}})
  compadd -a names
}}
)zsh";

constexpr const char* kFishNames = R"(
# Of the configured cluster; in silence where nothing answers.
function __{0}_names
    set -l before
    for word in (commandline -opc)
        contains -- $word {1}; and break
        set -a before $word
    end
    timeout 3 $before list -f tsv 2>/dev/null | tail -n +2 | cut -f$argv[1] | sort -u
end
)";

std::string generated(const std::string& source) {
  return "# Generated from " + source + ".\n";
}

/// All names of the program, separated by blanks.
std::string all_names(const Program& program) {
  std::string out = program.name;
  for (const auto& name : program.also_called) out += " " + name;
  return out;
}

bool takes_files(const Program& program) {
  return std::ranges::any_of(program.arguments, [](const Argument& a) { return a.type == Type::file; });
}

/// Of a program that has no commands.
std::string bash_of_one(const Program& program, const std::string& source) {
  std::string values;
  for (const auto& option : program.options) values += bash_value(option, prefixed(option, ""), "    ");
  auto names = offered_names(program.options);
  names.emplace_back("--help");
  names.emplace_back("--version");
  std::string files;
  if (takes_files(program))
    files =
        "  else\n    compopt -o filenames 2>/dev/null\n    mapfile -t COMPREPLY < <(compgen -f -- "
        "\"$cur\")\n";
  return fmt::format(R"(# bash completion for {0}; installed as /usr/share/bash-completion/completions/{0}
{1}
_{0}() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}}
  COMPREPLY=()
  case $prev in
{2}  esac
  if [[ $cur == -* ]]; then
    {3}{4}  fi
}}

complete -F _{0} {5}
)",
                     program.name, generated(source), values, bash_words(joined(names, " ")), files,
                     all_names(program));
}

std::string zsh_of_one(const Program& program, const std::string& source) {
  std::string specs;
  for (const auto& spec : zsh_specs(program.arguments, program.options, program.name))
    specs += " \\\n    " + spec;
  return fmt::format(R"(#compdef {0}
# zsh completion for {1}; installed as /usr/share/zsh/vendor-completions/_{1}
{2}
_arguments{3} \
    {4}
)",
                     all_names(program), program.name, generated(source), specs,
                     zsh_option(kVersion, program.name, true));
}

std::string fish_of_one(const Program& program, const std::string& source) {
  const std::string& name = program.name;
  std::string out = fmt::format(
      "# fish completion for {0}; installed as /usr/share/fish/vendor_completions.d/{0}.fish\n{1}\n", name,
      generated(source));
  if (!takes_files(program)) out += "complete -c " + name + " -f\n";
  for (const auto& option : program.options)
    if (option.offered) out += "complete -c " + name + fish_option(option, name) + "\n";
  for (const auto& option : {kVersion, kHelp})
    out += "complete -c " + name + fish_option(option, name) + "\n";
  return out;
}

}  // namespace

std::string fish_completion_of_other_name(const Program& program, const std::string& name,
                                          const std::string& source) {
  return fmt::format(
      "# fish completion for {0}, another name of {1}; installed as "
      "/usr/share/fish/vendor_completions.d/{0}.fish\n{2}\ncomplete -c {0} -w {1}\n",
      name, program.name, generated(source));
}

std::string bash_completion(const Program& program, const std::string& source) {
  if (program.commands.empty()) return bash_of_one(program, source);
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
  std::string command_with_value;
  std::string options;
  for (const auto& command : program.commands) {
    const std::string label(command.name);
    for (const auto& option : command.options) {
      command_values += bash_value(option, prefixed(option, label + ":"), "    ");
      if (!option.is_flag())
        command_with_value += (command_with_value.empty() ? "" : " | ") + prefixed(option, label + ":");
    }
    options += bash_words_of(command);
  }
  const std::string names = lists_names(program) ? kBashNames : "";
  return fmt::format(
      R"(# bash completion for {0}; installed as /usr/share/bash-completion/completions/{0}
{1}
_{0}() {{
  local cur prev command i line=${{COMP_LINE:0:COMP_POINT}}
  local -a words given
  COMPREPLY=()
  # By blanks alone: bash would take a URL apart at its colons.
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  cur=${{words[-1]}}
  prev=${{words[-2]}}

  # The first word that is neither an option nor the value of one.
  command=
  for ((i = 1; i < ${{#words[@]}} - 1; i++)); do
    case ${{words[i]}} in
      {2}) ((i++)) ;;
      -*) ;;
      *)
        command=${{words[i]}}
        break
        ;;
    esac
  done

  if [[ -z $command ]]; then
    case $prev in
{3}    esac
    {4}    return
  fi

  # The arguments that are there.
  local -a before=("${{words[@]:0:i}}")
  given=()
  for ((i = i + 1; i < ${{#words[@]}} - 1; i++)); do
    case $command:${{words[i]}} in
      {5}) ((i++)) ;;
      *:-*) ;;
      *) given+=("${{words[i]}}") ;;
    esac
  done
{6}
  case $command:$prev in
{7}  esac
  case $command in
{8}  esac
}}

complete -F _{0} {9}
)",
      name, generated(source), with_value, values, bash_words(joined(first, " ")),
      command_with_value.empty() ? "''" : command_with_value, names, command_values, options,
      all_names(program));
}

std::string zsh_completion(const Program& program, const std::string& source) {
  if (program.commands.empty()) return zsh_of_one(program, source);
  std::string described;
  std::string cases;
  for (const auto& command : program.commands) {
    described += fmt::format(
        "    {}\n",
        quoted(std::string(command.name) + ":" + zsh_text(Option{.help = command.help}.brief()), "'\\''"));
    cases += fmt::format("        {})\n          _arguments", command.name);
    for (const auto& spec : zsh_specs(command.arguments, command.options, program.name))
      cases += " \\\n            " + spec;
    cases += "\n          ;;\n";
  }
  std::string specs;
  for (const auto& option : program.options) specs += "    " + zsh_option(option, program.name) + " \\\n";
  specs += "    " + zsh_option(kVersion, program.name, true) + " \\\n    " +
           zsh_option(kHelp, program.name, true) + " \\\n";
  return fmt::format(R"(#compdef {6}
# zsh completion for {0}; installed as /usr/share/zsh/vendor-completions/_{0}
{1}{5}
_{0}() {{
  local curcontext=$curcontext state line
  local -a commands typed before
  typed=($words)
  commands=(
{2}  )

  _arguments -C \
{3}    '1:command:->command' \
    '*::argument:->argument'

  case $state in
    command) _describe -t commands command commands ;;
    argument)
      before=(${{typed[1,$typed[(i)$line[1]]-1]}})
      case $line[1] in
{4}      esac
      ;;
  esac
}}

_{0} "$@"
)",
                     program.name, generated(source), described, specs, cases,
                     lists_names(program) ? fmt::format(kZshNames, program.name) : "", all_names(program));
}

std::string fish_completion(const Program& program, const std::string& source) {
  if (program.commands.empty()) return fish_of_one(program, source);
  const std::string& name = program.name;
  std::string out = fmt::format(
      "# fish completion for {0}; installed as /usr/share/fish/vendor_completions.d/{0}.fish\n{1}\n"
      "set -l commands {2}\n{3}\ncomplete -c {0} -f\n",
      name, generated(source), joined(command_names(program), " "),
      lists_names(program) ? fmt::format(kFishNames, name, joined(command_names(program), " ")) : "");
  const std::string before =
      fmt::format("complete -c {} -n \"not __fish_seen_subcommand_from $commands\"", name);
  for (const auto& option : program.options)
    if (option.offered) out += before + fish_option(option, name) + "\n";
  out += before + fish_option(kVersion, name) + "\n";
  out += "complete -c " + name + fish_option(kHelp, name) + "\n\n";
  for (const auto& command : program.commands)
    out += fmt::format("{} -a {} -d {}\n", before, command.name,
                       quoted(Option{.help = command.help}.brief(), "\\'"));
  for (const auto& command : program.commands) {
    bool first = true;
    for (const auto& argument : command.arguments) {
      if (argument.names_of == Names::none) continue;
      const std::string words = joined(words_of(argument.words), " ");
      out += std::string(std::exchange(first, false) ? "\n" : "") +
             fmt::format("complete -c {0} -n \"__fish_seen_subcommand_from {1}\" -a '(__{0}_names {2}){3}'\n",
                         name, command.name, column_of(argument.names_of), words.empty() ? "" : " " + words);
    }
    for (const auto& option : command.options)
      if (option.offered)
        out += std::string(std::exchange(first, false) ? "\n" : "") +
               fmt::format("complete -c {} -n \"__fish_seen_subcommand_from {}\"{}\n", name, command.name,
                           fish_option(option, name));
  }
  return out;
}

}  // namespace tanist::cli
