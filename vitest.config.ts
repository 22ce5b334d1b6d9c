import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    globalSetup: 'test/simt/setup.ts',
    include: ['test/**/*.test.ts'],
    exclude: ['test/oracles/**', 'test/full/**', '**/node_modules/**'],
    // one process per file: a crash in native code takes one file down, and the addon's threads end with it
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // of expect.poll; a machine may be busy
    expect: { poll: { timeout: 20_000 } },
    typecheck: { enabled: true, include: ['test/**/*.test-d.ts'], tsconfig: 'test/tsconfig.json' },
  },
})
