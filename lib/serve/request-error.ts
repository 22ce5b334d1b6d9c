import { AbortedError, LophiError } from '../errors.js'

type Status = 400 | 401 | 403 | 404 | 405 | 408 | 413 | 415 | 429 | 500 | 503 | 504

/** An error as OpenAI's clients know it: status, and a body that names the field. */
export class RequestError extends Error {
  readonly status: Status
  readonly param: string | null
  readonly code: string | null

  constructor(status: Status, message: string, { param, code }: { param?: string; code?: string } = {}) {
    super(message)
    this.name = 'RequestError'
    this.status = status
    this.param = param ?? null
    this.code = code ?? null
  }

  get body() {
    const { message, param, code } = this
    return { error: { message, type: typeOf(this.status), param, code } }
  }
}

function typeOf(status: Status): string {
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}

/** What a client is told of an error. `param`: the field that the prompt stands in. */
export function requestErrorOf(error: unknown, param?: string): RequestError {
  if (error instanceof RequestError) return error
  if (error instanceof AbortedError && error.cause instanceof RequestError) return error.cause
  const field = param === undefined ? {} : { param }
  if (error instanceof LophiError) {
    if (error.code === 'ERR_CONTEXT_OVERFLOW')
      return new RequestError(400, error.message, { ...field, code: 'context_length_exceeded' })
    if (error.code === 'ERR_QUEUE_FULL') return new RequestError(429, error.message, { code: 'queue_full' })
    if (error.code === 'ERR_DISPOSED') return new RequestError(503, error.message, { code: 'shutting_down' })
    if (error.code === 'ERR_ABORTED') return new RequestError(503, error.message, { code: 'aborted' })
    if (['ERR_ARGUMENT', 'ERR_OUT_OF_RANGE', 'ERR_TOKENIZER_MISSING'].includes(error.code))
      return new RequestError(400, error.message, field)
    return new RequestError(500, error.message, { code: error.code })
  }
  // what is not ours may hold anything
  return new RequestError(500, 'the server failed on this request', { code: 'internal_error' })
}
