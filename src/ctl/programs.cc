#include "ctl/programs.h"

#include <unistd.h>

#include <sstream>
#include <vector>

#include "ctl/settings.h"
#include "process/command_line.h"
#include "process/foreground.h"

namespace tanist::ctl {

namespace {

bool in_path(const std::string& program, const config::Environment& environment) {
  if (program.find('/') != std::string::npos) return ::access(program.c_str(), X_OK) == 0;
  const auto found = environment.find("PATH");
  std::istringstream folders(found == environment.end() ? "/usr/bin:/bin" : found->second);
  for (std::string folder; std::getline(folders, folder, ':');)
    if (::access((folder + "/" + program).c_str(), X_OK) == 0) return true;
  return false;
}

/// The command in the variable, else the first of `others` that is there; empty: none.
std::vector<std::string> program_of(const config::Environment& environment, const char* variable,
                                    const std::vector<std::string>& others) {
  const auto set = environment.find(variable);
  if (set != environment.end()) {
    const auto words = process::split_command(set->second);
    if (words && !words->empty() && in_path(words->front(), environment)) return *words;
  }
  for (const auto& name : others)
    if (in_path(name, environment)) return {name};
  return {};
}

int exit_code(const std::expected<process::Exit, std::string>& ended) {
  if (!ended) throw Failure(ended.error());
  return ended->signal != 0 ? -ended->signal : ended->code;
}

}  // namespace

Programs usual_programs(const config::Environment& environment) {
  Programs out;
  out.edit = [environment](const std::string& path) {
    auto editor = program_of(environment, "EDITOR", {"editor", "vi"});
    if (editor.empty())
      throw Failure("EDITOR environment variable is not set. editor or vi are not available");
    editor.push_back(path);
    return exit_code(process::run_in_foreground(editor));
  };
  out.page = [environment](const std::string& text) {
    auto pager = program_of(environment, "PAGER", {"less", "more"});
    if (pager.empty())
      throw Failure(
          "No pager could be found. Either set PAGER environment variable with your pager or install either "
          "\"less\" or \"more\" in the host.");
    // Colours are shown, and what fits the screen is left on it.
    if (pager.size() == 1 && pager[0].ends_with("less")) pager.emplace_back("-FRX");
    (void)exit_code(process::run_in_foreground(pager, text));
  };
  return out;
}

}  // namespace tanist::ctl
