#include "cli/declaration.h"

namespace tanist::cli {

std::vector<std::string> Option::each_name() const {
  std::vector<std::string> out;
  for (std::string_view rest = names; !rest.empty();) {
    const auto comma = rest.find(',');
    out.emplace_back(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return out;
}

std::string_view Option::brief() const {
  if (!in_short.empty()) return in_short;
  std::string_view out = help.substr(0, help.find_first_of(";:,(\n"));
  while (out.ends_with(' ')) out.remove_suffix(1);
  return out;
}

std::string Command::usage() const {
  std::string out(name);
  for (const auto& argument : arguments) {
    std::string word = std::string(argument.name) + (argument.many ? "..." : "");
    out += argument.required ? " " + word : " [" + word + "]";
  }
  return out;
}

std::vector<std::string> long_options(const Program& program) {
  std::vector<std::string> out;
  const auto add = [&](const Option& option) {
    for (auto& name : option.each_name())
      if (name.starts_with("--")) out.push_back(std::move(name));
  };
  add(kHelp);
  for (const auto& option : program.options) add(option);
  add(kVersion);
  return out;
}

}  // namespace tanist::cli
