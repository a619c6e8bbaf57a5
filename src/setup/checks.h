#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/document.h"
#include "setup/finding.h"
#include "setup/world.h"

/// The parts that the schema of `--validate-config` is put together from (config.md §8).
namespace tanist::setup {

/// What a check looks at besides the value, and what it found.
struct Inspection {
  World& world;
  const Document& root;
  /// Nothing is asked of the network.
  bool offline = false;
  /// Ports to listen on may be in use.
  bool ignore_listen_port = false;
  Findings found = {};
};

using Check = std::function<void(const Document& value, const std::string& path, Inspection& in)>;

/// A string.
Check text();
/// A YAML boolean.
Check boolean();
/// A YAML integer.
Check integer(std::optional<std::int64_t> min = {}, std::optional<std::int64_t> max = {},
              std::int64_t multiple_of = 1);
/// An integer, or a text that is one, with a unit where `unit` names the base.
Check number(std::optional<std::int64_t> min = {}, std::optional<std::int64_t> max = {},
             std::string_view unit = {});
/// A decimal number or a text that is one; `above`: larger than `least` rather than at least that.
Check real(double least, bool above);
/// One of the words.
Check word(std::initializer_list<std::string_view> words, bool any_case = false);
/// A list that is not empty, of such items.
Check list_of(Check item);
/// Any mapping.
Check mapping();
/// What one of both accepts. Where both refuse, wrong values are told rather than wrong types.
Check either(Check a, Check b);
/// A text for which `judge` finds nothing to say; what it says follows `didn't pass validation: `.
using Judge = std::function<std::optional<std::string>(const std::string& text, Inspection& in)>;
Check judged(Judge judge, std::string allowed = {});

struct Field {
  std::string name;
  Check check;
  bool required = false;
};
/// Fields of a mapping, or a rule about several of them.
struct Part {
  enum class Rule { each, at_least_one, at_most_one } rule = Rule::each;
  std::vector<Field> fields;
};
/// A mapping: its parts in the order in which they are checked. Other keys are not looked at.
Check section(std::vector<Part> parts);

Part required(std::string name, Check check);
Part optional(std::string name, Check check);
Part at_least_one(std::vector<Field> fields);
Part at_most_one(std::vector<Field> fields);

/// The value in the text form of a finding; secrets inside are masked.
std::string shown(const Document& value, const std::string& path);

void add_wrong_value(Inspection& in, const std::string& path, const Document& value, std::string_view why,
                     std::string allowed = {}, std::string hint = {});

}  // namespace tanist::setup
