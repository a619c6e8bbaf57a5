#pragma once

#include <optional>
#include <string>
#include <vector>

/// Replication slots as the dynamic configuration names them (replication.md §1, §3): values.
namespace tanist::config {

/// A slot that is kept whatever members there are.
struct PermanentSlot {
  std::string name;
  /// Of a logical slot; both empty: a physical one.
  std::string database = {};
  std::string plugin = {};
  bool logical() const { return !plugin.empty(); }
  bool operator==(const PermanentSlot&) const = default;
};

/// An entry of `ignore_slots`: fits a slot that has all that it names. One that names nothing fits each.
struct SlotMatcher {
  std::optional<std::string> name = {};
  /// Empty: any.
  std::string database = {};
  std::string plugin = {};
  /// `physical` or `logical`.
  std::string type = {};
  bool operator==(const SlotMatcher&) const = default;
};

}  // namespace tanist::config
