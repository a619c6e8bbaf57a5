#include "setup/checks.h"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <utility>

#include "config/addresses.h"
#include "config/keys/keys.h"
#include "core/format.h"
#include "core/text.h"
#include "setup/secrets.h"

namespace tanist::setup {
namespace {

constexpr std::string_view kWrongValue = "Wrong value";

void add_wrong_type(Inspection& in, const std::string& path, const Document& value, std::string_view type,
                    std::string allowed = {}) {
  in.found.push_back({.path = path,
                      .value = shown(value, path),
                      .message = fmt::format("is not {}", type),
                      .allowed = std::move(allowed),
                      .of_type = true});
}

std::string range(std::string_view what, std::optional<std::int64_t> min, std::optional<std::int64_t> max) {
  if (min && max) return fmt::format("{} from {} to {}", what, *min, *max);
  if (min) return fmt::format("{} of at least {}", what, *min);
  if (max) return fmt::format("{} of at most {}", what, *max);
  return std::string(what);
}

bool within(std::int64_t value, std::optional<std::int64_t> min, std::optional<std::int64_t> max) {
  return !(min && value < *min) && !(max && value > *max);
}

std::string below(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

const Document* given(const Document& map, const Field& field) {
  const Document* value = map.find(field.name);
  // A null is as good as nothing, except where something has to be.
  return value && (field.required || !value->is_null()) ? value : nullptr;
}

void add_missing(Inspection& in, const std::string& path, const Field& field) {
  in.found.push_back({.path = below(path, field.name), .value = {}, .message = "is not defined."});
}

void check_part(const Part& part, const Document& map, const std::string& path, Inspection& in) {
  std::vector<const Field*> present;
  for (const auto& field : part.fields)
    if (given(map, field)) present.push_back(&field);
  if (part.rule == Part::Rule::at_most_one && present.size() > 1) {
    std::string names;
    for (const auto& field : part.fields)
      names += fmt::format("{}'{}'", names.empty() ? "" : ", ", field.name);
    in.found.push_back(
        {.path = path, .value = {}, .message = fmt::format("Multiple of ({}) provided", names)});
  }
  const bool none = present.empty();
  for (const auto& field : part.fields) {
    if (const Document* value = given(map, field)) {
      field.check(*value, below(path, field.name), in);
    } else if (field.required || (part.rule == Part::Rule::at_least_one && none)) {
      add_missing(in, path, field);
    }
  }
}

}  // namespace

std::string line(const Finding& finding) {
  return fmt::format("{} {} {}", finding.path, finding.value, finding.message);
}

std::string shown(const Document& value, const std::string& path) {
  return masked(value, path).text();
}

void add_wrong_value(Inspection& in, const std::string& path, const Document& value, std::string_view why,
                     std::string allowed, std::string hint) {
  in.found.push_back({.path = path,
                      .value = shown(value, path),
                      .message = fmt::format("didn't pass validation: {}", why),
                      .allowed = std::move(allowed),
                      .hint = std::move(hint)});
}

Check text() {
  return [](const Document& value, const std::string& path, Inspection& in) {
    if (!value.is_string()) add_wrong_type(in, path, value, "a string");
  };
}

Check boolean() {
  return [](const Document& value, const std::string& path, Inspection& in) {
    if (!value.is_bool()) add_wrong_type(in, path, value, "a boolean", "true or false");
  };
}

Check integer(std::optional<std::int64_t> min, std::optional<std::int64_t> max, std::int64_t multiple_of) {
  return [=](const Document& value, const std::string& path, Inspection& in) {
    std::string allowed = range("an integer", min, max);
    if (multiple_of > 1) allowed += fmt::format(", a multiple of {}", multiple_of);
    if (!value.is_int() && !value.is_bool()) {
      add_wrong_type(in, path, value, "an integer", min || max ? allowed : "");
    } else if (value.is_bool() || !within(value.as_int(), min, max) || value.as_int() % multiple_of != 0) {
      add_wrong_value(in, path, value, kWrongValue, allowed);
    }
  };
}

Check number(std::optional<std::int64_t> min, std::optional<std::int64_t> max, std::string_view unit) {
  return [=, unit = std::string(unit)](const Document& value, const std::string& path, Inspection& in) {
    std::string allowed = range("an integer", min, max);
    if (!unit.empty()) allowed += fmt::format(", a unit allowed (base {})", unit);
    const auto parsed = !value.is_scalar() ? std::nullopt
                        : unit.empty()     ? parse_int(value)
                                           : parse_int(value, unit);
    if (!parsed || !within(*parsed, min, max)) add_wrong_value(in, path, value, kWrongValue, allowed);
  };
}

Check real(double least, bool above) {
  return [=](const Document& value, const std::string& path, Inspection& in) {
    std::optional<double> parsed;
    if (value.is_int()) parsed = static_cast<double>(value.as_int());
    if (value.is_double()) parsed = value.as_double();
    if (value.is_string()) {
      const auto trimmed = config::trim(value.as_string());
      double out = 0;
      const auto [end, ec] = std::from_chars(trimmed.data(), trimmed.data() + trimmed.size(), out);
      if (ec == std::errc() && end == trimmed.data() + trimmed.size()) parsed = out;
    }
    if (!parsed || *parsed < least || (above && *parsed == least))
      add_wrong_value(in, path, value, kWrongValue,
                      fmt::format("a number {} {}", above ? "above" : "of at least", least));
  };
}

Check word(std::initializer_list<std::string_view> words, bool any_case) {
  std::vector<std::string> known(words.begin(), words.end());
  return [known, any_case](const Document& value, const std::string& path, Inspection& in) {
    const std::string given = value.is_string() ? value.as_string() : std::string();
    const auto fits = [&](const std::string& w) { return any_case ? lower(w) == lower(given) : w == given; };
    if (value.is_string() && std::ranges::any_of(known, fits)) return;
    std::string hint;
    for (const auto& w : known)
      if (lower(w) == lower(given)) hint = fmt::format("did you mean {}?", w);
    if (const auto near = config::nearest_word(given, known); hint.empty() && near && !given.empty())
      hint = fmt::format("did you mean {}?", *near);
    add_wrong_value(in, path, value, kWrongValue, fmt::format("one of {}", fmt::join(known, ", ")), hint);
  };
}

Check list_of(Check item) {
  return [item = std::move(item)](const Document& value, const std::string& path, Inspection& in) {
    if (!value.is_list()) return add_wrong_type(in, path, value, "a list");
    if (value.size() == 0) {
      in.found.push_back({.path = path, .value = "[]", .message = "is an empty list", .of_type = true});
      return;
    }
    for (std::size_t i = 0; i < value.size(); ++i)
      item(value.as_list()[i], below(path, std::to_string(i)), in);
  };
}

Check mapping() {
  return [](const Document& value, const std::string& path, Inspection& in) {
    if (!value.is_map()) add_wrong_type(in, path, value, "a dictionary");
  };
}

Check either(Check a, Check b) {
  return [a = std::move(a), b = std::move(b)](const Document& value, const std::string& path,
                                              Inspection& in) {
    const auto run = [&](const Check& check) {
      Inspection own{in.world, in.root, in.offline, in.ignore_listen_port};
      check(value, path, own);
      return own.found;
    };
    const Findings first = run(a);
    if (first.empty()) return;
    const Findings second = run(b);
    if (second.empty()) return;
    const auto wrong_value = [](const Finding& f) { return !f.of_type; };
    const bool values = std::ranges::any_of(first, wrong_value) || std::ranges::any_of(second, wrong_value);
    for (const auto* findings : {&first, &second})
      for (const auto& finding : *findings)
        if ((!values || !finding.of_type) && std::ranges::find(in.found, finding) == in.found.end())
          in.found.push_back(finding);
  };
}

Check judged(Judge judge, std::string allowed) {
  return [judge = std::move(judge), allowed = std::move(allowed)](const Document& value,
                                                                  const std::string& path, Inspection& in) {
    if (!value.is_string()) return add_wrong_type(in, path, value, "a string", allowed);
    if (const auto why = judge(value.as_string(), in)) add_wrong_value(in, path, value, *why, allowed);
  };
}

Check section(std::vector<Part> parts) {
  return [parts = std::move(parts)](const Document& value, const std::string& path, Inspection& in) {
    if (!value.is_map()) return add_wrong_type(in, path, value, "a dictionary");
    for (const auto& part : parts) check_part(part, value, path, in);
  };
}

Part required(std::string name, Check check) {
  return {Part::Rule::each, {{std::move(name), std::move(check), true}}};
}
Part optional(std::string name, Check check) {
  return {Part::Rule::each, {{std::move(name), std::move(check), false}}};
}
Part at_least_one(std::vector<Field> fields) {
  return {Part::Rule::at_least_one, std::move(fields)};
}
Part at_most_one(std::vector<Field> fields) {
  return {Part::Rule::at_most_one, std::move(fields)};
}

}  // namespace tanist::setup
