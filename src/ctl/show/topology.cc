#include "ctl/show/topology.h"

#include <map>
#include <set>

#include "core/format.h"

namespace tanist::ctl {

namespace {

class Tree {
 public:
  explicit Tree(std::vector<dcs::MemberOverview> members) {
    for (auto& member : members) by_name_.emplace(member.name, std::move(member));
    for (const auto& [name, member] : by_name_) {
      if (!is_root(member)) children_[parent_of(member)].push_back(name);
    }
  }

  std::vector<TreeRow> walk(std::vector<std::string>& warnings) {
    for (const auto& [name, member] : by_name_) {
      if (is_root(member)) visit(name, 0);
    }
    for (const auto& name : children_[kLeader]) {
      if (!seen_.contains(name)) visit(name, 1);
    }
    std::string looped;
    for (const auto& [name, member] : by_name_) {
      if (!seen_.contains(name)) looped += (looped.empty() ? "" : ", ") + name;
    }
    for (const auto& [name, member] : by_name_) visit(name, 1);
    if (!looped.empty()) {
      warnings.push_back(
          fmt::format("tag replicatefrom leads round in a circle, without a way to the leader: {}", looped));
    }
    return std::move(rows_);
  }

 private:
  static inline const std::string kLeader;

  static bool is_root(const dcs::MemberOverview& member) { return member.role.ends_with("leader"); }

  /// Empty: the leader.
  std::string parent_of(const dcs::MemberOverview& member) const {
    const Document* tag = member.raw.find_path("tags.replicatefrom");
    if (tag == nullptr || tag->is_null()) return kLeader;
    const auto named = by_name_.find(tag->text());
    const bool usable = named != by_name_.end() && named->first != member.name && !is_root(named->second);
    return usable ? named->first : kLeader;
  }

  void visit(const std::string& name, int depth) {
    if (!seen_.insert(name).second) return;
    const auto& member = by_name_.at(name);
    rows_.push_back({member, depth});
    const auto below = children_.find(is_root(member) ? kLeader : name);
    if (below == children_.end()) return;
    for (const auto& child : below->second) visit(child, depth + 1);
  }

  std::map<std::string, dcs::MemberOverview> by_name_;
  std::map<std::string, std::vector<std::string>> children_;
  std::set<std::string> seen_;
  std::vector<TreeRow> rows_;
};

}  // namespace

std::vector<TreeRow> order_as_tree(std::vector<dcs::MemberOverview> members,
                                   std::vector<std::string>& warnings) {
  return Tree(std::move(members)).walk(warnings);
}

}  // namespace tanist::ctl
