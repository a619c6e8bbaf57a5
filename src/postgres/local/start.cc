#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "log/log.h"
#include "postgres/files/lock_files.h"
#include "postgres/files/pid_file.h"
#include "postgres/local/local_server.h"
#include "postgres/parameters/config_files.h"
#include "process/umask.h"

TANIST_LOGGER("patroni.postgresql");

/// From settings to files to a running postmaster.
namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {

constexpr Duration kDescribeBudget = 10s;

/// One file as it must be.
struct File {
  std::string path;
  std::string content;
  unsigned mode = 0600;
};

std::expected<bool, std::string> write_if_different(const File& file) {
  const auto before = blocking::read_file(file.path);
  if (before && *before && **before == file.content) {
    // libpq ignores a password file that others may read.
    struct stat seen{};
    const bool secret =
        file.mode == 0600 && ::stat(file.path.c_str(), &seen) == 0 && (seen.st_mode & 077) != 0;
    if (secret) ::chmod(file.path.c_str(), file.mode);
    return false;
  }
  if (auto written = blocking::write_file(file.path, file.content, file.mode); !written) {
    return std::unexpected(written.error());
  }
  return true;
}

/// The file that came with initdb is kept beside ours and included by it.
std::expected<void, std::string> keep_base_file(const std::string& main, const std::string& base) {
  if (::access(base.c_str(), F_OK) == 0) return {};
  const auto content = blocking::read_file(main);
  if (!content) return std::unexpected(content.error());
  // A file of ours (its base was not copied) would include itself.
  if (!*content || is_generated(**content)) return blocking::write_file(base, "", 0600);
  if (::rename(main.c_str(), base.c_str()) != 0) {
    return std::unexpected(
        fmt::format("could not rename \"{}\" to \"{}\": {}", main, base, std::strerror(errno)));
  }
  return {};
}

std::expected<void, std::string> touch(const std::string& path, unsigned mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, mode);
  if (fd < 0) return std::unexpected(fmt::format("could not create \"{}\": {}", path, std::strerror(errno)));
  ::fsync(fd);
  ::close(fd);
  return blocking::sync_directory(path.substr(0, path.rfind('/')));
}

struct ConfigurationJob {
  /// Empty: custom_conf is included.
  std::string base_file;
  std::vector<File> files;
  /// Empty: left alone.
  std::string auto_conf;
  unsigned auto_conf_mode = 0600;
};

std::expected<bool, std::string> write_configuration(const ConfigurationJob& job) {
  bool changed = false;
  if (!job.base_file.empty()) {
    if (auto kept = keep_base_file(job.files.front().path, job.base_file); !kept)
      return std::unexpected(kept.error());
  }
  for (const auto& file : job.files) {
    auto written = write_if_different(file);
    if (!written) return written;
    changed = changed || *written;
  }
  if (!job.auto_conf.empty()) {
    const auto content = blocking::read_file(job.auto_conf);
    if (!content) return std::unexpected(content.error());
    const auto kept = *content ? without_recovery_parameters(**content) : std::nullopt;
    if (kept) {
      if (auto written = blocking::write_file(job.auto_conf, *kept, job.auto_conf_mode); !written) {
        return std::unexpected(written.error());
      }
      changed = true;
    }
  }
  return changed;
}

}  // namespace

/// Asks the binary for names that only it can judge; once for each binary, and only when there are such
/// names.
Task<void> LocalServer::load_known_parameters(Instant deadline) {
  const std::string which = programs_.path("postgres") + " " + programs_.binary_text();
  const int version = programs_.exact_version();
  if (others_of_ == which && other_parameters_) co_return;
  if (!needs_description(effective_parameters(*context_.settings, version), version)) co_return;
  std::vector<std::string> argv{programs_.path("postgres"), "--describe-config"};
  auto finished = co_await programs_.ask(std::move(argv), std::min(deadline, clock_.now() + kDescribeBudget));
  if (!finished || !finished->success()) {
    log::warning(
        "could not ask {} which parameters it knows, others than the well-known ones are left out: {}",
        programs_.path("postgres"), finished ? finished->describe() : finished.error());
    co_return;
  }
  other_parameters_ = parse_describe_config(finished->out, version);
  others_of_ = which;
}

Parameters LocalServer::valid_parameters() {
  const int version = programs_.target_version();
  Parameters parameters = effective_parameters(*context_.settings, version);
  // A binary that could not be asked: a server that runs has shown that it knows what it was given. Of the
  // other names none is worth a server that does not start.
  OtherParameters running;
  if (facts_.running()) {
    for (const auto& [name, value] : written_parameters_) running.insert(name);
  }
  const OtherParameters* others = other_parameters_ ? &*other_parameters_ : &running;
  for (const auto& warning : remove_invalid(parameters, others, programs_.exact_version()))
    log::warning("{}", warning);
  return parameters;
}

Task<std::expected<LocalServer::FilesWritten, std::string>> LocalServer::write_files(Parameters parameters,
                                                                                     Instant deadline) {
  const int version = programs_.target_version();
  MainConfiguration main = main_configuration(
      context_.pg(), parameters, recovery_active_ ? recovery_.parameters : Parameters(), version);
  const bool own_hba = !main.hba_file.empty();
  const bool own_ident = !main.ident_file.empty();
  const std::string hba_file = own_file(context_.pg(), "hba_file");
  const std::string ident_file = own_file(context_.pg(), "ident_file");

  ConfigurationJob job;
  if (context_.pg().custom_conf.empty()) job.base_file = config_directory(context_.pg()) + "/" + main.include;
  job.files.push_back({main_file(context_.pg()), render_main_configuration(main),
                       directory_.file_mode(main_file(context_.pg()))});
  if (own_hba && custom_bootstrapping_) {
    job.files.push_back({hba_file, render_lines(trust_hba_), directory_.file_mode(hba_file)});
  } else if (own_hba && !context_.pg().pg_hba.empty())
    job.files.push_back({hba_file, render_lines(context_.pg().pg_hba), directory_.file_mode(hba_file)});
  if (own_ident && !context_.pg().pg_ident.empty()) {
    job.files.push_back({ident_file, render_lines(context_.pg().pg_ident), directory_.file_mode(ident_file)});
  }
  if (version >= 120000 && !keeps_recovery_conf())
    job.auto_conf = context_.pg().data_dir + "/postgresql.auto.conf";
  job.auto_conf_mode = directory_.file_mode(job.auto_conf);

  const Role role = role_;
  using Outcome = std::expected<bool, std::string>;
  auto op = context_.disk.call<Outcome>(
      "write the configuration of PostgreSQL", [job = std::move(job)] { return write_configuration(job); },
      deadline);
  std::expected<Outcome, std::string> written = co_await std::move(op);
  if (!written) co_return std::unexpected(std::move(written.error()));
  if (!*written) co_return std::unexpected(std::move(written->error()));
  written_parameters_ = std::move(parameters);
  facts_.settings_role = role;
  co_return FilesWritten{**written};
}

/// Signal files, recovery.conf of old servers, and the password file.
Task<Result> LocalServer::write_recovery_files(bool as_standby, Instant deadline) {
  const std::string data_dir = context_.pg().data_dir;
  const int version = programs_.target_version();
  std::vector<std::string> remove{data_dir + "/recovery.signal"};
  std::string create;
  std::vector<File> files;
  if (version >= 120000) {
    remove.push_back(data_dir + "/recovery.conf");
    if (as_standby) create = data_dir + "/standby.signal";
  } else if (as_standby) {
    files.push_back({data_dir + "/recovery.conf", render_recovery_conf(recovery_.parameters),
                     directory_.file_mode(data_dir + "/recovery.conf")});
  }
  if (create.empty()) remove.push_back(data_dir + "/standby.signal");
  if (!as_standby) remove.push_back(data_dir + "/recovery.conf");
  if (as_standby && !recovery_.pgpass.empty())
    files.push_back({context_.pg().pgpass, recovery_.pgpass, 0600});
  const unsigned mode = directory_.file_mode(create);
  auto op = context_.on_disk(
      "write recovery files",
      [remove = std::move(remove), create, files = std::move(files),
       mode]() -> std::expected<void, std::string> {
        for (const auto& path : remove) {
          if (auto removed = blocking::remove_file(path); !removed) return removed;
        }
        for (const auto& file : files) {
          if (auto written = write_if_different(file); !written) return std::unexpected(written.error());
        }
        return create.empty() ? std::expected<void, std::string>() : touch(create, mode);
      },
      deadline);
  Result written = co_await std::move(op);
  if (written && as_standby && !recovery_.pgpass.empty()) running_recovery_.pgpass = recovery_.pgpass;
  co_return written;
}

void LocalServer::set_recovery(const std::optional<Upstream>& upstream) {
  recovery_ = wanted_recovery(*context_.settings, upstream, programs_.target_version());
  for (const auto& warning : recovery_.warnings) log::warning("{}", warning);
  recovery_active_ = true;
}

Task<Result> LocalServer::start(StartRequest request, Instant deadline) {
  const auto refused = [](std::string why) {
    return std::unexpected(Failure{"could not start PostgreSQL: " + why});
  };
  co_await directory_.look(deadline);
  if (facts_.running()) {
    log::info("PostgreSQL is already running as process {}", facts_.postmaster_pid);
    co_return Result();
  }
  if (facts_.process == Process::orphans || postmaster_.anybody_works_there()) {
    co_return refused(fmt::format("other processes work in data directory \"{}\"", context_.pg().data_dir));
  }
  if (directory_.unfinished_clone())
    co_return refused(
        fmt::format("a clone into data directory \"{}\" is not finished", context_.pg().data_dir));
  if (facts_.data_directory != DataDirectory::ok) {
    co_return refused(facts_.data_directory == DataDirectory::empty
                          ? fmt::format("data directory \"{}\" is empty", context_.pg().data_dir)
                          : facts_.data_directory_error);
  }
  if (!directory_.seen().permission_error.empty()) co_return refused(directory_.seen().permission_error);
  if (facts_.half_rewound) {
    co_return refused(
        fmt::format("pg_rewind did not finish in data directory \"{}\"\nHINT: it is tried again while there "
                    "is a primary; "
                    "to clone instead, remove the directory and {}",
                    context_.pg().data_dir, half_rewound_path()));
  }
  Result checked = co_await programs_.check(deadline);
  if (!checked) co_return checked;
  take_settings(configured_, request.role);
  auto preparing = context_.on_disk(
      "prepare directories",
      [settings = context_.settings, mark = clone_marker(),
       now = clock_.wall_now()]() -> std::expected<void, std::string> {
        const std::string& data_dir = settings->postgresql.data_dir;
        if (marks_unfinished_clone(data_dir, mark)) {
          return std::unexpected(fmt::format(
              "\"{}\" says that a clone into data directory \"{}\" was not finished\nHINT: remove \"{}\" if "
              "what is in the directory is whole",
              mark, data_dir, mark));
        }
        // Of a promotion that was given up.
        if (auto removed = blocking::remove_file(promote_trigger(data_dir)); !removed) return removed;
        for (const auto& path : remove_empty_lock_files(settings->postgresql, now)) {
          log::warning("removed \"{}\": a server that was killed while it started left it empty", path);
        }
        return prepare_directories(*settings, data_dir, false);
      },
      deadline);
  Result prepared = co_await std::move(preparing);
  if (!prepared) co_return prepared;
  co_await load_known_parameters(deadline);

  Parameters parameters = valid_parameters();
  raised_.clear();
  facts_.pending_restart.clear();
  if ((request.as_standby || request.custom_bootstrap) && !facts_.control) {
    co_await control_file_.read(deadline);
  }
  if (request.custom_bootstrap) {
    parameters = co_await first_start_parameters(std::move(parameters), deadline);
  } else if (request.as_standby) {
    if (facts_.control) raised_ = raise_to_required(parameters, facts_.control->required_settings);
    for (const auto& [name, configured] : raised_) {
      facts_.pending_restart[name] = {parameters.at(name), configured};
    }
    set_recovery(request.upstream);
  } else {
    recovery_active_ = false;
    recovery_ = {};
  }
  auto recovering = request.custom_bootstrap ? write_first_recovery_files(deadline)
                                             : write_recovery_files(request.as_standby, deadline);
  Result recovery_written = co_await std::move(recovering);
  if (!recovery_written) co_return recovery_written;
  std::vector<std::string> argv{programs_.path("postgres"), "-D", context_.pg().data_dir,
                                "--config-file=" + main_file(context_.pg())};
  for (auto& option : command_line_options(parameters)) argv.push_back(std::move(option));
  auto written = co_await write_files(std::move(parameters), deadline);
  if (!written) co_return std::unexpected(Failure{written.error()});

  auto environment =
      process::without(process::environment(), {"PATRONI_", "TANIST_", "KUBERNETES_", "NOTIFY_SOCKET"});
  if (!context_.pg().krbsrvname.empty()) environment["PGKRBSRVNAME"] = context_.pg().krbsrvname;
  if (auto arenas = environment.extract("PG_MALLOC_ARENA_MAX"))
    environment["MALLOC_ARENA_MAX"] = arenas.mapped();
  // PostgreSQL would take a zombie, or another process with the number of its last postmaster, for a running
  // one.
  if (directory_.seen().postmaster_pid) {
    const auto stale = parse_pid_file(*directory_.seen().postmaster_pid);
    if (stale) environment["PG_GRANDPARENT_PID"] = std::to_string(std::labs(stale->pid));
  }
  facts_.control.reset();
  facts_.standby_signal = request.as_standby;
  running_recovery_.parameters = recovery_.parameters;
  running_recovery_.known = true;
  // Not in a coroutine of its own: the answer counts only while nothing is waited for.
  if (request.allowed && !request.allowed()) co_return refused("not starting as primary without the lease");
  co_return postmaster_.launch(std::move(argv), std::move(environment));
}

}  // namespace tanist::postgres
