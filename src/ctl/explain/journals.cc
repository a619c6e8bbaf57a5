#include "ctl/explain/journals.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "core/format.h"
#include "dcs/codec.h"
#include "json/parse.h"
#include "net/http.h"

namespace tanist::ctl::explain {
namespace {

constexpr Duration kPatience = std::chrono::seconds(5);
/// Enough for one that nothing held up.
constexpr int kRounds = 4;
constexpr int kFirstError = 400;
constexpr int kNobody = 401;
constexpr int kForbidden = 403;
/// What is read at a time where all is wanted.
constexpr std::size_t kPage = 1000;

/// 0: it is none.
int refusal(const net::HttpResponse& answer) {
  return answer.status == kNobody || answer.status == kForbidden ? answer.status : 0;
}

std::int64_t number_at(const Document& from, const char* path) {
  const Document* value = from.find_path(path);
  return value != nullptr && value->is_int() ? value->as_int() : 0;
}

Moment moment_at(const Document& from, const std::string& path) {
  return {.wall = WallTime(std::chrono::microseconds(number_at(from, (path + ".wall_us").c_str()))),
          .boot = Instant(Duration(number_at(from, (path + ".boot_ns").c_str())))};
}

/// What came back to GET /journal; the error says why it is none.
std::expected<Document, std::string> journal_of(const net::HttpResponse& answer, const Known& of,
                                                const std::string& cluster) {
  if (refusal(answer) != 0)
    return std::unexpected(fmt::format("it does not show its journal to this user or host: status {} ({})",
                                       answer.status, answer.body));
  auto document = parse_json(answer.body);
  const bool journal = document && document->is_map() && document->find("entries") != nullptr &&
                       document->find("entries")->is_list();
  if (!journal && answer.status < kFirstError)
    return std::unexpected(fmt::format("its Tanist {} does not serve GET /journal",
                                       of.status ? text_at(*of.status, "tanist_version") : "?"));
  if (!journal)
    return std::unexpected(
        fmt::format("GET /journal came back with status {}: {}", answer.status, answer.body.substr(0, 200)));
  if (text_at(*document, "scope") != cluster || text_at(*document, "name") != of.member.name)
    return std::unexpected(fmt::format("member {} of cluster {} answers at its address",
                                       text_at(*document, "name"), text_at(*document, "scope")));
  return *std::move(document);
}

Entry entry_of(const Document& line, const Moment& answered, const Offset& clock) {
  const auto at = dcs::parse_iso8601(text_at(line, "at"));
  const Moment entry{.wall = at.value_or(answered.wall),
                     .boot = Instant(Duration(number_at(line, "view.now")))};
  return {.when = here(entry, answered, clock), .line = line};
}

void take(Known& known, const Document& journal) {
  const Moment answered = moment_at(journal, "answered");
  known.now.reset();
  if (const Document* now = journal.find("now"); now != nullptr && now->is_map())
    known.now = entry_of(*now, answered, known.clock);
  const auto& lines = journal.find("entries")->as_list();
  known.entries.clear();
  known.entries.reserve(lines.size());
  for (const auto& line : lines) known.entries.push_back(entry_of(line, answered, known.clock));
  const Document* earlier = journal.find("earlier");
  known.earlier = earlier != nullptr && earlier->truthy();
}

std::string endpoint(const Wanted& wanted, Duration ahead) {
  std::string out = fmt::format("journal?limit={}", wanted.limit);
  const auto add = [&](const char* name, const std::optional<WallTime>& at) {
    if (!at) return;
    const auto there = std::chrono::floor<std::chrono::microseconds>(*at + ahead);
    out += fmt::format("&{}={}", name, net::url_encode(iso8601(there)));
  };
  add("since", wanted.since);
  add("until", wanted.until);
  return out;
}

}  // namespace

std::string text_at(const Document& from, const char* path) {
  const Document* value = from.find_path(path);
  return value != nullptr && !value->is_null() ? value->text() : std::string();
}

std::string Entry::said(const char* path) const {
  return decision() == nullptr ? std::string() : text_at(*decision(), path);
}

std::vector<Known> Journals::look(const dcs::Cluster& cluster) const {
  std::vector<const dcs::Member*> members;
  members.reserve(cluster.members.size());
  for (const auto& [name, member] : cluster.members) members.push_back(&member);
  auto looks = Members(api_, cluster_).look_at_each(members, kPatience);
  std::vector<Known> out;
  std::vector<std::string> urls;
  for (std::size_t i = 0; i < members.size(); ++i) {
    Known known{.member = *members[i]};
    if (!looks[i]) {
      known.trouble = "it does not answer: " + looks[i].error().why;
    } else {
      known.status = std::move(looks[i]->status);
      if (known.status->find("tanist_version") == nullptr)
        known.trouble = fmt::format("it is run by Patroni {}, which keeps no journal",
                                    text_at(*known.status, "patroni.version"));
    }
    if (known.has_journal()) urls.push_back(known.member.api_url);
    out.push_back(std::move(known));
  }
  const MemberCall call{.endpoint = endpoint({}, {}), .patience = kPatience};
  const auto answers = api_.exchanges(urls, call, kRounds);
  auto exchanged = answers.begin();
  for (auto& known : out) {
    if (!known.has_journal()) continue;
    const auto& exchanges = *exchanged++;
    std::vector<Round> rounds;
    for (const auto& [answer, sent, received] : exchanges) {
      if (!answer) {
        known.trouble = "GET /journal: " + answer.error().why;
        break;
      }
      const auto journal = journal_of(*answer, known, cluster_);
      if (!journal) {
        known.trouble = journal.error();
        known.refused = refusal(*answer);
        break;
      }
      rounds.push_back({.sent = sent,
                        .received_there = moment_at(*journal, "received").wall,
                        .answered_there = moment_at(*journal, "answered").wall,
                        .received = received});
      known.clock = offset_of(rounds).value_or(Offset());
      take(known, *journal);
    }
  }
  return out;
}

bool Journals::read_page(Known& known, const std::string& endpoint) const {
  const auto answer = api_.ask(known.member.api_url, {.endpoint = endpoint, .patience = kPatience});
  if (!answer) {
    known.trouble = "GET /journal: " + answer.error().why;
    return false;
  }
  const auto journal = journal_of(*answer, known, cluster_);
  if (!journal) {
    known.trouble = journal.error();
    known.refused = refusal(*answer);
    return false;
  }
  take(known, *journal);
  return true;
}

void Journals::read(Known& known, const Wanted& wanted) const {
  read_page(known, endpoint(wanted, known.clock.ahead));
}

void Journals::read_back(Known& known) const {
  std::string wanted = fmt::format("journal?limit={}", kPage);
  std::vector<Entry> later = std::exchange(known.entries, {});
  // By its own words: the last of the page is the first of these.
  if (!later.empty()) wanted += "&until=" + net::url_encode(text_at(later.front().line, "at"));
  if (!read_page(known, wanted)) {
    known.entries = std::move(later);
    return;
  }
  auto& entries = known.entries;
  while (!later.empty() && !entries.empty() &&
         std::ranges::find(later, entries.back().line, &Entry::line) != later.end())
    entries.pop_back();
  if (entries.empty()) known.earlier = false;
  std::ranges::move(later, std::back_inserter(entries));
}

}  // namespace tanist::ctl::explain
