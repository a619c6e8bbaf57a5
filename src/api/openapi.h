#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "core/document.h"

/// The REST API described for machines: OpenAPI 3.1, made from the table of routes (api/resources.h), what
/// each of them takes and answers, and the schemas. Pure.
namespace tanist::api {

/// What a route takes and answers; one for each row of Resources::routes(), by its method and segment.
struct Operation {
  enum class Body { none, optional, required };
  enum class Form { bare, json, text, page, metrics, events };
  struct Parameter {
    std::string_view name;
    /// `query` or `header`.
    std::string_view in;
    std::string_view what;
    /// Of its value: a name in components/schemas; empty: any text.
    std::string_view schema = {};
  };
  struct Answer {
    int status;
    Form form;
    std::string_view what;
    /// Of a body in JSON: a name in components/schemas.
    std::string_view schema = {};
  };

  std::string_view method;
  std::string_view segment;
  Body body = Body::none;
  /// Of the body: a name in components/schemas.
  std::string_view body_schema = {};
  std::vector<Parameter> parameters = {};
  /// Beside those that the access, the body and the protocol bring with them.
  std::vector<Answer> answers = {};
};
const std::vector<Operation>& operations();

/// A path that asks for a health check by its name.
struct HealthCheck {
  std::string_view path;
  std::string_view what;
  /// `lag` and `replication_state` narrow it.
  bool of_replicas = false;
};
std::span<const HealthCheck> health_checks();

/// The schemas that answers and bodies are named after (components/schemas).
Document schemas();

/// `protect`: users are configured, so what changes something asks for one.
Document openapi(bool protect);

}  // namespace tanist::api
