#include <CLI/CLI.hpp>
#include <cstdio>

#include "member/member.h"

int main(int argc, char** argv) {
  CLI::App app(
      "Tanist keeps a PostgreSQL cluster writable: one daemon beside every PostgreSQL server.\n\n"
      "  tanist /etc/tanist/config.yml     run this member (a Patroni 4 configuration works as it is)\n"
      "  tanist                            the same, configured by PATRONI_* and TANIST_* variables alone\n\n"
      "SIGTERM hands over to the best replica and stops PostgreSQL; SIGHUP reads the configuration again;\n"
      "SIGKILL leaves PostgreSQL running, and the next start takes it over.",
      "tanist");
  tanist::member::Options options;
  app.add_option("configfile", options.config_path, "YAML file, or a directory of *.yml files read in order")
      ->type_name("PATH");
  app.set_version_flag("--version", "tanist " TANIST_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int code = app.exit(e);
    return code == 0 ? 0 : 2;
  }
  return tanist::member::run(options);
}
