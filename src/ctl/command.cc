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

}  // namespace tanist::ctl
