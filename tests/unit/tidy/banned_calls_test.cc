// Calls that block, wait behind the back of core/, or start what nobody owns.

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "unit/tidy/source_tree.h"

namespace tanist::tidy {
namespace {

struct Allowed {
  std::string prefix;  // of the path
  std::string reason;
};

struct Ban {
  std::string pattern;  // ECMAScript, matched in code without comments and literals
  std::string why;
  std::vector<Allowed> allowed;
};

const std::vector<Ban> kBans = {
    {R"(\b(steady_timer|system_timer|high_resolution_timer|basic_waitable_timer|deadline_timer)\b)",
     "time passes only through Clock",
     {{"src/async/", "the clock itself"}}},
    {R"(\b(awaitable_operators|make_parallel_group|parallel_group)\b)",
     "wait through async/wait.h, which undoes what it cancels",
     {{"src/async/", "wait.h is made of it"}}},
    {R"(\b(co_spawn|detached)\b)",
     "a background coroutine belongs to a TaskScope",
     {{"src/async/", "the scope itself"}}},
    {R"(\bstd::(jthread|thread|async)\b)",
     "two event loops and the disk thread are all there is",
     {{"src/log/log.cc", "the log's writer"},
      {"src/async/disk_thread.cc", "the disk thread"},
      {"src/process/spawn.cc", "posix_spawn sleeps until the program runs, on a file system that may hang"},
      {"src/net/resolver.cc", "getaddrinfo has no other way to be bounded"},
      {"src/api/server.cc", "the api loop"},
      {"src/apps/", "main decides what runs where"}}},
    {R"(\b(sleep|usleep|nanosleep|clock_nanosleep)\s*\(|\bthis_thread::sleep)",
     "nothing sleeps: Clock::sleep_until",
     {{"src/apps/tanistctl.cc", "between two rounds of list -w nothing else goes on"}}},
    {R"((^|[^\w.>])(system|popen|fork|vfork)\s*\()",
     "children go through process/",
     {{"src/guard/titles.cc", "what looks into another process may hang, and the guardian must not"},
      {"src/guard/log.cc", "so may what writes to a file"}}},
    {R"(\b(posix_spawnp?|exec[lv]p?e?)\s*\()",
     "children go through process/",
     {{"src/process/", "that is process/"}}},
    {R"(\bPQ(connectdb|connectdbParams|setdb|setdbLogin|reset|exec|execParams|execPrepared|prepare|fn|ping|pingParams)\s*\()",
     "libpq is used without blocking",
     {}},
    {R"(\bPQ(cancel|requestCancel)\s*\()",
     "PQcancel waits for the server: cancel from another connection",
     {}},
    {R"(\b(getaddrinfo|gethostbyname|gethostbyaddr|getnameinfo)\s*\()",
     "names are resolved with a deadline by net/resolver",
     {{"src/net/resolver.cc", "that is the resolver"}}},
    {R"(\bstd::(basic_)?[io]?fstream\b|\b(fopen|freopen|fdopen|opendir)\s*\(|\bstd::filesystem\b)",
     "files of the data directory go through Disk, which has deadlines",
     {{"src/async/disk_thread.cc", "that is the Disk"},
      {"src/postgres/files/clone_place.cc", "runs on the disk thread"},
      {"src/postgres/files/data_directory.cc", "runs on the disk thread"},
      {"src/postgres/files/slot_files.cc", "runs on the disk thread"},
      {"src/config/", "read once at start and on SIGHUP, from the local configuration"},
      {"src/process/proc.cc", "/proc answers from memory"},
      {"src/ctl/", "a command line tool may wait"},
      {"src/setup/", "so may a mode of the command line"},
      {"src/apps/", "before anything runs"}}},
    {R"((^|[^\w>:.])::(open|creat|read|write|stat|rename|link|symlink|unlink|rmdir|mkdir|access|readlink|truncate|poll|ppoll|select)\s*\(|\b(openat|pread|pwrite|fsync|fdatasync|lstat|fstat|waitpid|waitid)\s*\()",
     "files go through Disk, children and what can be polled through process/: the control thread never "
     "blocks",
     {{"src/process/", "that is process/: /proc, pipes that do not block, children that have ended"},
      {"src/guard/", "a program of its own, which waits for nothing but poll"},
      {"src/apps/tanist-guard.cc", "so is its main"},
      {"src/async/disk_thread.cc", "that is the Disk"},
      {"src/fence/fence_file.cc", "a file in memory, which never waits for a disk"},
      {"src/watchdog/device.cc", "a device, or a pipe, that is told not to block"},
      {"src/log/file.cc", "the log's own thread writes it"},
      {"src/log/output.cc", "so it does standard error"},
      {"src/net/transport.cc", "certificates are loaded before anything runs, then on the disk thread"},
      {"src/postgres/files/clone_place.cc", "runs on the disk thread"},
      {"src/postgres/copies/compare.cc", "read_part runs on the disk thread"},
      {"src/postgres/files/configuration_files.cc", "runs on the disk thread"},
      {"src/postgres/files/data_directory.cc", "runs on the disk thread"},
      {"src/postgres/files/lock_files.cc", "runs on the disk thread"},
      {"src/postgres/local/promote.cc", "the file that promotes is made on the disk thread"},
      {"src/member/data_directory_claim.cc", "before anything runs"},
      {"src/member/guardian.cc", "directories are opened on the disk thread"},
      {"src/ctl/", "a command line tool may wait"},
      {"src/setup/", "so may a mode of the command line"}}},
    {R"(\b(rand|srand|random)\s*\(\s*\)|\bstd::(random_device|mt19937))",
     "chance comes in through a port, or a seed replays nothing",
     {{"src/apps/", "seeds are drawn here"},
      {"src/member/", "and handed on here"},
      {"tests/", "seeds are printed"}}},
    {R"(\bassert\s*\()", "assertions stay on in release: see CONTRIBUTING", {}},
    {R"(\busing\s+namespace\s+(std|boost|tanist)\s*;)",
     "names say where they come from",
     {{"src/apps/", "main names a bit of everything"}}},
};

Complaints broken_bans(const std::vector<SourceFile>& files, bool tests_too) {
  Complaints complaints;
  for (const auto& ban : kBans) {
    const std::regex pattern(ban.pattern, std::regex::ECMAScript | std::regex::multiline);
    for (const auto& file : files) {
      if (!file.in("src/") && !tests_too) continue;
      const bool allowed = std::any_of(ban.allowed.begin(), ban.allowed.end(),
                                       [&](const Allowed& place) { return file.in(place.prefix); });
      if (allowed) continue;
      for (std::sregex_iterator it(file.code.begin(), file.code.end(), pattern), end; it != end; ++it) {
        complaints.push_back(at(file, static_cast<std::size_t>(it->position()), it->str() + ": " + ban.why));
      }
    }
  }
  return complaints;
}

TEST(banned_calls, the_sources_keep_to_them) {
  const auto complaints = broken_bans(sources(), false);
  EXPECT_TRUE(complaints.empty()) << told(complaints);
}

const std::vector<Allowed> kMaySleep = {
    {"tests/unit/core/manual_clock.h", "time that a test moves"},
    {"tests/unit/ha/", "on time that a test moves"},
    {"tests/unit/dcs/etcd3/gateway.h", "plays an etcd that takes its time to answer"},
    {"tests/unit/api/admission_test.cc", "a limit per second is what it is about"},
    {"tests/unit/async/wait_test.cc", "waiting is what it is about"},
    {"tests/unit/log/log_test.cc", "looks again until the log's thread has taken all: nothing tells"},
    {"tests/unit/member/guardian_test.cc",
     "looks again until a process that is not its own has done its part"},
    {"tests/unit/process/process_test.cc",
     "looks again until a process that nobody owns is gone; plays a slow disk; lets a child come to its "
     "trap"},
    {"tests/unit/postgres/local/callbacks_test.cc", "looks again until a script has written"},
    {"tests/unit/postgres/local/promote_test.cc",
     "plays a slow disk; a promotion that was given up and a logger that hangs have had their chance"},
    {"tests/unit/postgres/local/postmaster_test.cc", "looks again until a shell has its children"},
    {"tests/unit/postgres/local/slots_test.cc", "looks again until a primary and a standby agree"},
    {"tests/unit/postgres/local/secret_files_test.cc", "plays a program that does not end"},
    {"tests/unit/postgres/local/start_test.cc",
     "looks again until a real server is as wanted; counts over seconds"},
    {"tests/unit/postgres/local/stop_test.cc",
     "a last checkpoint that takes longer than some are waited for"},
    {"tests/unit/process/data_directory_processes_test.cc",
     "looks again until the kernel has ended a process"},
    {"tests/unit/process/spawn_test.cc", "a file lease plays a file system that hangs for a while"},
    {"tests/unit/postgres/files/clone_place_test.cc",
     "a directory older than the attempt, by the file system's clock"},
    {"tests/unit/postgres/server_fixture.h", "looks again until a real server is as wanted"},
    {"tests/unit/postgres/local/apply_test.cc", "what a real server must not do has had its chance"},
    {"tests/unit/postgres/copies/replica_methods_test.cc",
     "what a script given up must not do has had its chance"},
    {"tests/unit/postgres/server_test.cc", "real backends are in the midst of their work"},
    {"tests/unit/postgres/local/scripts_test.cc", "looks again until the kernel has ended a process"},
};

Complaints sleeping(const std::vector<SourceFile>& files) {
  static const std::regex pattern(R"(\bu?sleep\s*\(|\bsleep_(for|until)\s*\(|\bnanosleep\s*\()");
  Complaints complaints;
  for (const auto& file : files) {
    if (!file.in("tests/unit/") || file.in("tests/unit/tidy/")) continue;
    if (std::ranges::any_of(kMaySleep, [&](const Allowed& place) { return file.in(place.prefix); })) continue;
    for (std::sregex_iterator it(file.code.begin(), file.code.end(), pattern), end; it != end; ++it) {
      complaints.push_back(
          at(file, static_cast<std::size_t>(it->position()), "a test waits for what it expects"));
    }
  }
  return complaints;
}

TEST(banned_calls, no_unit_test_sleeps) {
  const auto complaints = sleeping(sources());
  EXPECT_TRUE(complaints.empty()) << told(complaints);
  for (const char* line : {"sleep(1);", "::usleep(10);", "std::this_thread::sleep_for(1ms);",
                           "auto nap = clock.sleep_for(10ms);", "clock->sleep_until(then);"}) {
    EXPECT_EQ(sleeping({make_file("tests/unit/net/x_test.cc", line)}).size(), 1u) << line;
  }
}

/// A permission that nobody needs any more would cover what comes later.
TEST(banned_calls, each_exception_is_in_use) {
  const auto is_there = [](const Allowed& place) {
    return std::ranges::any_of(sources(), [&](const SourceFile& file) { return file.in(place.prefix); });
  };
  for (const auto& ban : kBans) {
    for (const auto& place : ban.allowed) EXPECT_TRUE(is_there(place)) << place.prefix << ": " << ban.why;
  }
  for (const auto& place : kMaySleep) EXPECT_TRUE(is_there(place)) << place.prefix;
}

TEST(banned_calls, each_is_found_where_it_stands) {
  for (const char* line : {"asio::steady_timer t(io);",
                           "auto g = make_parallel_group(a, b);",
                           "asio::co_spawn(io, f(), h);",
                           "std::this_thread::sleep_for(1ms);",
                           "::usleep(3);",
                           "int rc = system(cmd);",
                           "PQexec(c, q);",
                           "PQcancel(k, b, n);",
                           "::getaddrinfo(h, s, &hints, &r);",
                           "std::ifstream in(path);",
                           "std::filesystem::exists(p);",
                           "std::jthread t(f);",
                           "std::mt19937 dice;",
                           "assert(x);",
                           "using namespace std;",
                           "const int fd = ::open(path, O_RDONLY);",
                           "if (::fsync(fd) != 0) return;",
                           "fsync(fd);",
                           "::pread(fd, p, n, 0);",
                           "::poll(&p, 1, -1);",
                           "::waitpid(pid, &status, 0);",
                           "return ::stat(p, &s) == 0;",
                           "(void)::rename(a, b);"}) {
    EXPECT_EQ(broken_bans({make_file("src/ha/x.cc", line)}, false).size(), 1u) << line;
  }
}

TEST(banned_calls, what_only_sounds_alike_is_fine) {
  for (const char* line :
       {"clock.sleep_for(kTick);", "// PQexec would block", "log::info(\"system( is down\");",
        "identify_system(x);", "static_assert(true);", "server.system();", "disk.read(path, until);",
        "process::stat(pid);", "log::open(x);", "blocking::read_file(p);"}) {
    EXPECT_TRUE(broken_bans({make_file("src/ha/x.cc", line)}, false).empty()) << line;
  }
}

}  // namespace
}  // namespace tanist::tidy
