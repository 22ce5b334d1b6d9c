# isa_test: checks and times the inner loops that the addon is made of; test/isa/run.mjs builds it. The package has no tests.
if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/test/isa AND NOT WIN32)
  add_executable(isa_test EXCLUDE_FROM_ALL test/isa/isa_test.cpp test/isa/isa_bench.cpp
                          "$<FILTER:$<TARGET_OBJECTS:cpu>,INCLUDE,/cpu/(isa|thread_scratch)>")
  target_include_directories(isa_test PRIVATE native)
  target_link_libraries(isa_test PRIVATE lophi_flags Threads::Threads)
endif()
