#include "setup/validate_config.h"

#include <algorithm>
#include <vector>

#include "config/build.h"
#include "config/keys/keys.h"
#include "config/read/load.h"
#include "config/read/sources.h"
#include "config/sections/controlled.h"
#include "config/sections/dynamic.h"
#include "config/stores.h"
#include "core/format.h"
#include "postgres/parameters/judgement.h"
#include "postgres/server_version.h"
#include "setup/host_checks.h"
#include "setup/schema.h"
#include "setup/secrets.h"
#include "setup/value_checks.h"
#include "setup/yaml_text.h"

namespace tanist::setup {
namespace {

/// A finding with the place where its value was given; `text` is a whole line.
struct Report {
  std::string path;
  std::string value;
  std::string message;
  std::string where;
  std::string allowed;
  std::string hint;
  std::string text;
};

std::string one_line(std::string text) {
  std::ranges::replace_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

class Validation {
 public:
  Validation(const ValidateOptions& options, const config::Environment& environment, World& world)
      : options_(options),
        environment_(environment),
        world_(world),
        merged_(config::merge_sources(options.path, environment)) {}

  void run() {
    if (config::has_errors(merged_.problems)) {
      for (const auto& problem : merged_.problems) take(problem);
      return;
    }
    Inspection in{world_, merged_.document, options_.offline, options_.ignore_listen_port};
    const Findings schema = check_schema(merged_.document, in);
    for (const auto& finding : schema) errors_.push_back(report(finding));
    for (const auto& finding : check_access_lines(merged_.document)) errors_.push_back(report(finding));
    const auto loaded = config::load(options_.path, environment_);
    for (const auto& problem : loaded ? loaded->warnings : loaded.error())
      if (!is_known(problem)) take(problem);
    if (loaded) check_built(*loaded, in);
  }

  bool valid() const { return errors_.empty(); }
  const std::vector<Report>& errors() const { return errors_; }
  const std::vector<Report>& warnings() const { return warnings_; }

  /// The configuration as `--print` shows it.
  Document shown_config() const {
    Document out = merged_.document;
    if (Document* postgresql = out.find("postgresql"); postgresql && postgresql->is_map())
      if (!postgresql->find("bin_dir")) postgresql->set("bin_dir", "");
    return options_.print_secrets ? out : masked(out, "");
  }

 private:
  Report report(const Finding& finding) const {
    Report out{finding.path,
               finding.value,
               finding.message,
               merged_.where(finding.path),
               finding.allowed,
               finding.hint,
               {}};
    if (finding.message == "is not defined.") {
      if (out.where.empty()) out.where = merged_.name;
      const config::Key* key = config::find_key(finding.path, config::Scope::local);
      if (key && !key->environment.empty()) out.hint = "or set PATRONI_" + key->environment;
    }
    std::string more;
    for (const auto& part : {out.where, out.allowed.empty() ? "" : "allowed: " + out.allowed, out.hint})
      if (!part.empty()) more += (more.empty() ? "" : "; ") + part;
    out.text = one_line(line(finding) + (more.empty() ? "" : fmt::format(" ({})", more)));
    return out;
  }

  /// The schema or its section has been complained about already, in the words that scripts know.
  bool is_known(const config::Problem& problem) const {
    if (problem.severity == config::Severity::warning) return false;
    const auto complained = [&](std::string_view path) {
      return std::ranges::any_of(errors_, [&](const Report& error) { return error.path == path; });
    };
    if (problem.text.starts_with("Can not find suitable")) {
      return std::ranges::all_of(config::kStores, complained, &config::KnownStore::section);
    }
    if (problem.text.starts_with("Can not find \"restapi.listen\""))
      return complained("restapi") || complained("restapi.listen");
    if (problem.key.empty()) return !errors_.empty();
    return std::ranges::any_of(errors_, [&](const Report& error) {
      return problem.key == error.path || problem.key.starts_with(error.path + ".") ||
             error.path.starts_with(problem.key + ".");
    });
  }

  void take(const config::Problem& problem) {
    Report out;
    out.path = problem.key;
    out.message = problem.text;
    out.where = problem.line > 0 ? fmt::format("{} line {}", problem.file, problem.line) : problem.file;
    out.hint = problem.hint;
    config::Problem plain = problem;
    plain.hint.clear();
    out.text = one_line(config::to_string(plain)) + (problem.hint.empty() ? "" : "\nHINT: " + problem.hint);
    (problem.severity == config::Severity::error ? errors_ : warnings_).push_back(std::move(out));
  }

  void check_built(const config::LocalConfig& local, Inspection& in) {
    const auto dynamic = config::accept_dynamic(bootstrap_dcs());
    if (!dynamic) return;  // load() has refused it
    config::Problems notes;
    const config::Settings settings = config::build(local, *dynamic, notes);
    for (const auto& note : notes) take(note);
    check_parameters(in);
    const HostFindings host = check_host(settings, in);
    for (const auto& finding : host.errors) errors_.push_back(report(finding));
    for (const auto& finding : host.warnings) warnings_.push_back(report(finding));
  }

  /// By the version of the programs that are configured, as `edit-config` judges by those that run.
  void check_parameters(Inspection& in) {
    const int version = configured_version(in);
    if (version == 0) return;
    for (const std::string section : {"postgresql", "bootstrap.dcs.postgresql"}) {
      const std::string path = section + ".parameters";
      const Document* parameters = merged_.document.find_path(path);
      if (parameters == nullptr) continue;
      for (const auto& remark : postgres::judge_parameters(*parameters, version)) {
        using Kind = postgres::Remark::Kind;
        const bool local = section == "postgresql";
        // What the dynamic configuration has besides is not seen from here; that a controlled one does not
        // belong here has been said.
        if (local && (remark.kind == Kind::fatal || config::is_controlled(remark.name))) continue;
        if (remark.kind == Kind::note) continue;
        const Document* value = parameters->find(remark.name);
        const std::string name = path + "." + remark.name;
        const Finding finding{.path = name,
                              .value = value != nullptr ? shown(*value, name) : "",
                              .message = fmt::format("didn't pass validation: {} (PostgreSQL {})",
                                                     remark.text, postgres::server_version_text(version)),
                              .hint = remark.hint};
        (remark.kind == Kind::fatal ? errors_ : warnings_).push_back(report(finding));
      }
    }
  }

  Document bootstrap_dcs() const {
    const Document* dcs = merged_.document.find_path("bootstrap.dcs");
    return dcs && dcs->is_map() ? *dcs : Document::map();
  }

  const ValidateOptions& options_;
  const config::Environment& environment_;
  World& world_;
  config::Merged merged_;
  std::vector<Report> errors_;
  std::vector<Report> warnings_;
};

Document as_document(const std::vector<Report>& reports) {
  Document out = Document::list();
  for (const auto& report : reports)
    out.push_back(Document::map({{"path", report.path},
                                 {"value", report.value},
                                 {"message", report.message},
                                 {"where", report.where},
                                 {"allowed", report.allowed},
                                 {"hint", report.hint}}));
  return out;
}

}  // namespace

int validate_config(const ValidateOptions& options, const config::Environment& environment, World& world,
                    std::ostream& out, std::ostream& err) {
  Validation validation(options, environment, world);
  validation.run();
  if (options.json) {
    Document answer = Document::map({{"valid", validation.valid()},
                                     {"errors", as_document(validation.errors())},
                                     {"warnings", as_document(validation.warnings())}});
    if (options.print && validation.valid()) answer.set("config", validation.shown_config());
    out << to_spaced_json(answer) << '\n';
    return validation.valid() ? 0 : 1;
  }
  for (const auto& error : validation.errors()) err << error.text << '\n';
  for (const auto& warning : validation.warnings()) err << "WARNING: " << warning.text << '\n';
  if (validation.valid() && options.print) out << yaml_block(validation.shown_config());
  return validation.valid() ? 0 : 1;
}

}  // namespace tanist::setup
