#include "api/journal_endpoint.h"

#include <string>

#include "api/responses.h"
#include "ha/model/journal_codec.h"

namespace tanist::api {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostReading = 4;
constexpr std::size_t kPageBytes = std::size_t{1} << 20;
constexpr Duration kDiskBudget = 5s;

using Page = std::expected<JournalPage, std::string>;

Page read_page(const std::string& path, const JournalQuery& query) {
  // The newer first: where it is begun anew right now, what it had is in the older.
  const auto newer = blocking::read_file(path);
  if (!newer) return std::unexpected(newer.error());
  const auto older = blocking::read_file(path + ".1");
  if (!older) return std::unexpected(older.error());
  return journal_page(older->value_or(""), newer->value_or(""), query, kPageBytes);
}

/// Both clocks of one moment: what the asker lays over his own.
Document moment(Clock& clock) {
  return Document::map({{"wall_us", static_cast<std::int64_t>(clock.wall_now().time_since_epoch().count())},
                        {"boot_ns", static_cast<std::int64_t>(clock.now().time_since_epoch().count())}});
}

Document last_decision(const ha::Snapshot& snapshot) {
  if (!snapshot.decided) return {};
  const auto& [view, decision] = *snapshot.decided;
  return Document::map({{"version", ha::kJournalVersion},
                        {"at", iso8601(view.wall_now)},
                        {"decision", ha::encode(decision)},
                        {"view", ha::encode(view)}});
}

}  // namespace

Task<net::HttpResponse> JournalEndpoint::get(net::HttpRequest request, ha::SnapshotPtr snapshot) {
  const Document received = moment(clock_);
  const auto query = parse_journal_query(request.query());
  if (!query) co_return text_body(400, query.error());
  if (reading_ >= kMostReading) co_return text_body(503, "the journal is being read for too many others");
  struct Counted {
    std::size_t& count;
    explicit Counted(std::size_t& c) : count(c) { ++count; }
    ~Counted() { --count; }
  } counted(reading_);
  std::function<Page()> work = [path = ha::journal_path(snapshot->settings->state_dir), wanted = *query] {
    return read_page(path, wanted);
  };
  auto reading = disk_.call<Page>("reading the journal", std::move(work), clock_.now() + kDiskBudget);
  std::expected<Page, std::string> read = co_await std::move(reading);
  if (!read) co_return text_body(503, read.error());
  if (!*read) co_return text_body(503, read->error());
  const JournalPage& page = **read;
  Document head = Document::map({{"scope", snapshot->settings->scope},
                                 {"name", snapshot->settings->name},
                                 {"version", ha::kJournalVersion},
                                 {"received", received},
                                 {"earlier", page.earlier},
                                 {"now", last_decision(*snapshot)}});
  head.set("answered", moment(clock_));
  std::string text = to_json(head);
  text.pop_back();
  co_return json_body(200, text + ",\"entries\":[" + page.entries + "]}");
}

}  // namespace tanist::api
