#pragma once

#include <string>
#include <vector>

#include "cli/declaration.h"
#include "ctl/command.h"

namespace tanist::ctl {

/// Every command of patronictl, in the order of the help: those that are served, then those that come later.
const std::vector<Command>& commands();

/// nullptr: no command has this name.
const Command* find_command(const std::string& name);

/// Options that precede the command.
inline constexpr cli::Option kConfigFile{
    .names = "-c,--config-file",
    .help =
        "YAML file, or a directory of them; the daemon's own does (env PATRONICTL_CONFIG_FILE;\n"
        "default ~/.config/patroni/patronictl.yaml, ~/.config/tanist/tanistctl.yaml,\n"
        "/etc/tanist/tanistctl.yaml, /etc/patroni/patronictl.yaml)",
    .value = "FILE",
    .type = cli::Type::file,
    .in_short = "Configuration file or directory"};
inline constexpr cli::Option kDcsUrl{
    .names = "-d,--dcs-url,--dcs",
    .help = "The store instead of the configured one: etcd3://HOST:PORT[/NAMESPACE] (env DCS_URL)",
    .value = "URL",
    .begins = "etcd3://"};
inline constexpr cli::Option kInsecure{.names = "-k,--insecure",
                                       .help = "Do not verify certificates of the members' REST API"};

inline constexpr cli::Option kStrict{.names = "--strict",
                                     .help =
                                         "Exit code 3 when a member refused or failed, 4 when the outcome is "
                                         "not known (env TANISTCTL_STRICT)"};

/// What the tool takes, as `name`, of the commands that are served.
cli::Program program(const std::string& name);

}  // namespace tanist::ctl
