#include "ctl/commands/standby_cluster.h"

#include <ostream>

#include "core/format.h"
#include "ctl/listening.h"
#include "ctl/members.h"
#include "ctl/schedule.h"

namespace tanist::ctl {

namespace {

using namespace std::chrono_literals;

constexpr int kPostgresqlPort = 5432;
/// The member reads the store and writes to it before it answers.
constexpr Duration kChangePatience = 30s;

/// As Python shows a text, or none.
std::string python_word(const std::string& text) {
  return text.empty() ? "None" : text;
}

class ChangeOfSides {
 public:
  ChangeOfSides(const StandbyClusterCommand& command, ClusterStore& store, MemberApi& api,
                const Terminal& terminal)
      : command_(command), store_(store), api_(api), terminal_(terminal) {}

  Ending run() {
    if (command_.demote && !command_.host && !command_.port && !command_.restore_command)
      throw Failure("At least --host, --port or --restore-command should be specified");
    const auto cluster = store_.read(command_.cluster);
    leader_ = cluster->leader_name();
    const dcs::Member* leader = cluster->leader_member();
    if (leader_.empty() || leader == nullptr)
      throw Failure(fmt::format("Cluster has no leader, {} is not possible", noun()));
    if (leader->role == target()) throw Failure("Cluster is already in the required state");
    refuse_itself(*cluster);
    say("Current cluster topology");
    show_members(terminal_, *cluster, command_.cluster);
    if (!command_.force &&
        !confirm(terminal_, fmt::format("Are you sure you want to {} {} cluster?", verb(), command_.cluster)))
      throw Failure(fmt::format("Aborted cluster {}", noun()));
    change(*leader);
    return wait_for_it(*cluster);
  }

 private:
  const char* verb() const { return command_.demote ? "demote" : "promote"; }
  const char* noun() const { return command_.demote ? "demotion" : "promotion"; }
  const char* target() const { return command_.demote ? "standby_leader" : "primary"; }

  void say(const std::string& line) { terminal_.out << line << '\n' << std::flush; }
  void say_now(const std::string& line) { say(local_timestamp(terminal_.wall_now()) + " " + line); }

  /// Members would tell so, and do nothing.
  void refuse_itself(const dcs::Cluster& cluster) const {
    if (!command_.demote || !command_.host) return;
    const auto port = command_.port.value_or(kPostgresqlPort);
    if (const dcs::Member* own = cluster.member_at(*command_.host, port))
      throw Failure(fmt::format("{}:{} is {}, a member of cluster {} itself", own->host_port()->first, port,
                                own->name, command_.cluster));
  }

  Document section() const {
    if (!command_.demote) return {};
    Document out = Document::map();
    if (command_.host) out.set("host", *command_.host);
    if (command_.port) out.set("port", *command_.port);
    if (command_.primary_slot_name) out.set("primary_slot_name", *command_.primary_slot_name);
    if (command_.restore_command) out.set("restore_command", *command_.restore_command);
    return out;
  }

  void change(const dcs::Member& leader) {
    const MemberCall call{.method = "PATCH",
                          .endpoint = "config",
                          .body = Document::map({{"standby_cluster", section()}}),
                          .patience = kChangePatience};
    const std::string failed = fmt::format("Failed to {} {} cluster: ", verb(), command_.cluster);
    Members members(api_, command_.cluster);
    const auto answer = members.ask(leader, call);
    if (!answer) throw Failure(failed + answer.error().why);
    if (answer->status == 200) return;
    hint_at_refusal(terminal_, answer->status);
    // Scripts know it with these words twice.
    throw Failure(
        fmt::format("{0}{0}/config PATCH status code={1}, ({2})", failed, answer->status, answer->body));
  }

  Ending wait_for_it(const dcs::Cluster& before) {
    const Instant begin = terminal_.now();
    Changes changes(&api_, terminal_);
    changes.seen(command_.cluster, before);
    for (;;) {
      const auto seen = store_.read(command_.cluster);
      const dcs::Member* leader = seen->leader_member();
      const dcs::Member* old = seen->member(leader_);
      const bool led = leader != nullptr && leader->role == target() && leader->state == "running";
      const bool moved = command_.demote && seen->leader_name() != leader_;
      const std::string old_state = old == nullptr ? std::string() : old->state;
      if (led && (!moved || old_state == "running")) {
        say_now(fmt::format("cluster is successfully {}d", verb()));
        show_members(terminal_, *seen, command_.cluster);
        return Ending::done;
      }
      say_now(fmt::format("cluster is unlocked: {}, leader role: {}, leader state: {}{}",
                          seen->unlocked() ? "True" : "False", python_word(leader ? leader->role : ""),
                          python_word(leader ? leader->state : ""),
                          moved ? fmt::format(", previous leader state: '{}'", python_word(old_state)) : ""));
      const bool late = command_.timeout && terminal_.now() - begin >= *command_.timeout;
      if (late || !changes.wait(terminal_.now() + 1s)) break;
    }
    warn(terminal_, fmt::format("the {} of the cluster goes on: the configuration says so", noun()));
    return Ending::unknown;
  }

  const StandbyClusterCommand& command_;
  ClusterStore& store_;
  MemberApi& api_;
  const Terminal& terminal_;
  std::string leader_;
};

}  // namespace

Ending run_standby_cluster(const StandbyClusterCommand& command, ClusterStore& store, MemberApi& api,
                           const Terminal& terminal) {
  return ChangeOfSides(command, store, api, terminal).run();
}

namespace {

constexpr cli::Option kRemoteHost{.names = "--host",
                                  .help = "Address of the other cluster; several with commas: its primary",
                                  .value = "HOST"};
constexpr cli::Option kRemotePort{.names = "--port",
                                  .help = "Port of the other cluster",
                                  .value = "PORT",
                                  .type = cli::Type::number,
                                  .least = 1,
                                  .most = 65535};
constexpr cli::Option kRemoteRestore{.names = "--restore-command",
                                     .help = "How WAL is had from the archive of the other cluster",
                                     .value = "COMMAND"};
constexpr cli::Option kRemoteSlot{.names = "--primary-slot-name",
                                  .help = "The slot on the other side that is streamed through",
                                  .value = "SLOT"};
constexpr cli::Option kEndPatience{.names = "--timeout",
                                   .help = "How long the end is waited for (default: as long as it takes)",
                                   .value = "SECONDS",
                                   .type = cli::Type::number,
                                   .least = 1,
                                   .most = 86400};

Ending call_change(const Call& call, bool demote) {
  StandbyClusterCommand command{.cluster = call.cluster(),
                                .demote = demote,
                                .host = demote ? call.given.text(kRemoteHost) : std::nullopt,
                                .port = std::nullopt,
                                .restore_command = demote ? call.given.text(kRemoteRestore) : std::nullopt,
                                .primary_slot_name = demote ? call.given.text(kRemoteSlot) : std::nullopt,
                                .force = call.given.has(kForce),
                                .timeout = std::nullopt};
  if (const auto port = demote ? call.given.number(kRemotePort) : std::nullopt)
    command.port = static_cast<std::int64_t>(*port);
  if (const auto seconds = call.given.number(kEndPatience)) command.timeout = from_seconds(*seconds);
  const auto store = call.around.open_store(call.settings);
  const auto api = call.around.open_member_api(call.settings);
  return run_standby_cluster(command, *store, *api, call.around.terminal);
}

}  // namespace

Command demote_cluster_command() {
  return {.line = {.name = "demote-cluster",
                   .help = "Have a cluster follow another one: its primary becomes a standby leader",
                   .arguments = {kCluster},
                   .options = {kRemoteHost, kRemotePort, kRemoteRestore, kRemoteSlot, kEndPatience, kForce},
                   .footer = "The primary is stopped in order and goes on as a standby of the other cluster. "
                             "Promote that one\n"
                             "(promote-cluster there) once it has received everything.\n\n"
                             "Example:\n"
                             "  demote-cluster shop --host 10.2.0.11,10.2.0.12 --port 5432"},
          .run = [](const Call& call) { return call_change(call, true); }};
}

Command promote_cluster_command() {
  return {.line = {.name = "promote-cluster",
                   .help = "Have a cluster follow nobody any more: its standby leader becomes the primary",
                   .arguments = {kCluster},
                   .options = {kEndPatience, kForce},
                   .footer =
                       "The cluster that it followed is not asked: demote that one first, or be sure that it "
                       "is gone."},
          .run = [](const Call& call) { return call_change(call, false); }};
}

}  // namespace tanist::ctl
