#include "process/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <set>

#include "core/format.h"

namespace tanist::process {
namespace {

std::optional<std::string> read_all(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::string content;
  char buffer[4096];
  ssize_t n = 0;
  while ((n = ::read(fd, buffer, sizeof buffer)) > 0) content.append(buffer, static_cast<std::size_t>(n));
  ::close(fd);
  if (n < 0) return std::nullopt;
  return content;
}

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr == text.data()) return std::nullopt;
  return value;
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  while (!text.empty()) {
    const auto begin = text.find_first_not_of(" \t\n");
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    const auto end = std::min(text.find_first_of(" \t\n"), text.size());
    found.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return found;
}

std::vector<pid_t> numeric_entries(const std::string& path) {
  std::vector<pid_t> found;
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr) return found;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name.find_first_not_of("0123456789") != std::string_view::npos) continue;
    if (auto pid = number<pid_t>(name)) found.push_back(*pid);
  }
  ::closedir(directory);
  return found;
}

std::optional<std::string> link_target(const std::string& path) {
  char buffer[4096];
  const ssize_t n = ::readlink(path.c_str(), buffer, sizeof buffer);
  if (n <= 0) return std::nullopt;
  std::string target(buffer, static_cast<std::size_t>(n));
  constexpr std::string_view kDeleted = " (deleted)";
  if (target.ends_with(kDeleted)) target.resize(target.size() - kDeleted.size());
  return target;
}

std::int64_t boot_seconds() {
  const std::string content = read_all("/proc/stat").value_or("");
  const auto at = content.find("btime ");
  if (at == std::string::npos) return 0;
  return number<std::int64_t>(std::string_view(content).substr(at + 6)).value_or(0);
}

}  // namespace

std::optional<Stat> parse_stat(std::string_view text) {
  // The name in parentheses may hold blanks and parentheses itself.
  const auto close = text.rfind(')');
  const auto pid = number<pid_t>(text);
  if (close == std::string_view::npos || !pid) return std::nullopt;
  const auto fields = words(text.substr(close + 1));
  if (fields.size() < 20) return std::nullopt;
  const auto parent = number<pid_t>(fields[1]);
  const auto start = number<std::uint64_t>(fields[19]);
  if (!parent || !start) return std::nullopt;
  return Stat{*pid, *parent, fields[0][0], *start};
}

std::optional<Stat> stat(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  const auto content = read_all(fmt::format("/proc/{}/stat", pid));
  if (!content) return std::nullopt;
  return parse_stat(*content);
}

WallTime start_time(std::uint64_t start_ticks) {
  const auto ticks = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  const auto micros = static_cast<std::int64_t>(start_ticks % ticks * 1000000 / ticks);
  return WallTime(std::chrono::seconds(boot_seconds() + static_cast<std::int64_t>(start_ticks / ticks)) +
                  std::chrono::microseconds(micros));
}

bool alive(const Identity& identity) {
  const auto seen = stat(identity.pid);
  return seen && seen->start_ticks == identity.start_ticks && !seen->dead();
}

std::vector<pid_t> children(pid_t pid) {
  std::vector<pid_t> found;
  const std::string tasks = fmt::format("/proc/{}/task", pid);
  bool readable = false;
  for (const pid_t thread : numeric_entries(tasks)) {
    const auto content = read_all(fmt::format("{}/{}/children", tasks, thread));
    if (!content) continue;
    readable = true;
    for (const auto word : words(*content)) {
      if (auto child = number<pid_t>(word)) found.push_back(*child);
    }
  }
  if (readable) return found;
  // A kernel without CONFIG_PROC_CHILDREN, or the parent is gone.
  for (const pid_t candidate : all()) {
    const auto seen = stat(candidate);
    if (seen && seen->parent == pid) found.push_back(candidate);
  }
  return found;
}

std::vector<pid_t> children_of_main_thread(pid_t pid) {
  const auto content = read_all(fmt::format("/proc/{0}/task/{0}/children", pid));
  if (!content) return children(pid);
  std::vector<pid_t> found;
  for (const auto word : words(*content)) {
    if (auto child = number<pid_t>(word)) found.push_back(*child);
  }
  return found;
}

std::vector<pid_t> descendants(pid_t pid) {
  std::vector<pid_t> found = children(pid);
  std::set<pid_t> seen(found.begin(), found.end());
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const pid_t child : children(found[i])) {
      if (seen.insert(child).second) found.push_back(child);
    }
  }
  return found;
}

std::vector<pid_t> all() {
  return numeric_entries("/proc");
}

std::optional<std::string> executable(pid_t pid) {
  return link_target(fmt::format("/proc/{}/exe", pid));
}

std::optional<std::string> working_directory(pid_t pid) {
  return link_target(fmt::format("/proc/{}/cwd", pid));
}

std::string title(pid_t pid) {
  std::string content = read_all(fmt::format("/proc/{}/cmdline", pid)).value_or("");
  for (char& c : content) {
    if (c == '\0') c = ' ';
  }
  while (!content.empty() && content.back() == ' ') content.pop_back();
  return content;
}

std::vector<Identity> with_variable(const std::string& name, const std::string& value) {
  const std::string wanted = '\0' + name + '=' + value + '\0';
  std::vector<Identity> found;
  for (const pid_t pid : all()) {
    const auto content = read_all(fmt::format("/proc/{}/environ", pid));
    if (!content || ('\0' + *content + '\0').find(wanted) == std::string::npos) continue;
    if (const auto seen = stat(pid); seen && !seen->dead()) found.push_back({pid, seen->start_ticks});
  }
  return found;
}

bool send_signal(const Identity& identity, int signal) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, identity.pid, 0));
  if (fd < 0) return false;
  // The descriptor was opened before the comparison: what it names is what was compared.
  const auto seen = stat(identity.pid);
  const bool same = seen && seen->start_ticks == identity.start_ticks;
  const bool sent = same && ::syscall(SYS_pidfd_send_signal, fd, signal, nullptr, 0) == 0;
  ::close(fd);
  return sent;
}

void kill_tree(pid_t pid) {
  constexpr int kPasses = 3;
  ::kill(pid, SIGSTOP);
  std::vector<pid_t> below;
  for (int pass = 0; pass < kPasses; ++pass) {
    auto now = descendants(pid);
    const bool settled = now == below;
    below = std::move(now);
    if (settled) break;
    for (const pid_t child : below) ::kill(child, SIGSTOP);
  }
  for (const pid_t child : below) ::kill(child, SIGKILL);
  ::kill(pid, SIGKILL);
}

}  // namespace tanist::process
