#include "ha/operations/bootstrap_note.h"
#include "json/parse.h"

#include <charconv>

#include "core/document.h"
#include "core/format.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

namespace tanist::ha {

namespace {

std::string text_of(const Document& document, const char* key) {
  const Document* found = document.find(key);
  return found && found->is_string() ? found->as_string() : std::string();
}

/// Both are known, and they are the same.
bool same(const std::string& a, const std::string& b) {
  return !a.empty() && a == b;
}
bool different(const std::string& a, const std::string& b) {
  return !a.empty() && !b.empty() && a != b;
}

/// initdb puts the second in which it made a cluster into its system identifier. It outlives a daemon that is
/// killed, and then nobody notes what it makes; nothing that is restored was made in that minute.
bool made_by_this_attempt(const BootstrapNote& note, const std::string& system_id) {
  constexpr std::int64_t kTakes = 60;
  constexpr int kSecondsAt = 32;
  std::uint64_t id = 0;
  const auto parsed = std::from_chars(system_id.data(), system_id.data() + system_id.size(), id);
  if (parsed.ec != std::errc() || note.begun == 0) return false;
  const auto made = static_cast<std::int64_t>(id >> kSecondsAt);
  return made >= note.begun - 1 && made <= note.begun + kTakes;
}

}  // namespace

std::string to_text(const BootstrapNote& note) {
  Document document = Document::map({{"data_dir", note.data_dir},
                                     {"name", note.name},
                                     {"begun", note.begun},
                                     {"directory", note.made.directory},
                                     {"cluster", note.made.cluster},
                                     {"postmaster", note.made.postmaster},
                                     {"system_id", note.system_id},
                                     {"starting", note.starting},
                                     {"finished", note.finished}});
  return to_json(document);
}

std::optional<BootstrapNote> parse_bootstrap_note(const std::string& text) {
  const auto document = parse_json(text);
  if (!document) return std::nullopt;
  BootstrapNote note;
  note.data_dir = text_of(*document, "data_dir");
  note.name = text_of(*document, "name");
  if (const Document* begun = document->find("begun"); begun && begun->is_int()) note.begun = begun->as_int();
  note.made = {text_of(*document, "directory"), text_of(*document, "cluster"),
               text_of(*document, "postmaster")};
  note.system_id = text_of(*document, "system_id");
  const auto is_set = [&](const char* key) {
    const Document* found = document->find(key);
    return found && found->truthy();
  };
  note.starting = is_set("starting");
  note.finished = is_set("finished");
  return note;
}

LeftBootstrapSeen judge_left_bootstrap(const BootstrapNote& note, const postgres::Facts& facts,
                                       const postgres::ClusterIdentity& here, const std::string& stored_id) {
  using What = LeftBootstrap;
  const std::string& id = facts.system_identifier;
  const bool whole = facts.data_directory == postgres::DataDirectory::ok;
  const bool runs = facts.process != postgres::Process::none;
  // The store knows what the attempt made: it was finished, and what is there is a member's data, also where
  // that is not to be read just now.
  const bool known =
      !stored_id.empty() && (same(stored_id, id) || (id.empty() && same(stored_id, note.system_id)));
  if (note.finished || known) return {What::nothing, {}};
  if (facts.data_directory == postgres::DataDirectory::empty && !runs) return {What::nothing, {}};

  if (facts.data_directory == postgres::DataDirectory::unreadable && !runs)
    return {What::unknown, "it cannot be read"};
  if (whole && (id.empty() || !facts.control_error.empty()))
    return {What::unknown, fmt::format("its control file cannot be read ({})", facts.control_error)};
  if (whole && different(note.system_id, id)) {
    return {What::of_others,
            fmt::format("its system identifier is {}, the one of the bootstrap was {}", id, note.system_id)};
  }
  if (runs) {
    // The very process that the attempt started was never anything else than that.
    const bool started =
        note.starting ? same(note.made.cluster, here.cluster) : same(note.made.postmaster, here.postmaster);
    if (same(note.system_id, id) && started) return {What::ours, {}};
    return {What::unknown, "a PostgreSQL runs in it that the bootstrap did not start"};
  }
  if (whole) {
    if (same(note.made.cluster, here.cluster)) return {What::ours, {}};
    // Only the numbers of files differ: a file system may give them anew when it is mounted.
    if (same(note.system_id, id))
      return {What::unknown, "it has the system identifier of the bootstrap, but other files"};
    if (different(note.made.cluster, here.cluster))
      return {What::of_others, "its files were made after those of the bootstrap"};
    if (same(note.made.directory, here.directory) && made_by_this_attempt(note, id)) return {What::ours, {}};
    return {What::unknown, "it looks whole, and the bootstrap has not noted that it made it"};
  }
  if (different(note.made.cluster, here.cluster))
    return {What::of_others, "its files were made after those of the bootstrap"};
  if (same(note.made.directory, here.directory)) return {What::ours, {}};
  return {What::unknown, "it is not the directory that the bootstrap has noted"};
}

Task<void> forget_bootstrap(Ports ports, std::string path, std::string data_dir) {
  BootstrapNote over;
  over.data_dir = std::move(data_dir);
  over.finished = true;
  // A removal may fail where a write does not, and the other way round.
  auto written = co_await ports.disk.write(path, to_text(over), 0600, ports.clock.now() + kDiskBudget);
  if (!written) log::warning("could not mark the note of the bootstrap as finished: {}", written.error());
  auto forgotten = co_await ports.disk.remove(path, ports.clock.now() + kDiskBudget);
  if (!forgotten) log::warning("could not remove the note of the bootstrap: {}", forgotten.error());
}

}  // namespace tanist::ha
