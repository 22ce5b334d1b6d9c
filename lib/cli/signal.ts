import { exitCodes } from './output.js'

/** Aborts at the first Ctrl+C; the second ends the process at once. */
export function abortOnInterrupt(): AbortSignal {
  const controller = new AbortController()
  process.on('SIGINT', () => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted)
    controller.abort()
  })
  return controller.signal
}
