#pragma once

#include <expected>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ctl/command.h"
#include "ctl/member_api.h"
#include "ctl/terminal.h"
#include "dcs/model.h"

namespace tanist::ctl {

/// The members of one cluster over their REST API. Whoever has taken over the address of one that is gone is
/// no member of it: nothing is asked of him.
class Members {
 public:
  Members(MemberApi& api, std::string cluster) : api_(api), cluster_(std::move(cluster)) {}

  struct Look {
    Document status;
    net::Headers headers;
  };
  /// The status document of a member, and what came with it; the error also where somebody else answers in
  /// its place.
  std::expected<Look, NoAnswer> look(const dcs::Member& member);
  /// The same of each of them, at a time, within `patience`; answers in their order.
  std::vector<std::expected<Look, NoAnswer>> look_at_each(const std::vector<const dcs::Member*>& members,
                                                          Duration patience);
  /// The document alone.
  std::expected<Document, NoAnswer> status(const dcs::Member& member);
  /// What it answers, once it has said who it is.
  std::expected<net::HttpResponse, NoAnswer> ask(const dcs::Member& member, const MemberCall& call);

 private:
  std::expected<Look, NoAnswer> seen(const dcs::Member& member,
                                     const std::expected<net::HttpResponse, NoAnswer>& answer) const;

  MemberApi& api_;
  std::string cluster_;
};

/// What helps who was refused with this status, on the error stream; nothing where nothing does.
void hint_at_refusal(const Terminal& terminal, int status);

/// One action on several members, one after the other: a line tells of each what came of it.
class MemberAction {
 public:
  /// `action`: as the lines call it, `scheduled restart`.
  MemberAction(Members& members, const Terminal& terminal, std::string action)
      : members_(members), terminal_(terminal), action_(std::move(action)) {}

  /// nullopt: there was no answer, which was told.
  std::optional<net::HttpResponse> ask(const dcs::Member& member, const MemberCall& call);
  /// A line of its own.
  void tell(const std::string& line);
  /// The same, and it was not done.
  void failed(const std::string& line);
  /// `Failed: <action> for member <m>, status code=<n>, (<body>)`
  void refused(const dcs::Member& member, const net::HttpResponse& answer);
  /// `Success: <action> for member <m>` for an answer below 400, else refused(); whether it was the former.
  bool judge(const dcs::Member& member, const net::HttpResponse& answer);

  /// How the command ends. Throws Failure where a member did not answer.
  Ending end() const;

 private:
  Members& members_;
  const Terminal& terminal_;
  std::string action_;
  std::vector<std::string> silent_;
  Ending ending_ = Ending::done;
};

}  // namespace tanist::ctl
