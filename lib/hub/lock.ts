import { open, readFile, rm, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { pid } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'

const heartbeatMs = 2000
const staleMs = 20_000
const pollMs = 100

/**
 * Runs `action` while no other process does. It saves downloading a file twice and no more: every writer has a partial
 * file of its own, so a lock that is broken in error does no harm.
 */
export async function withLock<T>(path: string, signal: AbortSignal | undefined, action: () => Promise<T>): Promise<T> {
  while (!(await take(path))) {
    if (await isStale(path)) await rm(path, { force: true })
    else await sleep(pollMs, undefined, signal ? { signal } : {})
  }
  const heartbeat = setInterval(() => void touch(path), heartbeatMs).unref()
  try {
    return await action()
  } finally {
    clearInterval(heartbeat)
    await rm(path, { force: true })
  }
}

async function take(path: string): Promise<boolean> {
  try {
    await using file = await open(path, 'wx')
    await file.write(JSON.stringify({ host: hostname(), pid }))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function touch(path: string): Promise<void> {
  const now = new Date()
  await utimes(path, now, now).catch(() => {})
}

/** Its owner died, or has shown no sign of life. */
async function isStale(path: string): Promise<boolean> {
  try {
    if (Date.now() - (await stat(path)).mtimeMs > staleMs) return true
    const owner = JSON.parse(await readFile(path, 'utf8')) as { host: string; pid: number }
    return owner.host === hostname() && !isAlive(owner.pid)
  } catch {
    return false // gone, or its owner is about to write
  }
}

function isAlive(id: number): boolean {
  try {
    process.kill(id, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
