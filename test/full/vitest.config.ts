import { defineConfig } from 'vitest/config'

// biome-ignore lint/style/noDefaultExport: vitest reads it
export default defineConfig({
  test: { include: ['test/full/*.test.ts'], pool: 'forks', testTimeout: 600_000, hookTimeout: 600_000 },
})
