#include "postgres/files/pid_file.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "log/log.h"

TANIST_LOGGER("patroni.postgresql.postmaster");

namespace tanist::postgres {
namespace {

template <class T>
T number(std::string_view text) {
  T value{};
  while (text.starts_with(' ')) text.remove_prefix(1);
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string_view last_of_path(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

constexpr std::string_view kAuxiliary[] = {
    "archiver",        "startup",       "autovacuum launcher", "autovacuum worker", "checkpointer",
    "logger",          "syslogger",     "stats collector",     "wal receiver",      "walreceiver",
    "wal writer",      "walwriter",     "background writer",   "writer process",    "logical replication",
    "slotsync worker", "walsummarizer", "io worker",           "datachecksums",     "bgworker:",
};
constexpr std::string_view kWalSender[] = {"wal sender", "walsender"};

/// Titles look like `postgres: [cluster_name: ]what`; empty when it is none.
std::vector<std::string_view> kinds(std::string_view title) {
  constexpr std::string_view kPrefix = "postgres: ";
  if (!title.starts_with(kPrefix)) return {};
  title.remove_prefix(kPrefix.size());
  while (title.ends_with(' ')) title.remove_suffix(1);
  std::vector<std::string_view> found{title};
  if (const auto colon = title.find(": "); colon != std::string_view::npos)
    found.push_back(title.substr(colon + 2));
  return found;
}

/// `user database 10.0.0.1(5432) idle`: whoever serves a connection says whose.
bool names_a_client(std::string_view kind) {
  if (kind.find(" [local]") != std::string_view::npos) return true;
  const auto open = kind.rfind('(');
  const auto close = kind.find(')', std::min(open, kind.size()));
  return open != std::string_view::npos && close != std::string_view::npos && close > open + 1 &&
         kind.substr(open + 1, close - open - 1).find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::optional<PidFile> parse_pid_file(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (lines.empty()) return std::nullopt;
  lines.resize(std::max<std::size_t>(lines.size(), 8));
  PidFile file;
  file.pid = number<long>(lines[0]);
  file.data_dir = lines[1];
  file.start_time = number<std::int64_t>(lines[2]);
  file.port = number<int>(lines[3]);
  file.socket_dir = lines[4];
  file.status = lines[7].substr(0, lines[7].find(' '));
  if (file.pid == 0) return std::nullopt;
  return file;
}

PidFileProcess describe_process(pid_t pid, const process::WorkPlace& place) {
  PidFileProcess result;
  const auto seen = process::stat(pid);
  if (!seen || seen->dead()) return result;
  result.exists = true;
  result.relative = pid == ::getpid() || pid == ::getppid() || seen->parent == ::getpid();
  result.start_time = unix_seconds(process::start_time(seen->start_ticks));
  result.start_ticks = seen->start_ticks;
  result.executable = process::executable(pid);
  result.works_here = process::works_in(pid, place);
  return result;
}

bool is_our_postmaster(const PidFile& file, const PidFileProcess& process, const std::string& postgres_name,
                       const std::string& data_dir) {
  constexpr std::int64_t kClockToleranceSeconds = 3;
  if (file.pid <= 0 || !process.exists || process.relative) return false;
  const std::int64_t apart = process.start_time - file.start_time;
  const bool same_start =
      file.start_time != 0 && apart < kClockToleranceSeconds && apart > -kClockToleranceSeconds;
  if (same_start && process.works_here.value_or(true)) return true;
  if (!process.executable) return same_start;
  const auto name = last_of_path(*process.executable);
  if (name != last_of_path(postgres_name) && name != "postmaster" && name != "postgres") return false;
  if (process.works_here) return *process.works_here;
  log::warning(
      "process {} of postmaster.pid in {} is taken for its postmaster: its working directory cannot be read",
      file.pid, data_dir);
  return true;
}

bool is_auxiliary_title(std::string_view title) {
  return std::ranges::any_of(kinds(title), [](std::string_view kind) {
    const auto begins = [&](std::string_view known) { return kind.starts_with(known); };
    return std::ranges::any_of(kWalSender, begins) ||
           (!names_a_client(kind) && std::ranges::any_of(kAuxiliary, begins));
  });
}

bool is_logger_title(std::string_view title) {
  // Exactly so: a backend of a user of that name has more in its title.
  return std::ranges::any_of(kinds(title), [](std::string_view kind) {
    return kind == "logger" || kind == "logger process" || kind == "syslogger";
  });
}

bool is_client_title(std::string_view title) {
  return title.starts_with("postgres: ") && !is_auxiliary_title(title);
}

bool is_startup_title(std::string_view title) {
  return std::ranges::any_of(kinds(title), [](std::string_view kind) {
    return !names_a_client(kind) &&
           (kind == "startup" || kind.starts_with("startup ") || kind == "startup process");
  });
}

bool is_other_sender_title(std::string_view title) {
  // One that feeds a standby tells how far: `walsender NAME HOST(PORT) streaming 0/3000060`.
  return title.find(" streaming ") == std::string_view::npos &&
         std::ranges::any_of(kinds(title), [](std::string_view kind) {
           return std::ranges::any_of(kWalSender,
                                      [&](std::string_view known) { return kind.starts_with(known); });
         });
}

}  // namespace tanist::postgres
