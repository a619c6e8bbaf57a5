#include "contract/etcd_process.h"
#include "json/parse.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <thread>

#include "core/document.h"
#include "core/format.h"
#include "dcs/etcd3/messages.h"
#include "net/http.h"

extern char** environ;

namespace tanist::contract {

namespace {

pid_t spawn(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  pid_t pid = -1;
  const int rc = ::posix_spawnp(&pid, arguments[0], &files, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (rc != 0) throw std::runtime_error("cannot run " + command[0]);
  return pid;
}

/// A blocking exchange with a local server that closes the connection after it.
std::string exchange(int port, const std::string& request, int timeout_s) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  timeval timeout{timeout_s, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string out;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) {
    (void)!::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    char buffer[8192];
    for (ssize_t n; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;)
      out.append(buffer, static_cast<std::size_t>(n));
  }
  ::close(fd);
  const auto body = out.find("\r\n\r\n");
  return body == std::string::npos ? std::string() : out.substr(body + 4);
}

}  // namespace

int free_port() {
  // Below the range that the system takes for outgoing connections, which could take it before the server
  // does.
  static std::mt19937 dice(std::random_device{}());
  for (;;) {
    const int port = std::uniform_int_distribution(20000, 31999)(dice);
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<std::uint16_t>(port));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool free = ::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
    ::close(fd);
    if (free) return port;
  }
}

TemporaryDirectory::TemporaryDirectory() {
  char path[] = "/tmp/tanist-contract-XXXXXX";
  if (::mkdtemp(path) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = path;
}
TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

int run_program(const std::vector<std::string>& command, std::string* output) {
  TemporaryDirectory directory;
  const std::string log = directory.path() + "/log";
  const pid_t pid = spawn(command, log);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (output != nullptr) {
    const int fd = ::open(log.c_str(), O_RDONLY | O_CLOEXEC);
    char buffer[4096];
    for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;)
      output->append(buffer, static_cast<std::size_t>(n));
    ::close(fd);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

EtcdProcess::EtcdProcess(Options options) : options_(std::move(options)) {
  if (options_.client_port == 0) options_.client_port = free_port();
  if (options_.peer_port == 0) options_.peer_port = free_port();
  if (options_.advertised_port == 0) options_.advertised_port = options_.client_port;
}

EtcdProcess::~EtcdProcess() {
  kill();
}

std::string EtcdProcess::peer_url() const {
  return fmt::format("http://127.0.0.1:{}", options_.peer_port);
}

std::string EtcdProcess::initial_cluster() const {
  return options_.cluster.empty() ? options_.name + "=" + peer_url() : options_.cluster;
}

bool EtcdProcess::restore_itself() {
  const std::string snapshot = directory_.path() + "/snapshot";
  const std::string data = directory_.path() + "/data";
  const std::string endpoint = fmt::format("--endpoints=http://127.0.0.1:{}", port());
  if (run_program({"/usr/bin/etcdctl", endpoint, "snapshot", "save", snapshot}) != 0) return false;
  kill();
  std::error_code ignored;
  std::filesystem::remove_all(data, ignored);
  if (run_program({"/usr/bin/etcdctl", "snapshot", "restore", snapshot, "--name=" + options_.name,
                   "--data-dir=" + data, "--initial-cluster=" + initial_cluster(),
                   "--initial-advertise-peer-urls=" + peer_url()}) != 0)
    return false;
  start();
  return wait_healthy();
}

void EtcdProcess::start() {
  const bool tls = !options_.cert_file.empty();
  const std::string scheme = tls ? "https" : "http";
  const auto url = [&](int port) { return fmt::format("{}://127.0.0.1:{}", scheme, port); };
  const std::string peer = peer_url();
  // Short elections allow short leases: their minimum is 1.5 election time-outs.
  std::vector<std::string> command{"/usr/bin/etcd",
                                   "--name=" + options_.name,
                                   "--data-dir=" + directory_.path() + "/data",
                                   "--listen-client-urls=" + url(options_.client_port),
                                   "--advertise-client-urls=" + url(options_.advertised_port),
                                   "--listen-peer-urls=" + peer,
                                   "--initial-advertise-peer-urls=" + peer,
                                   "--initial-cluster=" + initial_cluster(),
                                   "--heartbeat-interval=50",
                                   "--election-timeout=500",
                                   "--logger=zap",
                                   "--log-level=warn"};
  if (tls) {
    command.push_back("--cert-file=" + options_.cert_file);
    command.push_back("--key-file=" + options_.key_file);
    command.push_back("--trusted-ca-file=" + options_.client_ca_file);
    command.push_back("--client-cert-auth");
  }
  command.insert(command.end(), options_.more.begin(), options_.more.end());
  pid_ = spawn(command, directory_.path() + "/log");
}

void EtcdProcess::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void EtcdProcess::signal(int number) {
  ::kill(pid_, number);
}

bool EtcdProcess::wait_healthy() const {
  for (int i = 0; i < 400; ++i) {
    const auto answer = post("/v3/kv/range", R"({"key":"YQ=="})", 1);
    if (answer.find("\"header\"") != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

std::string EtcdProcess::post(const std::string& path, const std::string& body, int timeout_s) const {
  return exchange(
      options_.client_port,
      fmt::format("POST {} HTTP/1.0\r\nHost: x\r\nContent-Length: {}\r\n\r\n{}", path, body.size(), body),
      timeout_s);
}

void EtcdProcess::put(const std::string& key, const std::string& value) const {
  post("/v3/kv/txn", dcs::etcd3::txn_body({}, {dcs::etcd3::put(key, value)}, {}));
}

void EtcdProcess::erase(const std::string& key) const {
  post("/v3/kv/txn", dcs::etcd3::txn_body({}, {dcs::etcd3::erase(key)}, {}));
}

std::string EtcdProcess::get(const std::string& key, bool* present) const {
  *present = false;
  for (int i = 0; i < 50; ++i) {
    const auto answer =
        parse_json(post("/v3/kv/txn", dcs::etcd3::txn_body({}, {dcs::etcd3::range(key)}, {})));
    if (answer && !dcs::etcd3::read_error(*answer)) {
      const auto txn = dcs::etcd3::read_txn(*answer, 1, 0);
      if (!txn || !txn->found[0]) return {};
      *present = true;
      return txn->found[0]->kv.value;
    }
    // An election is under way.
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  throw std::runtime_error("etcd gives no answer about " + key);
}

}  // namespace tanist::contract
