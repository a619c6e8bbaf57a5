#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/document.h"
#include "core/time.h"
#include "ctl/explain/clocks.h"
#include "ctl/members.h"
#include "dcs/model.h"

/// What members know and decided, asked over REST.
namespace tanist::ctl::explain {

/// What stands at a dotted path; empty: nothing.
std::string text_at(const Document& from, const char* path);

/// One decision of a member's journal.
struct Entry {
  /// By the clock of this host.
  WallTime when;
  /// As the member wrote it.
  Document line;

  /// nullptr: a line that only counts others.
  const Document* decision() const { return line.find("decision"); }
  const Document* view() const { return line.find("view"); }
  /// Of the decision, what stands at a dotted path; empty: nothing.
  std::string said(const char* path) const;
};

/// A member, and what could be learned of it.
struct Known {
  dcs::Member member;
  /// Its status document; nullopt: it did not answer.
  std::optional<Document> status;
  /// Not empty: why there is no journal of it.
  std::string trouble;
  /// It refused with this status; 0: it did not.
  int refused = 0;
  Offset clock;
  /// Its last decision; nullopt: none yet, or there is no journal.
  std::optional<Entry> now;
  /// Those of the journal that were asked for, the newest last.
  std::vector<Entry> entries;
  /// There are more before the first of them.
  bool earlier = false;

  bool has_journal() const { return trouble.empty(); }
};

/// Which entries of a journal: by the clock of this host.
struct Wanted {
  std::optional<WallTime> since;
  std::optional<WallTime> until;
  std::size_t limit = 1;
};

class Journals {
 public:
  Journals(MemberApi& api, std::string cluster) : api_(api), cluster_(std::move(cluster)) {}

  /// Each member of the cluster, asked at a time: who it is, its clock, its last decision, and the one that
  /// its journal has last.
  std::vector<Known> look(const dcs::Cluster& cluster) const;
  /// Puts a page of its journal in the place of the entries of `known`, which has one.
  void read(Known& known, const Wanted& wanted) const;
  /// Puts a page before the entries of `known`, or begins with the newest.
  void read_back(Known& known) const;

 private:
  bool read_page(Known& known, const std::string& endpoint) const;

  MemberApi& api_;
  std::string cluster_;
};

}  // namespace tanist::ctl::explain
