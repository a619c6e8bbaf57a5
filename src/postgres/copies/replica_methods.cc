#include "postgres/copies/replica_methods.h"

#include <algorithm>
#include <memory>

#include "config/yaml/secrets_in_text.h"
#include "log/log.h"
#include "postgres/copies/clone.h"
#include "postgres/copies/progress.h"
#include "postgres/copies/rewind.h"
#include "postgres/files/clone_place.h"
#include "postgres/local/context.h"
#include "postgres/local/directory.h"
#include "postgres/local/programs.h"
#include "postgres/local/secret_files.h"

TANIST_LOGGER("patroni.postgresql.bootstrap");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {

constexpr const char* kBasebackup = "basebackup";
constexpr int kTries = 2;
constexpr Duration kBetweenTries = 5s;
constexpr Duration kTellEach = 10s;

/// As the log shows it.
std::string shown_command(const std::vector<std::string>& argv) {
  std::string text;
  for (const auto& word : argv) {
    const bool plain = word.find_first_of(" \t\n\"") == std::string::npos;
    text += (text.empty() ? "" : " ") + (plain ? word : "\"" + word + "\"");
  }
  return config::without_passwords(std::move(text));
}

std::string explain(const std::string& said) {
  if (said.find("No space left on device") != std::string::npos) {
    return said + "\nHINT: the disk is full; make room in the data directory's file system";
  }
  if (said.find("password authentication failed") != std::string::npos) {
    return said + "\nHINT: check postgresql.authentication.replication";
  }
  if (said.find("no pg_hba.conf entry") != std::string::npos) {
    return said + "\nHINT: pg_hba.conf of the source must let the replication user in from this host";
  }
  return said;
}

/// A tablespace or WAL directory inside of the data directory could not move with it.
bool points_into(const std::vector<config::ToolOption>& options, const std::string& data_dir) {
  return std::ranges::any_of(options, [&](const config::ToolOption& option) {
    return option.value && option.value->find(data_dir + "/") != std::string::npos;
  });
}

/// Where else it writes: the new places of tablespaces, and of WAL.
std::vector<std::string> directories_outside(const std::vector<config::ToolOption>& options) {
  std::vector<std::string> found;
  for (const auto& option : options) {
    if (!option.value) continue;
    if (option.name == "waldir") found.push_back(*option.value);
    if (option.name != "tablespace-mapping") continue;
    // `old=new`, where a backslash takes the meaning from an equals sign.
    const std::string& mapping = *option.value;
    std::size_t equals = mapping.find('=');
    while (equals != std::string::npos && equals > 0 && mapping[equals - 1] == '\\')
      equals = mapping.find('=', equals + 1);
    if (equals == std::string::npos) continue;
    std::string to = mapping.substr(equals + 1);
    std::erase(to, '\\');
    found.push_back(std::move(to));
  }
  return found;
}

std::vector<std::string> method_arguments(const config::Settings& settings,
                                          const config::ReplicaMethod& method,
                                          const std::string& connstring) {
  const std::vector<std::pair<std::string, std::string>> ours{{"scope", settings.scope},
                                                              {"role", "replica"},
                                                              {"datadir", settings.postgresql.data_dir},
                                                              {"connstring", connstring}};
  std::vector<std::string> arguments;
  for (const auto& option : method.arguments) {
    const bool taken = std::ranges::any_of(ours, [&](const auto& one) { return one.first == option.name; });
    if (method.no_params || !taken) arguments.push_back(render_option(option));
  }
  if (method.no_params) return arguments;
  for (const auto& [name, value] : ours) arguments.push_back("--" + name + "=" + value);
  return arguments;
}

}  // namespace

ReplicaMethods::ReplicaMethods(Context& context, Programs& programs, Directory& directory,
                               ControlFile& control_file, Clone& clone)
    : context_(context),
      programs_(programs),
      directory_(directory),
      control_file_(control_file),
      clone_(clone) {}

Task<Result> ReplicaMethods::create(ReplicaRequest request, std::function<void(Progress)> progress,
                                    Instant deadline) {
  if (!context_.stopped()) co_return std::unexpected(Failure{"a replica is not created: PostgreSQL runs"});
  const Directory::Rebuilding rebuilding(directory_);
  context_.facts.control.reset();
  Result forgotten = co_await forget_rewind(context_, deadline);
  if (!forgotten) co_return forgotten;

  std::vector<std::string> methods = context_.pg().copying.create_replica_methods;
  if (request.basebackup_only || methods.empty()) methods = {kBasebackup};
  const std::map<std::string, config::ReplicaMethod> configured = context_.pg().copying.replica_methods;
  Result result = std::unexpected(Failure{"none of the replica creation methods works without a leader"});
  for (const std::string& name : methods) {
    const bool own = name == kBasebackup;
    const auto found = configured.find(name);
    const bool no_leader = !own && found != configured.end() && found->second.no_leader;
    if (!request.source && !no_leader) continue;
    auto making = own ? base_backup(request, progress, deadline) : custom_method(name, request, deadline);
    result = co_await std::move(making);
    if (result) {
      log::info("replica has been created using {}", name);
      break;
    }
    if (methods.size() > 1)
      log::error("Error creating replica using method {}: {}", name, result.error().detail);
  }
  if (result) {
    co_await welcome_clone(context_, directory_, control_file_, deadline);
  } else {
    co_await directory_.look(deadline);
  }
  co_return result;
}

Task<Result> ReplicaMethods::base_backup(ReplicaRequest request, std::function<void(Progress)> progress,
                                         Instant deadline) {
  Result result = std::unexpected(Failure{"no attempt was made"});
  for (int attempt = 0; attempt < kTries && !result; ++attempt) {
    if (attempt > 0) {
      log::warning("{}; trying once more", result.error().detail);
      co_await context_.clock.sleep_for(kBetweenTries);
    }
    ClonePlan plan;
    plan.in_place = points_into(context_.pg().tools.basebackup_options, context_.pg().data_dir);
    plan.why_replace = request.why_removal_allowed;
    plan.outside = directories_outside(context_.pg().tools.basebackup_options);
    Clone::Body copy = [this, source = *request.source, progress, deadline](ClonePlace place) {
      return run_basebackup(std::move(place), source, progress, deadline);
    };
    auto made = co_await clone_.make(std::move(plan), std::move(copy), deadline);
    if (!made) co_return std::unexpected(std::move(made.error()));
    result = std::move(*made);
  }
  co_return result;
}

Task<Result> ReplicaMethods::run_basebackup(ClonePlace place, Upstream source,
                                            std::function<void(Progress)> progress, Instant deadline) {
  auto parameters = source_parameters(*context_.settings, source, context_.pg().accounts.replication);
  parameters["application_name"] = context_.settings->name;
  const HeldSecrets held(context_, "clone", take_secrets(parameters, programs_.binary_version()));
  std::vector<std::string> argv{programs_.path("pg_basebackup"),
                                "--pgdata=" + place.path,
                                "-X",
                                "stream",
                                "--dbname=" + render_conninfo(parameters, programs_.binary_version()),
                                "--progress"};
  bool own_checkpoint = false;
  for (const auto& option : context_.pg().tools.basebackup_options) {
    own_checkpoint = own_checkpoint || option.name == "checkpoint";
    // Compression by the server came with version 15; an older tool would refuse to begin.
    if (option.name == "compress" && programs_.binary_version() < 150000) {
      log::error("compress option for basebackup is not allowed: {} is older than version 15", argv[0]);
      continue;
    }
    if (option.name != "progress") argv.push_back(render_option(option));
  }
  // A checkpoint spread over minutes is waited for before the first byte is copied.
  if (!own_checkpoint) argv.push_back("--checkpoint=fast");
  log::info("running {}", shown_command(argv));
  auto environment = programs_.tool_environment();
  held.name_in(environment);
  auto told = report(fmt::format("basebackup from {}", source.member), std::move(progress));
  auto running = programs_.run(std::move(argv), std::move(environment), deadline,
                               [told = std::move(told)](std::string_view line) {
                                 if (const auto seen = parse_progress(line)) told(*seen);
                               });
  auto ran = co_await held.during(std::move(running), deadline);
  if (!ran) co_return std::unexpected(Failure{"pg_basebackup: " + ran.error()});
  const auto& finished = *ran;
  if (finished && finished->success()) co_return Result();
  co_return std::unexpected(
      Failure{explain(fmt::format("pg_basebackup from {} ({}:{}) failed: {}", source.member, source.host,
                                  source.port, finished ? finished->describe() : finished.error()))});
}

Task<Result> ReplicaMethods::custom_method(std::string name, ReplicaRequest request, Instant deadline) {
  config::ReplicaMethod method;
  method.command = name;
  if (const auto found = context_.pg().copying.replica_methods.find(name);
      found != context_.pg().copying.replica_methods.end())
    method = found->second;
  ClonePlan plan;
  plan.in_place = true;
  plan.keep_data = method.keep_data;
  plan.why_replace = request.why_removal_allowed;
  Clone::Body run = [this, name, method, source = request.source, deadline](const ClonePlace&) {
    return run_custom_method(name, method, source, deadline);
  };
  auto made = co_await clone_.make(std::move(plan), std::move(run), deadline);
  if (!made) co_return std::unexpected(std::move(made.error()));
  Result result = std::move(*made);
  if (!result) co_return std::unexpected(Failure{name + ": " + result.error().detail});
  co_return result;
}

Task<Result> ReplicaMethods::run_custom_method(std::string name, config::ReplicaMethod method,
                                               std::optional<Upstream> source, Instant deadline) {
  std::string connstring;
  SecretFiles secrets;
  auto environment = programs_.script_environment();
  if (source) {
    auto parameters = source_parameters(*context_.settings, *source, context_.pg().accounts.replication);
    secrets = take_secrets(parameters, programs_.binary_version());
    connstring = render_conninfo(parameters, programs_.binary_version());
  }
  const HeldSecrets held(context_, "clone", std::move(secrets));
  held.name_in(environment);
  auto arguments = method_arguments(*context_.settings, method, connstring);
  auto running =
      programs_.run_long_script(name, method.command, std::move(arguments), std::move(environment), deadline);
  auto ran = co_await held.during(std::move(running), deadline);
  if (!ran) co_return std::unexpected(Failure{ran.error()});
  Result done = std::move(*ran);
  co_return done;
}

std::function<void(Progress)> ReplicaMethods::report(std::string what,
                                                     std::function<void(Progress)> progress) {
  struct Told {
    ProgressMeter meter;
    Instant next{};
  };
  auto told = std::make_shared<Told>();
  return [this, told, what = std::move(what), progress = std::move(progress)](Progress seen) {
    const Instant now = context_.clock.now();
    seen = told->meter.note(now, seen);
    if (progress) progress(seen);
    context_.changed(ServerEvent::progress);
    if (told->next == Instant{}) told->next = now + kTellEach;
    if (now < told->next) return;
    told->next = now + kTellEach;
    log::info("{}: {}", what, describe(seen));
  };
}

}  // namespace tanist::postgres
