// Stands where libpq would be linked: each function that postgres/client calls, under its name, handed on to
// the library that load_libpq() has loaded. What is missing here does not link.

#include "postgres/on_demand/libpq.h"

#include <dlfcn.h>
#include <libpq-fe.h>

#include <cstdlib>

namespace {

constexpr const char* kLibrary = "libpq.so.5";

void* library() {
  static void* const loaded = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  return loaded;
}

/// The library's own. A call before load_libpq() has said yes, or of what the oldest libpq has not, is a
/// mistake of this program.
template <class Function>
Function* real(const char* name) {
  void* const found = library() != nullptr ? ::dlsym(library(), name) : nullptr;
  if (found == nullptr) std::abort();
  return reinterpret_cast<Function*>(found);
}

}  // namespace

namespace tanist::postgres {

std::expected<void, std::string> load_libpq() {
  if (library() != nullptr) return {};
  const char* why = ::dlerror();
  return std::unexpected(std::string(why != nullptr ? why : kLibrary));
}

}  // namespace tanist::postgres

extern "C" {

PGconn* PQconnectStartParams(const char* const* keywords, const char* const* values, int expand_dbname) {
  return real<decltype(PQconnectStartParams)>("PQconnectStartParams")(keywords, values, expand_dbname);
}
PostgresPollingStatusType PQconnectPoll(PGconn* connection) {
  return real<decltype(PQconnectPoll)>("PQconnectPoll")(connection);
}
PQconninfoOption* PQconninfoParse(const char* conninfo, char** error) {
  return real<decltype(PQconninfoParse)>("PQconninfoParse")(conninfo, error);
}
void PQconninfoFree(PQconninfoOption* options) {
  real<decltype(PQconninfoFree)>("PQconninfoFree")(options);
}
void PQfinish(PGconn* connection) {
  real<decltype(PQfinish)>("PQfinish")(connection);
}
void PQfreemem(void* memory) {
  real<decltype(PQfreemem)>("PQfreemem")(memory);
}
int PQlibVersion(void) {
  return real<decltype(PQlibVersion)>("PQlibVersion")();
}

ConnStatusType PQstatus(const PGconn* connection) {
  return real<decltype(PQstatus)>("PQstatus")(connection);
}
char* PQerrorMessage(const PGconn* connection) {
  return real<decltype(PQerrorMessage)>("PQerrorMessage")(connection);
}
int PQserverVersion(const PGconn* connection) {
  return real<decltype(PQserverVersion)>("PQserverVersion")(connection);
}
int PQbackendPID(const PGconn* connection) {
  return real<decltype(PQbackendPID)>("PQbackendPID")(connection);
}
int PQsocket(const PGconn* connection) {
  return real<decltype(PQsocket)>("PQsocket")(connection);
}
PGVerbosity PQsetErrorVerbosity(PGconn* connection, PGVerbosity verbosity) {
  return real<decltype(PQsetErrorVerbosity)>("PQsetErrorVerbosity")(connection, verbosity);
}
PQnoticeProcessor PQsetNoticeProcessor(PGconn* connection, PQnoticeProcessor processor, void* argument) {
  return real<decltype(PQsetNoticeProcessor)>("PQsetNoticeProcessor")(connection, processor, argument);
}
int PQsetnonblocking(PGconn* connection, int on) {
  return real<decltype(PQsetnonblocking)>("PQsetnonblocking")(connection, on);
}

int PQsendQuery(PGconn* connection, const char* query) {
  return real<decltype(PQsendQuery)>("PQsendQuery")(connection, query);
}
int PQsendQueryParams(PGconn* connection, const char* command, int count, const Oid* types,
                      const char* const* values, const int* lengths, const int* formats, int result_format) {
  return real<decltype(PQsendQueryParams)>("PQsendQueryParams")(connection, command, count, types, values,
                                                                lengths, formats, result_format);
}
int PQflush(PGconn* connection) {
  return real<decltype(PQflush)>("PQflush")(connection);
}
int PQisBusy(PGconn* connection) {
  return real<decltype(PQisBusy)>("PQisBusy")(connection);
}
int PQconsumeInput(PGconn* connection) {
  return real<decltype(PQconsumeInput)>("PQconsumeInput")(connection);
}
PGresult* PQgetResult(PGconn* connection) {
  return real<decltype(PQgetResult)>("PQgetResult")(connection);
}

ExecStatusType PQresultStatus(const PGresult* result) {
  return real<decltype(PQresultStatus)>("PQresultStatus")(result);
}
char* PQresultErrorMessage(const PGresult* result) {
  return real<decltype(PQresultErrorMessage)>("PQresultErrorMessage")(result);
}
char* PQresultErrorField(const PGresult* result, int field) {
  return real<decltype(PQresultErrorField)>("PQresultErrorField")(result, field);
}
int PQntuples(const PGresult* result) {
  return real<decltype(PQntuples)>("PQntuples")(result);
}
int PQnfields(const PGresult* result) {
  return real<decltype(PQnfields)>("PQnfields")(result);
}
char* PQfname(const PGresult* result, int field) {
  return real<decltype(PQfname)>("PQfname")(result, field);
}
Oid PQftype(const PGresult* result, int field) {
  return real<decltype(PQftype)>("PQftype")(result, field);
}
char* PQgetvalue(const PGresult* result, int row, int field) {
  return real<decltype(PQgetvalue)>("PQgetvalue")(result, row, field);
}
int PQgetlength(const PGresult* result, int row, int field) {
  return real<decltype(PQgetlength)>("PQgetlength")(result, row, field);
}
int PQgetisnull(const PGresult* result, int row, int field) {
  return real<decltype(PQgetisnull)>("PQgetisnull")(result, row, field);
}
void PQclear(PGresult* result) {
  real<decltype(PQclear)>("PQclear")(result);
}

}  // extern "C"
