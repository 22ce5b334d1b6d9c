import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { env } from 'node:process'
import { ArgumentError } from '../errors.js'

/** What the environment says, in the variables of Python's huggingface_hub. */
export interface HubSettings {
  /** Without a slash at its end. */
  readonly endpoint: string
  readonly token: string | null
  readonly offline: boolean
  readonly cache: string
}

export async function hubSettings(): Promise<HubSettings> {
  const { getHFHubCachePath } = await import('@huggingface/hub')
  return {
    endpoint: endpointOf(env.HF_ENDPOINT || 'https://huggingface.co'),
    token: await findToken(),
    offline: ['1', 'ON', 'YES', 'TRUE'].includes((env.HF_HUB_OFFLINE ?? '').toUpperCase()),
    cache: expand(getHFHubCachePath()),
  }
}

function endpointOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:')
    throw new ArgumentError('ERR_ARGUMENT', `HF_ENDPOINT must be an http or https address, but is ${text}`)
  return text.replace(/\/+$/, '')
}

async function findToken(): Promise<string | null> {
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface')
  const file = env.HF_TOKEN_PATH || join(home, 'token')
  const found = env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN || (await readFile(expand(file), 'utf8').catch(() => ''))
  const token = found.trim()
  // the value is a secret: an error must not show it
  if (!/^[\x21-\x7e]*$/.test(token))
    throw new ArgumentError('ERR_ARGUMENT', 'HF_TOKEN must be printable ASCII, but has other characters')
  return token || null
}

function expand(path: string): string {
  return resolve(path.replace(/^~(?=$|[/\\])/, () => homedir()))
}
