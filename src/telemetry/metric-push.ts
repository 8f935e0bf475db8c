/** Metrics to a collector, from time to time, by OTLP. In JSON, where exemplars can be put in: the serializer knows none. */
import { JsonMetricsSerializer } from '@opentelemetry/otlp-transformer';
import type { MetricProducer } from '@opentelemetry/sdk-metrics';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Poster } from '../lib/collector.ts';
import { exemplarsOf } from './exemplars.ts';
import type { Exemplar } from './histogram.ts';
import type { MetricPushState } from './metrics.ts';
import { METRICS } from './names.ts';

export interface MetricPushOptions {
  readonly producer: MetricProducer;
  readonly intervalMs: number;
  /** `Poster` of lib/collector.ts. */
  readonly poster: Pick<Poster, 'post' | 'close'>;
  readonly onError: (error: unknown) => void;
}

export class MetricPush {
  readonly #options: MetricPushOptions;
  readonly #timer: NodeJS.Timeout;
  #sending: Promise<void> | null = null;
  #sendings = 0;
  #failures = 0;

  constructor(options: MetricPushOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.push(), options.intervalMs).unref();
  }

  get state(): MetricPushState {
    return { sendings: this.#sendings, failures: this.#failures };
  }

  /** Sends what is counted now, unless a sending is under way. Never rejects. */
  push(): Promise<void> {
    return (this.#sending ??= this.#push().finally(() => (this.#sending = null)));
  }

  /** Sends once more, for so long at most. */
  async close(timeoutMs: number): Promise<void> {
    clearInterval(this.#timer);
    const timer = setTimeout(() => this.#options.poster.close(), timeoutMs);
    await this.#sending;
    await this.push();
    clearTimeout(timer);
    this.#options.poster.close();
  }

  async #push(): Promise<void> {
    const { producer, poster, onError } = this.#options;
    try {
      const { resourceMetrics, errors } = await producer.collect();
      if (errors.length > 0) throw new AggregateError(errors, 'metrics could not be collected');
      this.#sendings += 1;
      const rejected = rejectedIn(await poster.post(bodyOf(resourceMetrics), 'application/json'));
      if (rejected !== null) throw new Error(`the collector has rejected metrics: ${rejected}`);
    } catch (error) {
      this.#failures += 1;
      onError(error);
    }
  }
}

/** What of the protobuf message ExportMetricsServiceRequest is looked at here. */
interface Body {
  readonly resourceMetrics: readonly {
    readonly scopeMetrics: readonly {
      readonly metrics: readonly {
        readonly name: string;
        readonly histogram?: { readonly dataPoints: { exemplars?: readonly object[] }[] };
      }[];
    }[];
  }[];
}

function bodyOf(metrics: ResourceMetrics): string {
  const text = new TextDecoder().decode(JsonMetricsSerializer.serializeRequest(metrics));
  const { name } = METRICS.checkDuration;
  const exemplars = exemplarsOf(metrics, name);
  if (!exemplars.some((point) => point.some((each) => each !== null))) return text;
  const body = JSON.parse(text) as Body;
  const durations = body.resourceMetrics
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    .find((metric) => metric.name === name);
  for (const [index, point] of (durations?.histogram?.dataPoints ?? []).entries())
    point.exemplars = (exemplars[index] ?? []).filter((each) => each !== null).map(exemplarJson);
  return JSON.stringify(body);
}

function exemplarJson({ traceId, spanId, seconds, timeMs }: Exemplar): object {
  return { timeUnixNano: `${timeMs}000000`, asDouble: seconds, traceId, spanId };
}

/** https://opentelemetry.io/docs/specs/otlp/#partial-success-1. null: nothing was. */
function rejectedIn(answer: string): string | null {
  try {
    const { partialSuccess } = JSON.parse(answer) as {
      readonly partialSuccess?: {
        readonly rejectedDataPoints?: string | number;
        readonly errorMessage?: string;
      } | null;
    };
    const rejected = Number(partialSuccess?.rejectedDataPoints ?? 0);
    return rejected > 0 ? `${rejected} points: ${partialSuccess?.errorMessage ?? ''}` : null;
  } catch {
    // An answer without a body says that all is well.
    return null;
  }
}
