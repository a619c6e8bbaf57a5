# One precompiled header of what nearly every file includes, for the presets that hand the compiler many files at once
# (about a tenth of a cold build). `dev` goes without, so that a file that forgets an #include does not compile there.
# Of Asio it has nothing: its static objects would have to be linked by what does no I/O.
#
# CMake's own target_precompile_headers writes a header into the build tree and its absolute path into the compiler's
# command line, which keeps ccache from serving a second clone. Here the path is relative to the build tree, and ccache
# compares the checksum beside the header: of its text with all that it includes, not of the compiler's dump of it, which
# holds paths.
# Its options are those of all targets: fuzz targets, which have their own, go without.
if(TANIST_FUZZ)
  message(FATAL_ERROR "TANIST_PRECOMPILED and TANIST_FUZZ exclude each other: fuzz targets have compiler options of their own")
endif()
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "TANIST_PRECOMPILED needs Clang (-include-pch); configure with -DTANIST_PRECOMPILED=OFF")
endif()

set(precompiled ${CMAKE_BINARY_DIR}/precompiled)
get_directory_property(precompiled_options COMPILE_OPTIONS)
get_directory_property(precompiled_definitions COMPILE_DEFINITIONS)
string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
separate_arguments(precompiled_flags UNIX_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type}}")
list(TRANSFORM precompiled_definitions PREPEND -D)
list(APPEND precompiled_flags ${precompiled_options} ${precompiled_definitions} -std=c++${CMAKE_CXX_STANDARD})

add_custom_command(OUTPUT ${precompiled}/headers.pch ${precompiled}/headers.pch.sum
  COMMAND ${CMAKE_COMMAND} -E make_directory ${precompiled}
  COMMAND ${CMAKE_CXX_COMPILER} ${precompiled_flags} -x c++-header -MD -MF ${precompiled}/headers.d
          -MT precompiled/headers.pch ${CMAKE_SOURCE_DIR}/cmake/precompiled.h -o ${precompiled}/headers.pch
  COMMAND ${CMAKE_CXX_COMPILER} ${precompiled_flags} -x c++-header -E -P ${CMAKE_SOURCE_DIR}/cmake/precompiled.h |
          sha256sum > ${precompiled}/headers.pch.sum
  DEPENDS ${CMAKE_SOURCE_DIR}/cmake/precompiled.h
  DEPFILE ${precompiled}/headers.d
  COMMENT "Precompiling headers" VERBATIM)
add_custom_target(tanist_precompiled DEPENDS ${precompiled}/headers.pch)
add_compile_options("SHELL:$<$<COMPILE_LANGUAGE:CXX>:-include-pch precompiled/headers.pch>")
