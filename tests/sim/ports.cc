#include "ports.h"

#include <algorithm>

namespace tanist::sim {

using namespace std::chrono_literals;

void Guardian::arm() {
  armed_ = true;
  look();
}

void Guardian::prolong(Instant kill_at) {
  kill_at_ = kill_at;
  look();
}

void Guardian::disarm() {
  armed_ = false;
  kill_at_.reset();
}

/// Looks at every deadline that was ever set; only the last word counts.
void Guardian::look() {
  if (!armed_ || !kill_at_ || !present) return;
  world_.at(clock_.when(*kill_at_), [this, deadline = *kill_at_] {
    if (!armed_ || kill_at_ != deadline) return;
    if (postgres_.process() == postgres::Process::none) return;
    world_.note(postgres_.name(), "guardian: the lease has passed, killing PostgreSQL");
    postgres_.kill_everything();
    // Again until nothing is left.
    world_.after(10ms, [this, deadline] {
      if (armed_ && kill_at_ == deadline) look();
    });
  });
}

Task<bool> SimFence::arm(Instant deadline) {
  co_await process_.sleep_until(std::min(deadline, process_.now() + 500us));
  if (guardian_.refusals > 0) {
    --guardian_.refusals;
    guardian_.refused = true;
    co_return false;
  }
  guardian_.refused = false;
  guardian_.arm();
  co_return true;
}

Task<void> SimFence::disarm(std::string) {
  guardian_.disarm();
  co_return;
}

/// Of a later make than seeds that are kept: on a disk that is well nothing is drawn for it.
bool SimDisk::draws_nothing(const std::string& path) const {
  return path.ends_with("/branch") && !disk_.hung && disk_.slow == 0s && disk_.failures == 0;
}

Task<bool> SimDisk::access(Instant deadline) {
  auto& dice = process_.world().dice();
  if (disk_.hung) {
    co_await process_.sleep_until(deadline);
    co_return false;
  }
  const Instant done = process_.now() + dice.between(50us, 2ms) +
                       (disk_.slow > 0s ? dice.between(0s, disk_.slow) : 0s) + (starting_ ? start_.file : 0s);
  co_await process_.sleep_until(std::min(done, deadline));
  co_return done <= deadline && !disk_.hung && !(disk_.failures > 0 && dice.chance(disk_.failures));
}

Task<std::expected<std::optional<std::string>, std::string>> SimDisk::read(std::string path,
                                                                           Instant deadline) {
  using Content = std::expected<std::optional<std::string>, std::string>;
  // No file of the disk.
  if (path == "/proc/sys/kernel/random/boot_id") co_return Content(disk_.boot_id);
  // Of a later make than seeds that are kept: without it nothing is drawn.
  if ((path.ends_with("/promise.json") || path.ends_with("/branch")) && !disk_.files.contains(path))
    co_return Content(std::optional<std::string>());
  const bool ok = draws_nothing(path) || co_await access(deadline);
  if (!ok) co_return Content(std::unexpected("read of " + path + ": the disk does not answer"));
  auto found = disk_.files.find(path);
  if (found == disk_.files.end()) co_return Content(std::optional<std::string>());
  co_return Content(std::optional<std::string>(found->second));
}

Task<std::expected<void, std::string>> SimDisk::write(std::string path, std::string content, unsigned,
                                                      Instant deadline) {
  const bool ok = draws_nothing(path) || co_await access(deadline);
  // A write whose deadline passed may have been done all the same.
  if (ok || process_.world().dice().chance(0.5)) {
    disk_.files[path] = std::move(content);
    disk_.removed.erase(path);
  }
  if (!ok) co_return std::unexpected("write of " + path + ": the disk does not answer");
  co_return std::expected<void, std::string>();
}

Task<std::expected<void, std::string>> SimDisk::append(std::string path, std::string content, unsigned,
                                                       Instant deadline) {
  const bool ok = co_await access(deadline);
  if (!ok) co_return std::unexpected("append to " + path + ": the disk does not answer");
  disk_.files[path] += content;
  co_return std::expected<void, std::string>();
}

Task<std::expected<void, std::string>> SimDisk::remove(std::string path, Instant deadline) {
  const bool ok = co_await access(deadline);
  if (!ok) co_return std::unexpected("remove of " + path + ": the disk does not answer");
  if (auto found = disk_.files.find(path); found != disk_.files.end()) {
    disk_.removed[path] = {process_.world().now(), std::move(found->second)};
    disk_.files.erase(found);
  }
  co_return std::expected<void, std::string>();
}

std::string host_of(const std::string& url) {
  const auto begin = url.find("://");
  const auto from = begin == std::string::npos ? 0 : begin + 3;
  return url.substr(from, url.find_first_of(":/", from) - from);
}

namespace {
/// Answers that came in so far, and who waits for them.
template <class Reply>
struct Asked {
  std::weak_ptr<Process> process;
  std::uint64_t ticket = 0;
  std::size_t missing = 0;
  std::map<std::string, Reply> answers;
};
}  // namespace

/// Only the address is looked up first; the request travels before anything there is looked at.
template <class Reply>
Task<std::map<std::string, Reply>> SimPeers::ask_all(std::map<std::string, std::string> api_urls,
                                                     Reply silence, Request<Reply> request,
                                                     Instant deadline) {
  auto asked = std::make_shared<Asked<Reply>>();
  asked->process = process_.weak_from_this();
  asked->ticket = process_.ticket();
  asked->missing = api_urls.size();
  World& world = process_.world();
  for (const auto& [name, url] : api_urls) {
    asked->answers[name] = silence;
    PeerHost* there = directory_(url);
    if (there == nullptr) {
      --asked->missing;
      continue;
    }
    if (on_ask) on_ask(there->host());
    world.send(host_, there->host(), [&world, asked, name, there, request, here = host_] {
      if (asked->process.expired()) return;
      request(*there, [&world, asked, name, here, from = there->host()](Reply answer) {
        world.send(from, here, [asked, name, answer = std::move(answer)] {
          asked->answers[name] = answer;
          if (--asked->missing > 0) return;
          if (auto process = asked->process.lock()) process->wake(asked->ticket);
        });
      });
    });
  }
  if (asked->missing > 0) {
    co_await process_.wait(asked->ticket, deadline);
  }
  co_return asked->answers;
}

Task<std::map<std::string, ha::PeerAnswer>> SimPeers::ask(std::map<std::string, std::string> api_urls,
                                                          Instant deadline) {
  ha::PeerAnswer silence;
  silence.error = "no answer";
  Request<ha::PeerAnswer> request = [](PeerHost& there, std::function<void(ha::PeerAnswer)> reply) {
    there.serve(std::move(reply));
  };
  return ask_all(std::move(api_urls), std::move(silence), std::move(request), deadline);
}

Task<std::map<std::string, ha::FailsafeReply>> SimPeers::ask_promises(
    std::map<std::string, std::string> api_urls, ha::FailsafeQuestion question, Instant deadline) {
  ha::FailsafeReply silence{.accepted = false, .why = "no answer"};
  Request<ha::FailsafeReply> request = [question = std::move(question)](
                                           PeerHost& there, std::function<void(ha::FailsafeReply)> reply) {
    there.serve(question, std::move(reply));
  };
  return ask_all(std::move(api_urls), std::move(silence), std::move(request), deadline);
}

Task<bool> SimPeers::answers_as(std::string name, std::string api_url, Instant deadline) {
  std::map<std::string, std::string> one{{name, api_url}};
  auto answers = co_await ask(std::move(one), deadline);
  co_return answers[name].error.empty();
}

}  // namespace tanist::sim
