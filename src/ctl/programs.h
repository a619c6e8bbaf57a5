#pragma once

#include <functional>
#include <string>

#include "config/read/environment.h"

namespace tanist::ctl {

/// The programs a command runs, in the foreground; their exit code. Throw Failure where there is none to run.
struct Programs {
  /// Edits the file at `path`.
  std::function<int(const std::string& path)> edit;
  /// Shows `text`.
  std::function<void(const std::string& text)> page;
};
/// By $EDITOR, $PAGER and what is commonly there.
Programs usual_programs(const config::Environment& environment);

}  // namespace tanist::ctl
