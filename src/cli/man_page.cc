#include "cli/man_page.h"

#include <algorithm>
#include <cctype>

#include "core/format.h"

namespace tanist::cli {

namespace {

/// What would be a command of roff is text; a hyphen is one that can be copied.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  if (out.starts_with('.') || out.starts_with('\'')) out.insert(0, "\\&");
  return out;
}

std::string one_line(std::string_view text) {
  std::string out(text);
  std::ranges::replace(out, '\n', ' ');
  return plain(out);
}

std::string capitals(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string option_entry(const Option& option) {
  std::string names;
  for (const auto& name : option.each_name())
    names += (names.empty() ? "\\fB" : ", \\fB") + plain(name) + "\\fR";
  if (!option.is_flag()) names += " \\fI" + plain(option.value) + "\\fR";
  return ".TP\n" + names + "\n" + one_line(option.help) + ".\n";
}

/// Paragraphs; lines that are indented are shown as they are.
std::string paragraphs(std::string_view text) {
  std::string out = ".PP\n";
  bool example = false;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const bool indented = line.starts_with("  ");
    if (indented != example) out += indented ? ".PP\n.EX\n" : ".EE\n";
    example = indented;
    out += line.empty() ? ".PP\n" : plain(line) + "\n";
  }
  return example ? out + ".EE\n" : out;
}

}  // namespace

std::string man_page(const Program& program, const std::string& source) {
  std::string names = plain(program.name);
  for (const auto& name : program.also_called) names += ", " + plain(name);
  const bool commands = !program.commands.empty();
  std::string synopsis = "\\fB" + plain(program.name) + "\\fR [\\fIOPTIONS\\fR]";
  if (commands) synopsis += " \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]";
  for (const auto& argument : program.arguments) synopsis += " [\\fI" + plain(argument.name) + "\\fR]";
  std::string out =
      fmt::format(".\\\" Generated from {}.\n.TH {} 1 \"\" Tanist\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n{}\n",
                  source, capitals(program.name), names, plain(program.in_short), synopsis);
  out += ".SH DESCRIPTION\n" + paragraphs(program.about);
  for (const auto& argument : program.arguments)
    out += ".TP\n\\fI" + plain(argument.name) + "\\fR\n" + one_line(argument.help) + ".\n";
  out += commands ? ".SH OPTIONS\nThey stand before the command.\n" : ".SH OPTIONS\n";
  for (const auto& option : program.options)
    if (option.offered) out += option_entry(option);
  out += option_entry(kVersion) + option_entry(kHelp);
  if (commands) out += ".SH COMMANDS\n";
  for (const auto& command : program.commands) {
    out += ".SS " + plain(command.usage()) + "\n" + one_line(command.help) + ".\n";
    for (const auto& argument : command.arguments)
      out += ".TP\n\\fI" + plain(argument.name) + "\\fR\n" + one_line(argument.help) + ".\n";
    for (const auto& option : command.options)
      if (option.offered) out += option_entry(option);
    if (!command.footer.empty()) out += paragraphs(command.footer);
  }
  return out + ".SH NOTES\n" + paragraphs(program.footer);
}

}  // namespace tanist::cli
