#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "config/read/environment.h"
#include "config/stores.h"
#include "core/document.h"
#include "dcs/place.h"

/// Where the command line tool finds the cluster: its configuration file, the environment, and options.
namespace tanist::ctl {

/// Ends a command with `Error: <text>` and exit code 1.
class Failure : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct GlobalOptions {
  /// `-c`, PATRONICTL_CONFIG_FILE; nullopt: the default places.
  std::optional<std::string> config_path;
  /// `-d`, DCS_URL.
  std::optional<std::string> dcs_url;
  /// `-k`: certificates of REST APIs are not verified.
  bool insecure = false;
};

struct Settings {
  /// Everything that was read, the daemon's own file included: no key is mandatory, none is checked.
  Document document = Document::map();
  /// Default cluster name; empty: none.
  std::string scope;
  std::string name_space;
  bool insecure = false;
  /// What the store was named by: a file, `-d URL`, the environment; empty: nothing was found.
  std::string source = {};
  /// Where a configuration was looked for in vain.
  std::vector<std::string> looked_in = {};

  /// Where the store has this cluster.
  dcs::Place place(const std::string& cluster) const;
};

/// Reads files and environment (ctl.md §1.1–§1.2). Throws Failure.
Settings load_settings(const GlobalOptions& options, const config::Environment& environment);

/// YAML that holds a mapping; nothing at all is an empty one. `source` is for messages. Throws Failure.
Document parse_mapping(const std::string& text, const std::string& source);

/// The configured store. Throws Failure where none is configured, or one that this version does not speak to.
config::StoreOptions store_options(const Settings& settings);

/// `[scheme://]host[:port][/namespace]` over a configuration. Throws Failure.
void apply_dcs_url(Document& document, const std::string& url);

/// `; what was read is FILE`, or where there is none; empty where nothing is to be said.
std::string told_source(const Settings& settings);

/// Where a configuration is looked for when none is named, in this order.
std::vector<std::string> default_config_paths(const config::Environment& environment);

}  // namespace tanist::ctl
