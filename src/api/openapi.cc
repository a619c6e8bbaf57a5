#include "api/openapi.h"

#include <array>

#include "api/resources.h"
#include "core/format.h"
#include "core/text.h"
#include "core/version.h"

/// The document of GET /openapi.json: the table of routes, joined with what each takes and answers.
namespace tanist::api {

namespace {

using Form = Operation::Form;
using Answer = Operation::Answer;
using Body = Operation::Body;

std::string_view media_type(Form form) {
  switch (form) {
    case Form::json: return "application/json";
    case Form::text:
    case Form::metrics: return "text/plain";
    case Form::events: return "text/event-stream";
    case Form::page: return "text/html";
    case Form::bare: break;
  }
  return {};
}

Document text_schema() {
  return Document::map({{"type", "string"}});
}

Document reference(std::string_view schema) {
  return Document::map({{"$ref", fmt::format("#/components/schemas/{}", schema)}});
}

/// Adds one way to answer; several of one status differ in their form.
void add_answer(Document& responses, const Answer& answer) {
  const std::string status = std::to_string(answer.status);
  Document* response = responses.find(status);
  if (response == nullptr) {
    response = &responses.set(status, Document::map({{"description", answer.what}}));
    if (answer.status == 401)
      response->set("headers",
                    Document::map({{"WWW-Authenticate",
                                    Document::map({{"required", true}, {"schema", text_schema()}})}}));
  }
  if (answer.form == Form::bare) return;
  Document* content = response->find("content");
  if (content == nullptr) content = &response->set("content", Document::map());
  Document schema = answer.form == Form::json ? reference(answer.schema) : text_schema();
  content->set(media_type(answer.form), Document::map({{"schema", std::move(schema)}}));
  if (answer.form == Form::metrics)
    content->set("application/openmetrics-text", Document::map({{"schema", text_schema()}}));
}

Document parameters_document(const std::vector<Operation::Parameter>& parameters) {
  Document out = Document::list();
  for (const auto& [name, in, what, schema] : parameters)
    out.push_back(Document::map({{"name", name},
                                 {"in", in},
                                 {"description", what},
                                 {"schema", schema.empty() ? text_schema() : reference(schema)}}));
  return out;
}

/// What may be answered to any request, before it reaches its route.
void add_protocols_answers(Document& responses, bool bare, Body body) {
  if (bare) {
    // No body goes with them either, but what is wrong with a request is told before its method is known.
    add_answer(responses, {400, Form::bare, "This is no HTTP request."});
    add_answer(responses, {431, Form::bare, "The header is too large."});
    return;
  }
  add_answer(responses, {400, Form::text, "This is no HTTP request, or it asks for what is not allowed."});
  add_answer(responses, {411, Form::text, "Bodies need a Content-Length; encodings are not accepted."});
  add_answer(responses, {413, Form::text, "The body is too large."});
  add_answer(responses, {431, Form::text, "The header is too large."});
  if (body == Body::none) return;
  add_answer(responses, {400, Form::page, "The body is no JSON object."});
  if (body == Body::required) add_answer(responses, {411, Form::page, "The length of the body is missing."});
}

void add_refusals(Document& responses) {
  add_answer(responses, {401, Form::text, "The user or the password is missing or wrong."});
  add_answer(responses, {403, Form::text, "This address may not, or a client certificate is missing."});
}

/// `getHealth`
std::string operation_id(std::string_view method, std::string_view path) {
  std::string out = lower(method);
  bool capital = true;
  for (const char c : path) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (c == '_') out += c;
    if (letter) out += capital && c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
    capital = !letter;
  }
  return out;
}

Document described(std::string_view method, std::string_view path, std::string_view summary) {
  return Document::map({{"operationId", operation_id(method, path)}, {"summary", summary}});
}

Document sorted(const Document& responses) {
  Document out = Document::map();
  for (int status = 100; status < 600; ++status) {
    const std::string name = std::to_string(status);
    if (const Document* response = responses.find(name)) out.set(name, *response);
  }
  return out;
}

Document operation_document(const Resources::Route& route, const Operation& operation, bool protect) {
  const bool guarded = route.access != Access::open;
  Document out = described(route.method, route.segment, route.what);
  if (!operation.parameters.empty()) out.set("parameters", parameters_document(operation.parameters));
  if (operation.body != Body::none) {
    Document content =
        Document::map({{"application/json", Document::map({{"schema", reference(operation.body_schema)}})}});
    out.set("requestBody",
            Document::map({{"required", operation.body == Body::required}, {"content", std::move(content)}}));
  }
  Document responses = Document::map();
  for (const auto& answer : operation.answers) add_answer(responses, answer);
  if (guarded) add_refusals(responses);
  add_protocols_answers(responses, false, operation.body);
  out.set("responses", sorted(responses));
  if (guarded && protect) {
    Document schemes = Document::list();
    schemes.push_back(Document::map({{"password", Document::list()}}));
    out.set("security", std::move(schemes));
  }
  return out;
}

/// HEAD and OPTIONS of what is answered by its status.
Document bare_document(std::string_view method, std::string_view path, std::string_view summary,
                       const std::vector<Operation::Parameter>& parameters) {
  Document out = described(method, path, summary);
  if (!parameters.empty()) out.set("parameters", parameters_document(parameters));
  Document responses = Document::map();
  add_answer(responses, {200, Form::bare, "Yes."});
  add_answer(responses, {503, Form::bare, "No."});
  add_protocols_answers(responses, true, Body::none);
  out.set("responses", sorted(responses));
  return out;
}

void add_bare(Document& path, std::string_view name, std::string_view summary,
              const std::vector<Operation::Parameter>& parameters) {
  path.set("head", bare_document("HEAD", name, summary, parameters));
  path.set("options", bare_document("OPTIONS", name, summary, parameters));
}

Document health_document(const HealthCheck& check) {
  std::vector<Operation::Parameter> parameters;
  if (check.of_replicas)
    parameters = {
        {"lag", "query", "How many bytes of WAL it may be behind, `10MB`; else it does not matter."},
        {"replication_state", "query", "What the status document has to say: `streaming`."}};
  Document out = Document::map();
  Document& get = out.set("get", described("GET", check.path == "/" ? "/root" : check.path, check.what));
  if (!parameters.empty()) get.set("parameters", parameters_document(parameters));
  Document responses = Document::map();
  add_answer(responses, {200, Form::json, "Yes; with the status document.", "Status"});
  add_answer(responses, {503, Form::json, "No; with the status document.", "Status"});
  add_protocols_answers(responses, false, Body::none);
  get.set("responses", sorted(responses));
  add_bare(out, check.path == "/" ? "/root" : check.path, check.what, parameters);
  return out;
}

Document paths(bool protect) {
  Document out = Document::map();
  for (const auto& check : health_checks()) out.set(check.path, health_document(check));
  for (const auto& route : Resources::routes()) {
    if (route.segment.empty()) continue;
    const std::string name = fmt::format("/{}", route.segment);
    Document* path = out.find(name);
    if (path == nullptr) path = &out.set(name, Document::map());
    for (const auto& operation : operations()) {
      if (operation.method != route.method || operation.segment != route.segment) continue;
      path->set(lower(route.method), operation_document(route, operation, protect));
      if (route.health_check) add_bare(*path, name, route.what, operation.parameters);
    }
  }
  return out;
}

}  // namespace

std::span<const HealthCheck> health_checks() {
  static constexpr auto kAll = std::to_array<HealthCheck>({
      {"/", "The same as `/primary`."},
      {"/primary", "May be written to."},
      {"/read-write", "The same as `/primary`."},
      {"/master", "The same as `/primary`, for old configurations."},
      {"/leader", "Leads the cluster."},
      {"/standby-leader", "Leads a standby cluster."},
      {"/standby_leader", "The same as `/standby-leader`."},
      {"/replica", "A running replica that load balancers may use.", true},
      {"/read-only", "May be read from: a primary or such a replica.", true},
      {"/synchronous", "A synchronous replica.", true},
      {"/sync", "The same as `/synchronous`.", true},
      {"/asynchronous", "A replica that is neither synchronous nor of the quorum.", true},
      {"/async", "The same as `/asynchronous`.", true},
      {"/quorum", "A replica of the quorum.", true},
      {"/read-only-sync", "A primary or a synchronous replica.", true},
      {"/read-only-synchronous", "The same as `/read-only-sync`.", true},
      {"/read-only-quorum", "A primary or a replica of the quorum.", true},
      {"/health", "PostgreSQL runs."},
  });
  return kAll;
}

Document openapi(bool protect) {
  Document out = Document::map();
  out.set("openapi", "3.1.0");
  out.set("info", Document::map(
                      {{"title", "Tanist"},
                       {"version", version()},
                       {"summary", "The REST API of a member, compatible with Patroni's."},
                       {"description",
                        "A path that is not listed is a health check that says 503. Checks of replicas take "
                        "`tag_NAME=VALUE`, too: only members with that tag say 200. Other methods than those "
                        "listed, HEAD and OPTIONS are answered with 501."},
                       {"license", Document::map({{"name", "MIT"}, {"identifier", "MIT"}})}}));
  out.set("paths", paths(protect));
  Document& components = out.set("components", Document::map());
  components.set("schemas", schemas());
  if (protect)
    components.set("securitySchemes",
                   Document::map({{"password", Document::map({{"type", "http"}, {"scheme", "basic"}})}}));
  return out;
}

}  // namespace tanist::api
