#include "setup/host_checks.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "async/clock.h"
#include "config/addresses.h"
#include "config/tls_options.h"
#include "core/format.h"
#include "net/certificate.h"
#include "net/http.h"
#include "postgres/files/lock_files.h"
#include "postgres/parameters/hba.h"
#include "process/command_line.h"

namespace tanist::setup {
namespace {

namespace fs = std::filesystem;

constexpr int kOldestVersion = 90300;
/// Time enough to renew a certificate.
constexpr auto kSoon = std::chrono::days(14);

class HostCheck {
 public:
  HostCheck(const config::Settings& settings, Inspection& in) : settings_(settings), in_(in) {}

  HostFindings run() {
    tls();
    directories();
    files();
    programs();
    commands();
    return std::move(out_);
  }

 private:
  Finding finding(std::string path, const std::string& value, std::string_view why,
                  std::string hint = {}) const {
    std::string visible = shown(Document(value), path);
    return {.path = std::move(path),
            .value = std::move(visible),
            .message = fmt::format("didn't pass validation: {}", why),
            .hint = std::move(hint)};
  }
  void error(std::string path, const std::string& value, std::string_view why, std::string hint = {}) {
    out_.errors.push_back(finding(std::move(path), value, why, std::move(hint)));
  }
  void warn(std::string path, const std::string& value, std::string_view why, std::string hint = {}) {
    out_.warnings.push_back(finding(std::move(path), value, why, std::move(hint)));
  }

  /// Loads the files as the daemon will: a key that belongs to another certificate does not load either.
  void tls() {
    const auto& api = settings_.restapi;
    if (!api.tls.cert_file.empty()) {
      net::TlsOptions options = config::tls_options(api.tls);
      options.ciphers = api.ciphers;
      if (const auto loaded = net::load_server_tls(options, net::ClientCertificates::ignored); !loaded) {
        error("restapi.certfile", api.tls.cert_file, loaded.error());
      } else {
        validity("restapi.certfile", api.tls.cert_file);
      }
    } else if (!api.tls.key_file.empty()) {
      warn("restapi.keyfile", api.tls.key_file, "has no effect without certfile");
    }
    if (api.tls.cert_file.empty() && api.verify_client != config::RestApi::VerifyClient::none)
      warn("restapi.verify_client", "", "has no effect without certfile: there is no TLS");
    if (!api.tls.cert_file.empty() && api.tls.ca_file.empty() &&
        api.verify_client != config::RestApi::VerifyClient::none)
      warn("restapi.verify_client", "", "no client certificate can be trusted without cafile");
    client_tls("ctl", "cacert", "certfile", settings_.ctl.tls);
    if (const config::TlsFiles* files = config::tls_files(settings_.store))
      client_tls(std::string(config::store_of(settings_.store)->section), "cacert", "cert", *files);
  }

  /// A certificate that has ended loads, and then nobody talks to it.
  void validity(const std::string& path, const std::string& file) {
    if (file.empty()) return;
    const auto end = net::certificate_end(file);
    if (!end) return;  // loading it has said so
    const WallTime now = SystemClock().wall_now();
    if (*end <= now) {
      error(path, file, fmt::format("the certificate expired at {}", iso8601(*end)));
    } else if (*end - now < kSoon) {
      warn(path, file, fmt::format("the certificate expires at {}", iso8601(*end)));
    }
  }

  void client_tls(const std::string& section, const std::string& ca, const std::string& certificate,
                  const config::TlsFiles& files) {
    if (files.ca_file.empty() && files.cert_file.empty()) return;
    const auto loaded = net::load_client_tls(config::tls_options(files));
    if (loaded) return validity(section + "." + certificate, files.cert_file);
    const bool names_ca = !files.ca_file.empty() && loaded.error().find(files.ca_file) != std::string::npos;
    error(section + "." + (names_ca ? ca : certificate), names_ca ? files.ca_file : files.cert_file,
          loaded.error());
  }

  /// A directory that is there, or can be made below the nearest one that is.
  void usable_directory(const std::string& path, const std::string& directory) {
    std::error_code ec;
    fs::path at(directory);
    if (!at.is_absolute()) warn(path, directory, "is relative: it depends on where the daemon is started");
    at = fs::absolute(at, ec);
    while (!fs::exists(at, ec) && at.has_relative_path()) at = at.parent_path();
    if (!fs::is_directory(at, ec)) {
      error(path, directory, fmt::format("{} is not a directory", at.string()));
    } else if (::access(at.c_str(), W_OK | X_OK) != 0) {
      error(path, directory, fmt::format("{} cannot be written to by user id {}", at.string(), ::geteuid()),
            "run the validation as the user that the daemon runs as");
    }
  }

  void directories() {
    const auto& pg = settings_.postgresql;
    usable_directory("postgresql.data_dir", pg.data_dir);
    struct stat status{};
    std::error_code hidden;  // whoever may not enter the directory has been told already
    if (::stat(pg.data_dir.c_str(), &status) == 0 &&
        fs::exists(fs::path(pg.data_dir) / "PG_VERSION", hidden)) {
      if ((status.st_mode & 0027) != 0)
        error("postgresql.data_dir", pg.data_dir,
              fmt::format("has permissions {:04o}, PostgreSQL starts with 0700 or 0750 only",
                          status.st_mode & 07777));
      if (::geteuid() != 0 && status.st_uid != ::geteuid())
        error(
            "postgresql.data_dir", pg.data_dir,
            fmt::format("belongs to user id {}, not to {} that this is run by", status.st_uid, ::geteuid()));
    }
    usable_directory("tanist.state_dir", settings_.state_dir);
    if (!settings_.log.dir.empty()) {
      std::error_code ec;
      if (!fs::is_directory(settings_.log.dir, ec)) {
        error("log.dir", settings_.log.dir, "is not a directory");
      } else {
        usable_directory("log.dir", settings_.log.dir);
      }
    }
    const auto sockets = pg.parameters.find("unix_socket_directories");
    if (sockets == pg.parameters.end()) return;
    if (!postgres::socket_directories_inside(pg).empty())
      warn("postgresql.parameters.unix_socket_directories", sockets->second,
           "lies in the data directory: pg_rewind from this member fails on the sockets",
           "name a directory outside of the data directory");
    const std::string first(
        config::trim(std::string_view(sockets->second).substr(0, sockets->second.find(','))));
    if (first.starts_with('/')) usable_directory("postgresql.parameters.unix_socket_directories", first);
  }

  void files() {
    const auto& pg = settings_.postgresql;
    std::error_code ec;
    if (fs::exists(pg.pgpass, ec) && !fs::is_regular_file(pg.pgpass, ec))
      error("postgresql.pgpass", pg.pgpass,
            fmt::format("'{}' exists and it's not a file, check your `postgresql.pgpass` configuration",
                        pg.pgpass));
    if (!pg.custom_conf.empty() && !fs::is_regular_file(pg.custom_conf, ec))
      error("postgresql.custom_conf", pg.custom_conf, "there is no such file");
  }

  std::string program(const std::string& name) const {
    const auto named = settings_.postgresql.tools.bin_name.find(name);
    return find_program(in_.world, settings_.postgresql.tools.bin_dir,
                        named == settings_.postgresql.tools.bin_name.end() ? name : named->second);
  }

  void programs() {
    if (settings_.postgresql.use_pg_rewind && program("pg_rewind").empty())
      warn("postgresql.use_pg_rewind", "True", "there is no pg_rewind");
    const std::string postgres = program("postgres");
    if (postgres.empty()) return;  // the schema has said so
    const auto printed = in_.world.version_of(postgres);
    const int number = printed ? server_version_number(*printed) : 0;
    if (number == 0) {
      error("postgresql.bin_dir", settings_.postgresql.tools.bin_dir,
            fmt::format("cannot tell the version of {}: {}", postgres, printed ? *printed : printed.error()));
    } else if (number < kOldestVersion) {
      error("postgresql.bin_dir", settings_.postgresql.tools.bin_dir,
            fmt::format("PostgreSQL {} is too old, 9.3 is the oldest", major_version_text(number)));
    }
  }

  /// The daemon is the first client of its server.
  void own_password() {
    const auto& pg = settings_.postgresql;
    if (!pg.accounts.superuser.password.empty()) return;
    const std::string method =
        postgres::hba_method(pg.pg_hba, pg.use_unix_socket, pg.database, pg.accounts.superuser.username);
    if (method == "scram-sha-256" || method == "md5" || method == "password")
      warn("postgresql.authentication.superuser.password", "",
           fmt::format("is not set, and postgresql.pg_hba asks this host's own connections for one ({})",
                       method));
  }

  void command(const std::string& path, const std::string& text) {
    if (text.empty()) return;
    const auto words = process::split_command(text);
    if (!words) return error(path, text, fmt::format("cannot be split into words: {}", words.error()));
    if (words->empty()) return;
    if (find_program(in_.world, "", words->front()).empty())
      warn(path, text, fmt::format("{} cannot be run: there is no such program", words->front()));
  }

  void commands() {
    const auto& pg = settings_.postgresql;
    for (const auto& [event, text] : pg.scripts.callbacks) command("postgresql.callbacks." + event, text);
    command("postgresql.pre_promote", pg.scripts.pre_promote);
    command("postgresql.before_stop", pg.scripts.before_stop);
    for (const auto& [name, method] : pg.copying.replica_methods)
      command(fmt::format("postgresql.{}.command", name), method.command);
    if (settings_.bootstrap.custom)
      command(fmt::format("bootstrap.{}.command", settings_.bootstrap.custom->name),
              settings_.bootstrap.custom->command);
    command("bootstrap.post_bootstrap", settings_.bootstrap.post_bootstrap);
    own_password();
  }

  const config::Settings& settings_;
  Inspection& in_;
  HostFindings out_;
};

template <class Problem>
void check_lines(const Document& config, const std::string& path, Problem problem, Findings& out) {
  const Document* list = config.find_path(path);
  if (!list || !list->is_list()) return;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Document& line = list->as_list()[i];
    if (!line.is_string()) continue;  // the schema has said so
    if (const auto why = problem(line.as_string()))
      out.push_back({.path = fmt::format("{}.{}", path, i),
                     .value = shown(line, path),
                     .message = fmt::format("didn't pass validation: {}", *why)});
  }
}

}  // namespace

Findings check_access_lines(const Document& config) {
  Findings out;
  for (const char* section : {"postgresql", "bootstrap.dcs.postgresql"}) {
    for (const char* role : {"", "_primary", "_replica", "_standby_leader"}) {
      check_lines(config, fmt::format("{}.pg_hba{}", section, role), postgres::hba_problem, out);
      check_lines(config, fmt::format("{}.pg_ident{}", section, role), postgres::ident_problem, out);
    }
  }
  check_lines(config, "bootstrap.pg_hba", postgres::hba_problem, out);
  return out;
}

HostFindings check_host(const config::Settings& settings, Inspection& in) {
  return HostCheck(settings, in).run();
}

}  // namespace tanist::setup
