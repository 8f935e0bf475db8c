/** Batches to a collector over HTTP, as JSON lines or as one array. */
import { Poster } from '../../lib/collector.ts';
import type { Collector } from '../../lib/collector.ts';
import type { Batch, Sink } from '../batch.ts';

export class HttpSink implements Sink {
  readonly name = 'http';
  readonly #poster: Poster;
  readonly #format: 'lines' | 'array';

  constructor(collector: Collector & { readonly format: 'lines' | 'array' }) {
    this.#poster = new Poster(collector);
    this.#format = collector.format;
  }

  async send({ bytes }: Batch): Promise<void> {
    if (this.#format === 'lines') {
      await this.#poster.post(bytes, 'application/x-ndjson');
      return;
    }
    const lines = bytes.toString('utf8').trimEnd();
    await this.#poster.post(`[${lines.replaceAll('\n', ',')}]`, 'application/json');
  }

  close(): Promise<void> {
    this.#poster.close();
    return Promise.resolve();
  }
}
