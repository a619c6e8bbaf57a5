#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/document.h"
#include "postgres/parameters/table.h"

/// What servers of a version will make of parameters that somebody is about to configure, judged by the table
/// alone: no server is asked.
namespace tanist::postgres {

struct Remark {
  enum class Kind {
    /// It means what it says, and perhaps not what was meant.
    note,
    /// The server runs without it, or with another value.
    not_taken,
    /// It is taken, and data may be lost by it.
    unsafe,
    /// The server does not start with it.
    fatal,
  } kind = Kind::not_taken;
  /// As it is written in the configuration.
  std::string name;
  /// Follows the name, the version left out: `given "8XB", allowed: …; it is left out`.
  std::string text;
  /// What to do; empty: nothing more to say.
  std::string hint;
  bool operator==(const Remark&) const = default;
};

/// What there is to say of the parameters of a configuration (a map of names and values) on a server of
/// `version` (150004), in their order. Values that config::refused_value() refuses are not said again.
std::vector<Remark> judge_parameters(const Document& parameters, int version);

/// A parameter that two configurations give another meaning.
struct ChangedParameter {
  /// Lower-case.
  std::string name;
  /// As configured, or its default in this product; nullopt: the server's own default.
  std::optional<std::string> before;
  std::optional<std::string> after;
  Takes takes = Takes::reload;
  /// A standby must have at least what its primary has: +1 raised, -1 lowered, 0 no such parameter.
  int of_standbys = 0;
};

/// What changes from one map of parameters (or nullptr) to another on a server of `version`; parameters that
/// such a server does not have, or that nobody may configure, do not count.
std::vector<ChangedParameter> changed_parameters(const Document* before, const Document* after, int version);

/// `an integer from 64kB to 2147483647kB`: what a rule allows.
std::string allowed_values(const ParameterRule& rule);

}  // namespace tanist::postgres
