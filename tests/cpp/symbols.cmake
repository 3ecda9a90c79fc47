# SPDX-License-Identifier: MIT
# cmake -DNM=nm -DLIBRARY=libmelpix.a -P symbols.cmake
# A weak symbol is one that the linker may take from any object file. From a file compiled with
# special flags none may leave but those in that file's own namespace: else a processor without
# AVX2 may meet AVX2 code in, say, std::vector.
execute_process(COMMAND ${NM} -C --defined-only ${LIBRARY}
  OUTPUT_VARIABLE output RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${NM} failed on ${LIBRARY}")
endif()
string(REPLACE ";" "," output "${output}")
string(REPLACE "\n" ";" lines "${output}")
set(isa "")
set(checked 0)
set(leaks "")
foreach(line IN LISTS lines)
  if(line MATCHES "^isa_([a-z0-9]+)\\.cpp\\.o")
    set(isa ${CMAKE_MATCH_1})
  elseif(line MATCHES "^[^ ]+\\.o:")
    set(isa "")
  elseif(isa AND line MATCHES "^[0-9a-f]+ [WVu] (.*)")
    set(symbol "${CMAKE_MATCH_1}")
    math(EXPR checked "${checked} + 1")
    # DW.ref.* are pointers that exception tables use, the same in every object file.
    if(NOT symbol MATCHES "melpix_${isa}_pocketfft::|melpix::${isa}::|^DW\\.ref\\.")
      string(APPEND leaks "\n  isa_${isa}.cpp: ${symbol}")
    endif()
  endif()
endforeach()
if(leaks)
  message(FATAL_ERROR "Weak symbols outside of the instruction set's namespace:${leaks}")
endif()
if(checked EQUAL 0)
  message(FATAL_ERROR "No weak symbol found in ${LIBRARY}: is it still an archive of isa_*.cpp.o?")
endif()
message("${checked} weak symbols, all in their own namespaces")
