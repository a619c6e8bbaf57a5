#include "ctl/members.h"

#include <ostream>

#include "core/format.h"
#include "json/parse.h"

namespace tanist::ctl {

namespace {

/// A member answers who it is from what it knows, or after a short look at PostgreSQL.
constexpr Duration kStatusPatience = std::chrono::seconds(5);
constexpr int kFirstError = 400;

/// What the document says of itself below `patroni`; empty: nothing.
std::string said(const Document& status, const char* path) {
  const Document* value = status.find_path(path);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

}  // namespace

std::expected<Members::Look, NoAnswer> Members::look(const dcs::Member& member) {
  return std::move(look_at_each({&member}, kStatusPatience).front());
}

std::vector<std::expected<Members::Look, NoAnswer>> Members::look_at_each(
    const std::vector<const dcs::Member*>& members, Duration patience) {
  std::vector<std::string> urls;
  for (const auto* member : members)
    if (!member->api_url.empty()) urls.push_back(member->api_url);
  const MemberCall call{.patience = patience};
  auto answers = api_.ask_each(urls, call);
  auto answer = answers.begin();
  std::vector<std::expected<Look, NoAnswer>> out;
  for (const auto* member : members) {
    if (member->api_url.empty()) {
      out.emplace_back(std::unexpected(NoAnswer{"it has published no api_url"}));
    } else {
      out.push_back(seen(*member, *answer++));
    }
  }
  return out;
}

std::expected<Members::Look, NoAnswer> Members::seen(
    const dcs::Member& member, const std::expected<net::HttpResponse, NoAnswer>& answer) const {
  // Only looked at: nothing can have come of it.
  if (!answer) return std::unexpected(NoAnswer{answer.error().why});
  auto document = parse_json(answer->body);
  if (!document || !document->is_map())
    return std::unexpected(NoAnswer{fmt::format(
        "what answers at {} is no member of a cluster: it came back with status {} and no JSON object",
        member.api_url, answer->status)});
  // Members of old releases do not say their names.
  const std::string scope = said(*document, "patroni.scope");
  const std::string name = said(*document, "patroni.name");
  if ((!scope.empty() && scope != cluster_) || (!name.empty() && name != member.name))
    return std::unexpected(NoAnswer{fmt::format("member {} of cluster {} answers at its address {}",
                                                name.empty() ? "?" : name, scope, member.api_url)});
  return Look{.status = *std::move(document), .headers = answer->headers};
}

std::expected<Document, NoAnswer> Members::status(const dcs::Member& member) {
  auto seen = look(member);
  if (!seen) return std::unexpected(seen.error());
  return std::move(seen->status);
}

std::expected<net::HttpResponse, NoAnswer> Members::ask(const dcs::Member& member, const MemberCall& call) {
  const auto who = status(member);
  if (!who) return std::unexpected(who.error());
  return api_.ask(member.api_url, call);
}

void hint_at_refusal(const Terminal& terminal, int status) {
  constexpr int kNobody = 401;
  constexpr int kForbidden = 403;
  if (status == kNobody)
    terminal.err
        << "HINT: ctl.authentication of the configuration (else restapi.authentication) has user and "
           "password for the members' REST API\n";
  if (status == kForbidden)
    terminal.err
        << "HINT: ctl.certfile of the configuration is the certificate for the members' REST API; their "
           "restapi.allowlist may leave this host out\n";
}

std::optional<net::HttpResponse> MemberAction::ask(const dcs::Member& member, const MemberCall& call) {
  auto answer = members_.ask(member, call);
  if (answer) return *std::move(answer);
  silent_.push_back(member.name);
  tell(fmt::format("Failed: {} for member {}, {}{}", action_, member.name,
                   answer.error().sent ? "no answer came, it may happen all the same: " : "",
                   answer.error().why));
  return std::nullopt;
}

void MemberAction::tell(const std::string& line) {
  terminal_.out << line << '\n' << std::flush;
}

void MemberAction::failed(const std::string& line) {
  tell(line);
  ending_ = graver(ending_, Ending::failed);
}

void MemberAction::refused(const dcs::Member& member, const net::HttpResponse& answer) {
  failed(fmt::format("Failed: {} for member {}, status code={}, ({})", action_, member.name, answer.status,
                     answer.body));
  hint_at_refusal(terminal_, answer.status);
}

bool MemberAction::judge(const dcs::Member& member, const net::HttpResponse& answer) {
  if (answer.status >= kFirstError) {
    refused(member, answer);
    return false;
  }
  tell(fmt::format("Success: {} for member {}", action_, member.name));
  return true;
}

Ending MemberAction::end() const {
  if (!silent_.empty()) throw Failure("no answer from " + joined(silent_));
  return ending_;
}

}  // namespace tanist::ctl
