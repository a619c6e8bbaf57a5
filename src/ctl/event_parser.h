#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/document.h"

namespace tanist::ctl {

/// What a member tells of by GET /events.
struct MemberEvent {
  std::string id;
  std::string type;
  /// A map.
  Document data;
};

/// Takes server-sent events from bytes as they come. What is none is left out; what is larger than any event
/// of a member ends it. Pure.
class EventParser {
 public:
  /// The events that `bytes` complete.
  std::vector<MemberEvent> put(std::string_view bytes);
  /// A line was too long: this is no stream of events.
  bool broken() const { return broken_; }

 private:
  void take_line(std::string_view line, std::vector<MemberEvent>& out);

  std::string line_;
  MemberEvent next_;
  std::string data_;
  bool broken_ = false;
};

}  // namespace tanist::ctl
