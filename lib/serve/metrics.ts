import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Scheduler, SchedulerStats } from './scheduler.js'

/** What `/metrics` tells, in Prometheus' form. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #requests: Counter<'path' | 'status'>
  readonly #seconds: Readonly<Record<'queue' | 'firstToken' | 'request', Histogram>>

  constructor(scheduler: Scheduler) {
    const registers = [this.#registry]
    this.#requests = new Counter({
      name: 'lophi_requests_total',
      help: 'Requests by path and status',
      labelNames: ['path', 'status'],
      registers,
    })
    const seconds = (name: string, help: string) =>
      new Histogram({ name, help, buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300], registers })
    this.#seconds = {
      queue: seconds('lophi_queue_seconds', 'Time that a request waited for its first step of work'),
      firstToken: seconds('lophi_first_token_seconds', 'Time to the first token'),
      request: seconds('lophi_request_seconds', 'Time to the end of an answer'),
    }
    const gauge = (name: string, help: string, of: (stats: SchedulerStats) => number) =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(of(scheduler.stats))
        },
      })
    gauge('lophi_running', 'Sequences under way', ({ running }) => running)
    gauge('lophi_waiting', 'Requests that wait', ({ waiting }) => waiting)
    gauge('lophi_pages_used', 'Pages of the cache that are in use or hold known prefixes', ({ pages }) => pages.used)
    gauge('lophi_pages_idle', 'Pages that only hold known prefixes', ({ pages }) => pages.idle)
    gauge('lophi_pages_limit', 'Pages at most', ({ pages }) => pages.limit)
    const counter = (name: string, help: string, of: (stats: SchedulerStats) => number) =>
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset()
          this.inc(of(scheduler.stats))
        },
      })
    counter('lophi_prompt_tokens_total', 'Tokens of prompts', ({ promptTokens }) => promptTokens)
    counter('lophi_prefilled_tokens_total', 'Tokens of prompts that were computed', (stats) => stats.prefilledTokens)
    counter('lophi_cached_tokens_total', 'Tokens of prompts found in known pages', ({ cachedTokens }) => cachedTokens)
    counter('lophi_generated_tokens_total', 'Tokens of answers', ({ generatedTokens }) => generatedTokens)
    counter('lophi_preemptions_total', 'Requests that gave their pages back for a time', (stats) => stats.preemptions)
    counter('lophi_steps_total', 'Steps of decoding', ({ steps }) => steps)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }

  request(path: string, status: number): void {
    this.#requests.inc({ path, status: `${status}` })
  }

  /** Milliseconds of an answer that has ended. */
  answer(queue: number, firstToken: number, request: number): void {
    this.#seconds.queue.observe(queue / 1000)
    this.#seconds.firstToken.observe(firstToken / 1000)
    this.#seconds.request.observe(request / 1000)
  }
}
