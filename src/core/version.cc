#include "core/version.h"

namespace tanist {

const char* version() {
  return TANIST_VERSION;
}

}  // namespace tanist
