# Stands in for the common.gypi of Node's own headers, so that node-gyp needs neither those nor a network (--nodedir=scripts/gyp).
# The headers of Node-API come from the package node-api-headers.
{
  'target_defaults': {
    'default_configuration': 'Release',
    'configurations': { 'Debug': {}, 'Release': {} },
    'conditions': [
      ['OS=="mac"', {
        'xcode_settings': { 'ALWAYS_SEARCH_USER_PATHS': 'NO' },
      }],
    ],
  },
}
