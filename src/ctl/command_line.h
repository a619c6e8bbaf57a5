#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/environment.h"
#include "ctl/commands/edit_config.h"
#include "ctl/commands/list.h"
#include "ctl/member_api.h"

namespace tanist::ctl {

/// What a call of the tool came from, besides its arguments; tests bring their own.
struct Surroundings {
  config::Environment environment;
  Terminal terminal;
  std::function<std::unique_ptr<ClusterStore>(const Settings&)> open_store;
  std::function<std::unique_ptr<MemberApi>(const Settings&)> open_member_api;
  Programs programs;
};

/// Runs `arguments` (the first is the program's name) and returns the exit code: 0 done, 1 `Error: …`, 2
/// wrong usage.
int run_command_line(const std::vector<std::string>& arguments, const Surroundings& surroundings);

}  // namespace tanist::ctl
