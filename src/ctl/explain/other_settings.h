#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/document.h"
#include "ha/model/policy_settings.h"

/// Settings that a recorded decision can be made with instead of those that it was made with. Pure.
namespace tanist::ctl::explain {

class OtherSettings {
 public:
  /// Another value of a key, as configuration files have it; null: its default. Throws Failure for a key that
  /// no decision asks for, and for a value that it does not take.
  void set(const std::string& key, Document value);
  bool empty() const { return keys_.empty(); }

  /// The recorded settings with these in their place. Notes say where members would take another value than
  /// was given, because of others that it has to fit.
  ha::PolicySettings over(const ha::PolicySettings& recorded, std::vector<std::string>& notes) const;

  /// Every key that can be set.
  static std::vector<std::string> keys();

 private:
  std::vector<std::string> keys_;
  /// What was set, by where it stands: in /config, or in a member's own configuration.
  Document dynamic_ = Document::map();
  Document local_ = Document::map();
};

}  // namespace tanist::ctl::explain
