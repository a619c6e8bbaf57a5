#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/document.h"

/// YAML for people: block style, two blanks of indentation, keys sorted, lists under a key not indented.
namespace tanist::setup {

/// Ends with a newline. Keys in `first` come first, in that order, at the top level only.
std::string yaml_block(const Document& value, const std::vector<std::string>& first = {});

/// `key: value` and what is below it, indented by `indent` blanks.
std::string yaml_entry(std::string_view key, const Document& value, int indent = 0);

/// A scalar as YAML 1.1 reads it back: plain where that means the same, quoted otherwise.
std::string yaml_scalar(const Document& value);

}  // namespace tanist::setup
