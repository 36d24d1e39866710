import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/whole-sizes.ts'],
    // Syncs take as long as the disk likes: a time-out is there to end what hangs.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
