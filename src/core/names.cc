#include "core/names.h"

#include <algorithm>

namespace tanist {
namespace {

char folded(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool NameLess::operator()(std::string_view a, std::string_view b) const {
  return std::ranges::lexicographical_compare(a, b, {}, folded, folded);
}

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, folded, folded);
}

bool NameSet::operator==(const NameSet& other) const {
  return std::ranges::equal(*this, other, same_name);
}

NameSet joined(NameSet a, const NameSet& b) {
  a.insert(b.begin(), b.end());
  return a;
}

NameSet without(const NameSet& a, const NameSet& b) {
  NameSet left;
  for (const auto& name : a)
    if (!b.contains(name)) left.insert(left.end(), name);
  return left;
}

NameSet common(const NameSet& a, const NameSet& b) {
  NameSet both;
  for (const auto& name : a)
    if (b.contains(name)) both.insert(both.end(), name);
  return both;
}

bool is_within(const NameSet& part, const NameSet& whole) {
  return std::ranges::all_of(part, [&](const std::string& name) { return whole.contains(name); });
}

std::vector<std::string> in_text_order(const NameSet& names) {
  std::vector<std::string> list(names.begin(), names.end());
  std::ranges::sort(list);
  return list;
}

}  // namespace tanist
