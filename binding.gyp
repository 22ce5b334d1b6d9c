# The build for machines without CMake: the same sources and flags as CMakeLists.txt and cmake/isa.cmake, less the warnings.
{
  'target_defaults': {
    'include_dirs': ['native'],
    'cflags!': ['-fno-exceptions'],
    'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17', '-std=gnu++20'],
    'cflags_cc': ['-std=c++20', '-O3', '-fno-fast-math', '-fvisibility=hidden', '-fvisibility-inlines-hidden'],
    'defines': ['NDEBUG'],
    'xcode_settings': {
      'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
      'CLANG_CXX_LIBRARY': 'libc++',
      'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
      'GCC_ENABLE_CPP_RTTI': 'YES',
      'GCC_OPTIMIZATION_LEVEL': '3',
      'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
      'MACOSX_DEPLOYMENT_TARGET': '11.0',
    },
    'msvs_settings': {
      'VCCLCompilerTool': {
        'ExceptionHandling': 1,
        'AdditionalOptions': ['/std:c++20', '/utf-8', '/permissive-', '/fp:precise'],
      },
    },
    'conditions': [
      ['OS=="win"', { 'defines': ['NOMINMAX', 'WIN32_LEAN_AND_MEAN'] }],
    ],
  },
  'targets': [
    {
      'target_name': 'lophi',
      'sources': ['native/addon.cpp', '<!@(node scripts/sources.mjs core napi cpu cuda)'],
      'include_dirs': [
        '<!(node -p "require(\'node-api-headers\').include_dir")',
        '<!(node -p "require(\'node-addon-api\').include_dir")',
      ],
      'cflags_cc': ['-ffp-contract=off'],
      'xcode_settings': { 'OTHER_CPLUSPLUSFLAGS': ['-ffp-contract=off'] },
      'defines': ['NAPI_VERSION=8', 'NODE_ADDON_API_CPP_EXCEPTIONS', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'],
      'conditions': [
        ['OS=="win"', {
          'sources': ['<!@(node scripts/sources.mjs dml)'],
          'include_dirs': ['<(INTERMEDIATE_DIR)'],
          'actions': [{
            'action_name': 'embed_hlsl',
            'inputs': ['scripts/embed-hlsl.mjs'],
            'outputs': ['<(INTERMEDIATE_DIR)/dml/kernels.gen.h'],
            'action': ['node', 'scripts/embed-hlsl.mjs', '<@(_outputs)'],
          }],
        }, {
          'sources': ['native/dml/absent.cpp'],
        }],
        ['OS=="linux"', {
          'libraries': ['-pthread', '-ldl'],
          'ldflags': ['-static-libstdc++', '-Wl,--exclude-libs,ALL,--gc-sections'],
        }],
        ['target_arch=="x64"', { 'dependencies': ['isa_avx2', 'isa_avx512', 'isa_avx512vnni'] }],
      ],
    },
  ],
  'conditions': [
    ['target_arch=="x64"', {
      'targets': [
        {
          'target_name': 'isa_avx2',
          'type': 'static_library',
          'sources': ['native/cpu/isa_avx2.cpp'],
          'cflags_cc': ['-mavx2', '-mfma', '-mf16c'],
          'xcode_settings': { 'OTHER_CPLUSPLUSFLAGS': ['-mavx2', '-mfma', '-mf16c'] },
          'msvs_settings': { 'VCCLCompilerTool': { 'AdditionalOptions': ['/arch:AVX2'] } },
        },
        {
          'target_name': 'isa_avx512',
          'type': 'static_library',
          'variables': { 'flags': ['-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq', '-mfma', '-mf16c'] },
          'sources': ['native/cpu/isa_avx512.cpp'],
          'cflags_cc': ['<@(flags)'],
          'xcode_settings': { 'OTHER_CPLUSPLUSFLAGS': ['<@(flags)'] },
          'msvs_settings': { 'VCCLCompilerTool': { 'AdditionalOptions': ['/arch:AVX512'] } },
        },
        {
          'target_name': 'isa_avx512vnni',
          'type': 'static_library',
          'variables': { 'flags': ['-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq', '-mfma', '-mf16c', '-mavx512vnni'] },
          'sources': ['native/cpu/isa_avx512vnni.cpp'],
          'cflags_cc': ['<@(flags)'],
          'xcode_settings': { 'OTHER_CPLUSPLUSFLAGS': ['<@(flags)'] },
          'msvs_settings': { 'VCCLCompilerTool': { 'AdditionalOptions': ['/arch:AVX512'] } },
        },
      ],
    }],
  ],
}
