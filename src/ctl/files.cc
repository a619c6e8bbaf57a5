#include "ctl/files.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/format.h"
#include "ctl/settings.h"

namespace tanist::ctl {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in) throw Failure(fmt::format("could not read {}: {}", path, std::strerror(errno)));
  return text.str();
}

std::string read_file_or_input(const std::string& path, const Terminal& terminal) {
  return path == "-" ? read_input(terminal) : read_file(path);
}

}  // namespace tanist::ctl
