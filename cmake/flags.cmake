# Flags that every source shares, and how the addon is linked.
add_library(lophi_flags INTERFACE)

if(MSVC)
  target_compile_options(lophi_flags INTERFACE /W4 /utf-8 /permissive- /EHsc /fp:precise)
  if(LOPHI_WERROR)
    target_compile_options(lophi_flags INTERFACE /WX)
  endif()
else()
  target_compile_options(lophi_flags INTERFACE -Wall -Wextra -Wpedantic -fno-fast-math)
  if(LOPHI_WERROR)
    target_compile_options(lophi_flags INTERFACE -Werror)
  endif()
endif()

if(WIN32)
  target_compile_definitions(lophi_flags INTERFACE NOMINMAX WIN32_LEAN_AND_MEAN)
endif()

if(MINGW)
  target_link_libraries(lophi_flags INTERFACE synchronization)  # WaitOnAddress, core/sleep.h
endif()

if(LOPHI_SANITIZE)
  # -O1: a third of the time to compile, and stacks that can be read.
  target_compile_options(lophi_flags INTERFACE -fsanitize=${LOPHI_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -g1 -UNDEBUG)
  target_link_options(lophi_flags INTERFACE -fsanitize=${LOPHI_SANITIZE})
endif()

# An import library of node.exe made of the .def files of node-api-headers.
function(import_node_api target)
  execute_process(COMMAND node -p "require('path').resolve(require('node-api-headers').def_paths.node_api_def)"
                  WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
                  OUTPUT_VARIABLE node_api_def OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  cmake_path(GET node_api_def PARENT_PATH folder)
  file(STRINGS ${folder}/js_native_api.def symbols)
  file(STRINGS ${node_api_def} more)
  list(APPEND symbols ${more})
  list(FILTER symbols EXCLUDE REGEX "^(NAME|EXPORTS)")
  list(JOIN symbols "\n" symbols)
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/node.def "NAME node.exe\nEXPORTS\n${symbols}\n")
  execute_process(COMMAND ${DLLTOOL} -d node.def -D node.exe -l libnode.a WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}
                  COMMAND_ERROR_IS_FATAL ANY)
  target_link_libraries(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/libnode.a)
endfunction()

# Node exports the symbols of Node-API; on Windows they come from an import library made of a .def file.
function(link_addon target)
  if(MSVC AND CMAKE_JS_NODELIB_DEF AND CMAKE_JS_NODELIB_TARGET)
    execute_process(COMMAND ${CMAKE_AR} /def:${CMAKE_JS_NODELIB_DEF} /out:${CMAKE_JS_NODELIB_TARGET} ${CMAKE_STATIC_LINKER_FLAGS}
                    COMMAND_ERROR_IS_FATAL ANY)
  elseif(MINGW)
    import_node_api(${target})
    # One file: no DLL of the compiler beside it.
    target_link_options(${target} PRIVATE -static LINKER:--gc-sections)
  elseif(APPLE)
    target_link_options(${target} PRIVATE LINKER:-undefined,dynamic_lookup)
  elseif(UNIX AND NOT LOPHI_SANITIZE)
    # One binary for every distribution: no newer libstdc++ than the user's is needed, and none of its symbols is exported.
    target_link_options(${target} PRIVATE -static-libstdc++ LINKER:--exclude-libs,ALL,--gc-sections)
  endif()
endfunction()
