# Bugs in copies of kernel sources, to be switched on one by one: emulated::planted says which.
#
# Each bug is a text of a source and what stands there instead, with and without the bug. A text
# that is not there once fails: then the source has changed, and the bug has to follow.
#
# `headers` names variables that hold paths below SOURCE; copies go below TARGET.

macro(read_headers)
  foreach(header ${headers})
    file(READ ${SOURCE}/${${header}} text_of_${header})
  endforeach()
endmacro()

function(plant source number right wrong)
  string(FIND "${text_of_${source}}" "${right}" first)
  string(FIND "${text_of_${source}}" "${right}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "bug ${number}: this is not once in ${source}: ${right}")
  endif()
  string(REPLACE "${right}" "${wrong}" planted "${text_of_${source}}")
  set(text_of_${source} "${planted}" PARENT_SCOPE)
endfunction()

macro(write_headers)
  foreach(header ${headers})
    file(WRITE ${TARGET}/${${header}} "${text_of_${header}}")
  endforeach()
endmacro()
