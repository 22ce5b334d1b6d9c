# DirectML: on Windows the backend, elsewhere the row that says why there is none.
if(WIN32)
  add_folder(dml)
  set(generated ${CMAKE_CURRENT_BINARY_DIR}/generated)
  file(GLOB kernels CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/native/dml/ops/*.hlsl ${CMAKE_CURRENT_SOURCE_DIR}/native/dml/ops/*.hlsli)
  add_custom_command(
    OUTPUT ${generated}/dml/kernels.gen.h
    COMMAND node ${CMAKE_CURRENT_SOURCE_DIR}/scripts/embed-hlsl.mjs ${generated}/dml/kernels.gen.h
    DEPENDS ${kernels} ${CMAKE_CURRENT_SOURCE_DIR}/scripts/embed-hlsl.mjs)
  target_sources(dml PRIVATE ${generated}/dml/kernels.gen.h)
  target_include_directories(dml PRIVATE ${generated})
  target_link_libraries(lophi PRIVATE dml)
else()
  target_sources(lophi PRIVATE native/dml/absent.cpp)
endif()

if(MINGW)
  # DirectML.h alone: the other headers beside it are those of another compiler.
  find_file(DIRECTML_H directx/DirectML.h PATHS /usr/include NO_CMAKE_FIND_ROOT_PATH REQUIRED)
  configure_file(${DIRECTML_H} ${CMAKE_CURRENT_BINARY_DIR}/directx/DirectML.h COPYONLY)
  target_include_directories(dml SYSTEM PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/directx)
endif()
