import { stderr } from 'node:process'
import progress from 'cli-progress'
import type { PrefillProgress } from '../generate/sequence.js'
import { formatBytes } from './output.js'

export interface ProgressBar {
  /** `inText`: the cursor stands behind text, so the bar begins a new line. */
  update(done: number, total: number, inText?: boolean): void
  /** Removes the bar. Idempotent. */
  stop(): void
}

/** A bar on stderr from the first update of unfinished work on; nothing where stderr is no terminal. */
export function progressBar(label: string, unit: 'count' | 'bytes' = 'count'): ProgressBar {
  if (!stderr.isTTY) return { update() {}, stop() {} }
  const bar = new progress.SingleBar({
    stream: stderr,
    format: `${label} [{bar}] {value}/{total}`,
    clearOnComplete: true,
    gracefulExit: false, // Ctrl+C is signal.ts's
    formatValue: (value, _, type) => (unit === 'bytes' && type !== 'percentage' ? formatBytes(value) : `${value}`),
  })
  return {
    update(done, total, inText = false) {
      if (bar.isActive) bar.update(done)
      else if (done < total) {
        if (inText) stderr.write('\n')
        bar.start(total, done)
      }
    },
    stop: () => bar.stop(),
  }
}

/** While a prompt is read, and while the cache of a LongRoPE model is computed anew in the middle of an answer. */
export function generationBar(): { onProgress: (progress: PrefillProgress) => void; stop: () => void } {
  const bar = progressBar('reading')
  return { onProgress: ({ stage, done, total }) => bar.update(done, total, stage === 'rope-switch'), stop: bar.stop }
}
