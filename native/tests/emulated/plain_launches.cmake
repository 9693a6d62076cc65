# Writes a CUDA source as plain C++: kernel<<<how>>>(what) becomes emulated::launcher(kernel, how)(what).
#
#   cmake -DSOURCE=file.cu -DTARGET=file.cpp -P plain_launches.cmake

file(READ ${SOURCE} text)
string(REGEX REPLACE "([a-z_]+(<[A-Za-z, ]*>)?)[ \n]*<<<" "emulated::launcher(\\1, " text "${text}")
string(REPLACE ">>>(" ")(" text "${text}")
if(text MATCHES "<<<")
  message(FATAL_ERROR "a launch of another form: ${SOURCE}")
endif()
file(WRITE ${TARGET} "${text}")
