#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

/// Names of members as PostgreSQL compares application_name: the case of ASCII letters does not count.
namespace tanist {

struct NameLess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};

bool same_name(std::string_view a, std::string_view b);

/// Of names that are the same the spelling that came first stays.
class NameSet : public std::set<std::string, NameLess> {
 public:
  using std::set<std::string, NameLess>::set;
  bool operator==(const NameSet& other) const;
};

NameSet joined(NameSet a, const NameSet& b);
NameSet without(const NameSet& a, const NameSet& b);
NameSet common(const NameSet& a, const NameSet& b);
/// Each name of `part` is in `whole`; both may be the same.
bool is_within(const NameSet& part, const NameSet& whole);

/// In the order of their bytes, which is how lists of names are written.
std::vector<std::string> in_text_order(const NameSet& names);

}  // namespace tanist
