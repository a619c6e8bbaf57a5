#include "cli/reference.h"

#include "core/format.h"

namespace tanist::cli {

namespace {

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string option_rows(const std::vector<Option>& options) {
  std::string out = "| option | meaning |\n|---|---|\n";
  for (const auto& option : options) {
    std::string names;
    for (const auto& name : option.each_name()) names += (names.empty() ? "`" : ", `") + name + "`";
    if (!option.is_flag()) names += fmt::format(" `{}`", option.value);
    out += fmt::format("| {} | {} |\n", cell(names), cell(option.help));
  }
  return out;
}

/// Lines that are indented are examples.
std::string footer_text(std::string_view footer) {
  std::string out;
  bool example = false;
  while (!footer.empty()) {
    const auto line = footer.substr(0, footer.find('\n'));
    footer.remove_prefix(std::min(line.size() + 1, footer.size()));
    if (line.starts_with("  ")) {
      out += (example ? "" : "\n") + ("  " + std::string(line)) + "\n";
      example = true;
    } else {
      out += std::string(line) + "\n";
      example = false;
    }
  }
  return out;
}

}  // namespace

std::string reference(const Program& program) {
  std::string out = "| command | what it does |\n|---|---|\n";
  for (const auto& command : program.commands)
    out += fmt::format("| [`{}`](#{}) | {} |\n", cell(command.usage()), command.name, cell(command.help));
  out += "\nBefore the command:\n\n" + option_rows(program.options);
  for (const auto& command : program.commands) {
    out += fmt::format("\n### {}\n\n    {} {}\n\n{}.\n\n", command.name, program.name, command.usage(),
                       command.help);
    for (const auto& argument : command.arguments)
      out += fmt::format("`{}`: {}.\n\n", argument.name, argument.help);
    out += option_rows(command.options);
    if (!command.footer.empty()) out += "\n" + footer_text(command.footer);
  }
  return out;
}

std::string with_section(std::string page, const std::string& name, const std::string& text) {
  const std::string begin = "<!-- begin: " + name + " -->\n";
  const auto from = page.find(begin);
  const auto to = page.find("<!-- end: " + name + " -->");
  if (from == std::string::npos || to == std::string::npos || to < from) return page;
  return page.replace(from + begin.size(), to - from - begin.size(), "\n" + text + "\n");
}

}  // namespace tanist::cli
