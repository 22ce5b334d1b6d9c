import { stderr } from 'node:process'
import progress from 'cli-progress'
import type { PrefillProgress } from '../generate/sequence.js'
import type { PullProgress } from '../hub/index.js'
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

/** What has arrived of the files of a model, with the rate of this run. */
export function downloadBar(): { onProgress: (progress: PullProgress) => void; stop: () => void } {
  let begun: { at: number; done: number } | undefined
  if (!stderr.isTTY) return { onProgress() {}, stop() {} }
  const bar = new progress.SingleBar({
    stream: stderr,
    format: '[{bar}] {value}/{total}  {rate}/s  {file}',
    clearOnComplete: true,
    gracefulExit: false,
    formatValue: (value, _, type) => (type === 'percentage' ? `${value}` : formatBytes(value)),
  })
  return {
    onProgress({ file, done, total }) {
      begun ??= { at: performance.now(), done }
      const seconds = Math.max(0.001, (performance.now() - begun.at) / 1000)
      const payload = { file, rate: formatBytes(Math.round(Math.max(0, done - begun.done) / seconds)) }
      if (bar.isActive) bar.update(done, payload)
      else bar.start(total, done, payload)
    },
    stop: () => bar.stop(),
  }
}
