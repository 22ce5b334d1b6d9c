import { Worker } from 'node:worker_threads'

// runs as it stands in the worker
const watch = `
const { parentPort, workerData } = require('node:worker_threads')
const { writeSync } = require('node:fs')
let timer
parentPort.on('message', (doing) => {
  clearTimeout(timer)
  timer = setTimeout(() => {
    writeSync(2, doing + ': must end soon, but still runs after ' + workerData + ' ms\\n')
    process.kill(process.pid, 'SIGKILL')
  }, workerData)
})`

export interface Watchdog {
  /** Says what is done next, for at most the time agreed. */
  next(doing: string): void
  stop(): Promise<unknown>
}

/** Ends the process where a step takes longer than `patience` milliseconds: in a loop without end no timer of its own runs. */
export function watchdog(patience: number): Watchdog {
  const worker = new Worker(watch, { eval: true, workerData: patience, execArgv: [] })
  worker.unref()
  return { next: (doing) => worker.postMessage(doing), stop: () => worker.terminate() }
}
