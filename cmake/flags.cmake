# Flags that every source shares, and how the addon is linked.
add_library(lophi_flags INTERFACE)

if(MSVC)
  target_compile_options(lophi_flags INTERFACE /W4 /utf-8 /permissive- /EHsc /fp:precise)
  target_compile_definitions(lophi_flags INTERFACE NOMINMAX WIN32_LEAN_AND_MEAN)
  if(LOPHI_WERROR)
    target_compile_options(lophi_flags INTERFACE /WX)
  endif()
else()
  target_compile_options(lophi_flags INTERFACE -Wall -Wextra -Wpedantic -fno-fast-math)
  if(LOPHI_WERROR)
    target_compile_options(lophi_flags INTERFACE -Werror)
  endif()
endif()

if(LOPHI_SANITIZE)
  target_compile_options(lophi_flags INTERFACE -fsanitize=${LOPHI_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g -UNDEBUG)
  target_link_options(lophi_flags INTERFACE -fsanitize=${LOPHI_SANITIZE})
endif()

# Node exports the symbols of Node-API; on Windows they come from an import library made of a .def file.
function(link_addon target)
  if(MSVC AND CMAKE_JS_NODELIB_DEF AND CMAKE_JS_NODELIB_TARGET)
    execute_process(COMMAND ${CMAKE_AR} /def:${CMAKE_JS_NODELIB_DEF} /out:${CMAKE_JS_NODELIB_TARGET} ${CMAKE_STATIC_LINKER_FLAGS}
                    COMMAND_ERROR_IS_FATAL ANY)
  elseif(APPLE)
    target_link_options(${target} PRIVATE LINKER:-undefined,dynamic_lookup)
  elseif(UNIX AND NOT LOPHI_SANITIZE)
    # One binary for every distribution: no newer libstdc++ than the user's is needed, and none of its symbols is exported.
    target_link_options(${target} PRIVATE -static-libstdc++ LINKER:--exclude-libs,ALL,--gc-sections)
  endif()
endfunction()
