#include "ctl/command.h"

namespace tanist::ctl {

std::string Call::cluster() const {
  std::string name = given.text(kCluster);
  if (name.empty()) name = settings.scope;
  if (name.empty()) throw WrongUsage("Missing argument 'CLUSTER': the configuration names no scope.");
  return name;
}

std::vector<std::string> Call::clusters() const {
  auto names = given.texts(kClusters);
  if (names.empty() && !settings.scope.empty()) names.push_back(settings.scope);
  return names;
}

Format format_named(const std::string& name) {
  if (name == "tsv") return Format::tsv;
  if (name == "json") return Format::json;
  if (name == "yaml" || name == "yml") return Format::yaml;
  return Format::pretty;
}

std::optional<Duration> watch_interval(const cli::Given& given) {
  if (const auto every = given.number(kWatch)) return from_seconds(*every);
  if (given.has(kWatchAgain)) return std::chrono::seconds(2);
  return std::nullopt;
}

}  // namespace tanist::ctl
