/** The decision log of one process, as the configuration has it. */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { ServiceConfig } from '../config/config.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Sink } from './batch.ts';
import { DecisionLog } from './decision-log.ts';
import { iso } from './lines.ts';
import type { Retired, StreamEnd } from './lines.ts';
import { Outlet } from './outlet.ts';
import { sealKey, Sealer, UnusableKey } from './seal.ts';
import type { SealKey } from './seal.ts';
import { FileSink } from './sinks/file-sink.ts';
import { HttpSink } from './sinks/http-sink.ts';
import { LineSink } from './sinks/line-sink.ts';
import type { Lines } from './sinks/line-sink.ts';
import { OtlpSink } from './sinks/otlp-sink.ts';
import { Spill } from './spill.ts';
import { StreamState } from './state.ts';

export interface AuditParts {
  readonly settings: ServiceConfig['audit'];
  /** Number of this process among {@link workers}, from 0; the same one again in the place of one that ended. */
  readonly worker: number;
  readonly workers: number;
  /** Of the program. */
  readonly version: string;
  readonly stderr: Lines;
  readonly stdout: Lines;
  readonly log: Logger;
}

/** What it needs is not there: for the operator. */
export class AuditUnusable extends Error {
  override readonly name = 'AuditUnusable';
}

type SinkName = ServiceConfig['audit']['sinks'][number];

/**
 * Somebody looks at a terminal, so its lines go on soon; but not each by itself: the promises, timers and the thread that
 * writes cost as much for one line as for a hundred.
 */
const TERMINAL_HOLD_MS = 10;
/** A sink that is down is told of once in this time. */
const TELL_EVERY_MS = 60_000;

/** @throws {@link AuditUnusable} */
export async function openDecisionLog(parts: AuditParts): Promise<DecisionLog> {
  const { settings } = parts;
  const instance = settings.instance === '' ? fileName(hostname()) : settings.instance;
  const stream = `${instance}/${parts.worker}/${iso(Date.now())}`;
  const key = await sealKeyFrom(settings);
  const outlets: Outlet[] = [];
  for (const name of settings.sinks) outlets.push(await openOutlet(name, parts, instance, stream, key));
  const { denials, allowSample, required } = settings;
  return new DecisionLog({ denials, allowSample, required, stream, outlets });
}

async function openOutlet(
  name: SinkName,
  parts: AuditParts,
  instance: string,
  stream: string,
  key: SealKey | null,
): Promise<Outlet> {
  const { settings, worker, workers, log } = parts;
  const onError = teller(log, name);
  const own = `${instance}-${worker}-${name}`;
  const isTerminal = name === 'stderr' || name === 'stdout';
  const place = settings.directory ?? (name === 'file' ? settings.file.directory : null);
  const state =
    place === null || (isTerminal && key === null)
      ? null
      : new StreamState(join(place, `${own}.state`), (error) => onError(error, 'the end of the log cannot be kept'));
  let previous: StreamEnd | null;
  let spill: Spill | null;
  try {
    previous = (await state?.load()) ?? null;
    spill =
      settings.directory === null
        ? null
        : await Spill.open(join(settings.directory, own), settings.maxSpillBytes, stream);
  } catch (cause) {
    throw new AuditUnusable(`what waits for the decision log cannot be read: ${messageOf(cause)}`, { cause });
  }
  let outlet: Outlet | null = null;
  const sink = openSink(name, parts, {
    instance,
    stream,
    onError,
    retired: (retired) => outlet?.say((lines) => lines.retired(retired)),
  });
  const { flushMs, required, maxQueueBytes, integrity } = settings;
  return (outlet = new Outlet({
    sink,
    stream,
    begin: { instance, worker, workers, flushMs, required, method: integrity.method },
    previous,
    sealer: key === null ? null : new Sealer(stream, key),
    spill,
    spillsFirst: name === 'http' || name === 'otlp',
    state,
    maxQueueBytes,
    holdMs: isTerminal && key === null ? Math.min(TERMINAL_HOLD_MS, flushMs) : flushMs,
    onError,
  }));
}

interface SinkParts {
  readonly instance: string;
  readonly stream: string;
  readonly onError: (error: unknown, what: string) => void;
  readonly retired: (retired: Retired) => void;
}

function openSink(name: SinkName, parts: AuditParts, { instance, stream, onError, retired }: SinkParts): Sink {
  const { settings, worker, version, stderr, stdout } = parts;
  switch (name) {
    case 'stderr':
      return new LineSink(name, stderr);
    case 'stdout':
      return new LineSink(name, stdout);
    case 'file': {
      const { directory, ...limits } = settings.file;
      return new FileSink({ ...limits, directory: directory!, instance, worker, stream, onRetired: retired, onError });
    }
    case 'http':
      return new HttpSink(settings.http);
    case 'otlp':
      return new OtlpSink(settings.otlp, instance, version);
  }
}

async function sealKeyFrom({ integrity }: ServiceConfig['audit']): Promise<SealKey | null> {
  const { method, keyFile } = integrity;
  if (method === 'none' || keyFile === null) return null;
  try {
    return sealKey(method, await readFile(keyFile));
  } catch (cause) {
    const why = cause instanceof UnusableKey ? cause.message : messageOf(cause);
    throw new AuditUnusable(`the key of the decision log (${keyFile}) cannot be used: ${why}`, { cause });
  }
}

/** To the service log, each kind of trouble once in a while. */
function teller(log: Logger, sink: string): (error: unknown, what: string) => void {
  const toldMs = new Map<string, number>();
  return (error, what) => {
    const nowMs = performance.now();
    if (nowMs - (toldMs.get(what) ?? Number.NEGATIVE_INFINITY) < TELL_EVERY_MS) return;
    toldMs.set(what, nowMs);
    log.error({ sink, problem: messageOf(error) }, what);
  };
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** Names of hosts are made of letters, digits, dots and dashes; what is not goes into no file name. */
function fileName(name: string): string {
  return name.replace(/[^A-Za-z0-9.-]/g, '_') || 'localhost';
}
