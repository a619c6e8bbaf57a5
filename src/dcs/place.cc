#include "dcs/place.h"

#include "config/settings.h"
#include "core/format.h"

namespace tanist::dcs {

std::string Place::base_path() const {
  return config::base_path(name_space, scope);
}

std::string Place::path() const {
  return group ? fmt::format("{}/{}", base_path(), *group) : base_path();
}

}  // namespace tanist::dcs
