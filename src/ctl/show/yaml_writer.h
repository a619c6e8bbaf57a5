#pragma once

#include <string>

#include "core/document.h"

/// YAML as PyYAML's safe_dump writes it, for a reader of YAML 1.1: keys sorted, two blanks of indentation,
/// lists under a key not indented, lines of up to 200 columns, Unicode kept.
namespace tanist::ctl {

/// Block style, ends with a newline.
std::string to_yaml(const Document& value);

/// Flow style on one line, without a newline: `{a: 1, b: x}`.
std::string to_flow_yaml(const Document& value);

}  // namespace tanist::ctl
