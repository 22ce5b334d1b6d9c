# Toolchain: the Windows x64 build from Linux, by mingw-w64 (Debian: g++-mingw-w64-x86-64-posix). See docs/directml.md.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc-posix)
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++-posix)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
set(DLLTOOL x86_64-w64-mingw32-dlltool)

# The stack of Win64 is aligned to 16 bytes and GCC does not realign it for 32- and 64-byte vectors (GCC bug 54412), so that
# an aligned spill of one crashes: the assembler turns aligned vector moves into unaligned ones.
set(CMAKE_CXX_FLAGS_INIT -Wa,-muse-unaligned-vector-move)
