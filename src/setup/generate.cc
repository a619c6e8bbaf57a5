#include "setup/generate.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>

#include "async/disk_thread.h"
#include "config/stores.h"
#include "config/yaml/yaml.h"
#include "core/format.h"
#include "setup/template.h"

namespace tanist::setup {
namespace {

namespace fs = std::filesystem;

/// Passwords are in it.
constexpr unsigned kFileMode = 0600;

void write_output(const std::string& path, const std::string& text) {
  std::error_code ec;
  const fs::path parent = fs::path(path).parent_path();
  if (!parent.empty()) fs::create_directories(parent, ec);
  if (ec)
    throw GenerateFailed(
        fmt::format("Unexpected exception: cannot make {}: {}", parent.string(), ec.message()));
  if (const auto written = blocking::write_file(path, text, kFileMode); !written)
    throw GenerateFailed(fmt::format("Unexpected exception: {}", written.error()));
}

int run(const GenerateOptions& options, std::ostream& out, std::ostream& err,
        const std::function<Document()>& make) {
  try {
    const std::string text = config_text(make());
    if (options.output) {
      write_output(*options.output, text);
    } else {
      out << text;
    }
    return 0;
  } catch (const GenerateFailed& e) {
    err << e.what() << '\n';
  } catch (const std::exception& e) {
    err << "Unexpected exception: " << e.what() << '\n';
  }
  return 1;
}

std::string string_at(const Document& config, std::string_view path) {
  const Document* value = config.find_path(path);
  return value && value->is_string() ? value->as_string() : std::string();
}

int version_of_postgres(const Document& config, World& world) {
  std::string name = string_at(config, "postgresql.bin_name.postgres");
  if (name.empty()) name = "postgres";
  const std::string bin_dir = string_at(config, "postgresql.bin_dir");
  const std::string program = find_program(world, bin_dir, name);
  if (program.empty())
    throw GenerateFailed(fmt::format("Failed to get postgres version: there is no program '{}' in '{}'", name,
                                     bin_dir.empty() ? "$PATH" : bin_dir));
  const auto printed = world.version_of(program);
  if (!printed) throw GenerateFailed("Failed to get postgres version: " + printed.error());
  const int number = server_version_number(*printed);
  if (number == 0)
    throw GenerateFailed(
        fmt::format("Failed to get postgres version: {} --version says: {}", program, *printed));
  return number;
}

bool has_store(const Document& config) {
  return std::ranges::any_of(config::kStores, [&](const config::KnownStore& store) {
    return config.find(store.section) != nullptr;
  });
}

}  // namespace

Document environment_overlay(const config::EnvironmentConfig& environment) {
  if (!environment.whole) return environment.overlay;
  config::Problems ignored;
  const auto parsed = config::parse_yaml(*environment.whole, environment.variables.at(""), ignored);
  if (!parsed || !parsed->is_map())
    throw GenerateFailed(fmt::format("Unexpected exception: {} {}", environment.variables.at(""),
                                     parsed ? "does not contain a dict" : config::to_string(parsed.error())));
  return *parsed;
}

Document sample_config(const config::EnvironmentConfig& environment, World& world) {
  Document config = config_template(world);
  const Document overlay = environment_overlay(environment);
  Document effective = config;
  patch(effective, overlay);
  const int version = version_of_postgres(effective, world);
  const std::string method = version >= 100000 ? "scram-sha-256" : "md5";
  const std::string replication = string_at(effective, "postgresql.authentication.replication.username");
  set_path(config, "postgresql.parameters.password_encryption", method);
  set_path(config, "postgresql.pg_hba",
           Document::list({fmt::format("host all all all {}", method),
                           fmt::format("host replication {} all {}", replication, method)}));
  if (version >= 110000)
    set_path(config, "postgresql.authentication.rewind",
             Document::map({{"username", "rewind_user"}, {"password", kFixMe}}));
  const auto dynamic = [](std::string_view name) { return fmt::format("bootstrap.dcs.postgresql.{}", name); };
  if (version >= 130000) {
    set_path(config, dynamic("parameters.wal_keep_size"), "128MB");
  } else {
    set_path(config, dynamic("parameters.wal_keep_segments"), 8);
  }
  set_path(config, dynamic("parameters.wal_level"), version >= 90600 ? "replica" : "hot_standby");
  const Document* hints = config.find_path(dynamic("parameters.wal_log_hints"));
  set_path(config, dynamic("use_pg_rewind"), hints && parse_bool(*hints).value_or(false));
  patch(config, overlay);
  // Without a store no member starts.
  if (!has_store(config)) set_path(config, config::kSampleStoreKey, Document::list({Document(kFixMe)}));
  return config;
}

int generate_sample_config(const GenerateOptions& options, const config::Environment& environment,
                           World& world, std::ostream& out, std::ostream& err) {
  return run(options, out, err, [&] { return sample_config(config::read_environment(environment), world); });
}

int generate_config(const GenerateOptions& options, const config::Environment& environment, World& world,
                    std::ostream& out, std::ostream& err) {
  return run(options, out, err, [&] {
    return running_config(config::read_environment(environment), environment, options.dsn, world);
  });
}

}  // namespace tanist::setup
