# Writes a CUDA source as plain C++, where it is none: kernel<<<how>>>(what) becomes
# emulated::launcher(kernel, how)(what), and a variable of a CTA is asked of the machine.
#
#   cmake -DSOURCE=file.cu -DTARGET=file.cpp -P plain_cpp.cmake

file(READ ${SOURCE} text)
string(REGEX REPLACE "([a-z_]+(<[A-Za-z_(), ]*>)?)[ \n]*<<<" "emulated::launcher(\\1, "
  text "${text}")
string(REPLACE ">>>(" ")(" text "${text}")
string(REGEX REPLACE "__shared__ ([^;]+) ([a-z_]+);"
  "auto& \\2 = emulated::cta_variable<\\1>(\"\\2\");" text "${text}")
if(text MATCHES "<<<" OR text MATCHES "__shared__")
  message(FATAL_ERROR "a launch or a variable of another form: ${SOURCE}")
endif()
file(WRITE ${TARGET} "${text}")
