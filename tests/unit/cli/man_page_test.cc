#include "cli/man_page.h"

#include <gtest/gtest.h>

namespace tanist::cli {
namespace {

TEST(ManPage, of_all_that_is_declared) {
  const Program program{
      .name = "tool",
      .also_called = {"brush"},
      .in_short = "paint things",
      .about = "A tool.",
      .options = {{.names = "-k", .help = "keep"}},
      .commands = {{.name = "paint",
                    .help = "Paint it",
                    .arguments = {{.name = "THING", .help = "What", .required = true}},
                    .options = {{.names = "-c,--colour", .help = "Which\none", .value = "C"},
                                {.names = "--secret", .help = "hush", .offered = false}},
                    .footer = ".With care.\n\nExamples:\n  paint c:\\door"}},
      .footer = "That is all."};
  EXPECT_EQ(man_page(program, "a table"),
            ".\\\" Generated from a table.\n"
            ".TH TOOL 1 \"\" Tanist\n"
            ".SH NAME\ntool, brush \\- paint things\n"
            ".SH SYNOPSIS\n\\fBtool\\fR [\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]\n"
            ".SH DESCRIPTION\n.PP\nA tool.\n"
            ".SH OPTIONS\nThey stand before the command.\n"
            ".TP\n\\fB\\-k\\fR\nkeep.\n"
            ".TP\n\\fB\\-\\-version\\fR\nPrint the version and end.\n"
            ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nPrint this help and end.\n"
            ".SH COMMANDS\n"
            ".SS paint THING\nPaint it.\n"
            ".TP\n\\fITHING\\fR\nWhat.\n"
            ".TP\n\\fB\\-c\\fR, \\fB\\-\\-colour\\fR \\fIC\\fR\nWhich one.\n"
            ".PP\n\\&.With care.\n.PP\nExamples:\n.PP\n.EX\n  paint c:\\edoor\n.EE\n"
            ".SH NOTES\n.PP\nThat is all.\n");
}

TEST(ManPage, of_a_program_without_commands) {
  const Program program{.name = "tool",
                        .in_short = "paint",
                        .about = "A tool.",
                        .options = {{.names = "-k", .help = "keep"}},
                        .arguments = {{.name = "file", .help = "What", .type = Type::file}},
                        .footer = "That is all."};
  EXPECT_EQ(man_page(program, "a table"),
            ".\\\" Generated from a table.\n"
            ".TH TOOL 1 \"\" Tanist\n"
            ".SH NAME\ntool \\- paint\n"
            ".SH SYNOPSIS\n\\fBtool\\fR [\\fIOPTIONS\\fR] [\\fIfile\\fR]\n"
            ".SH DESCRIPTION\n.PP\nA tool.\n"
            ".TP\n\\fIfile\\fR\nWhat.\n"
            ".SH OPTIONS\n"
            ".TP\n\\fB\\-k\\fR\nkeep.\n"
            ".TP\n\\fB\\-\\-version\\fR\nPrint the version and end.\n"
            ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nPrint this help and end.\n"
            ".SH NOTES\n.PP\nThat is all.\n");
}

}  // namespace
}  // namespace tanist::cli
