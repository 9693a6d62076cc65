# Compares the symbols that LIBRARY exports with the functions that HEADER declares, and the
# libraries it needs with those that every glibc system has.

file(STRINGS "${HEADER}" declarations REGEX "^PAGODA_API ")
list(TRANSFORM declarations REPLACE "^PAGODA_API [a-z0-9_]+ (pagoda_[a-z0-9_]+)\\(.*$" "\\1")
list(SORT declarations)

execute_process(COMMAND "${NM}" --dynamic --defined-only --format=posix "${LIBRARY}"
  OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "(^|\n)[^ \n]+" exports "${symbols}")
list(TRANSFORM exports STRIP)
list(SORT exports)

if(NOT declarations OR NOT exports STREQUAL declarations)
  message(FATAL_ERROR "exported: ${exports}\ndeclared: ${declarations}")
endif()

execute_process(COMMAND "${READELF}" --dynamic --wide "${LIBRARY}"
  OUTPUT_VARIABLE dynamic COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "NEEDED[^[]*\\[[^]]+\\]" needed "${dynamic}")
list(TRANSFORM needed REPLACE "^.*\\[(.*)\\]$" "\\1")
foreach(name IN LISTS needed)
  if(NOT name MATCHES "^(libc|libm|libdl|librt|libpthread|ld-linux-x86-64)\\.so\\.[0-9]+$")
    message(FATAL_ERROR "the library needs ${name}; all it needs: ${needed}")
  endif()
endforeach()

# Not a limit, for it follows the machine that builds; the number belongs in a release note.
execute_process(COMMAND "${READELF}" --version-info --wide "${LIBRARY}"
  OUTPUT_VARIABLE versions COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "GLIBC_[0-9.]+" versions "${versions}")
list(REMOVE_DUPLICATES versions)
list(SORT versions COMPARE NATURAL ORDER DESCENDING)
list(GET versions 0 newest)
message(STATUS "the newest symbol needed is of ${newest}")
