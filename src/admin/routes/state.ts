import { configDump } from '../config-dump.ts';
import type { ApiSources } from '../api.ts';
import { checkNames } from '../query.ts';
import { jsonResponse } from '../route.ts';
import type { RouteHandler } from '../route.ts';
import { statsOf } from '../stats.ts';
import { readinessDetail } from './readyz.ts';

export function status(sources: ApiSources): RouteHandler {
  const { version, startedAtMs, config, addresses, workers, readiness, ask, access } = sources;
  return async ({ query }) => {
    checkNames(query, []);
    const [report, kept] = await Promise.all([readiness(), ask({ kind: 'kept' })]);
    const nowMs = Date.now();
    const own = kept.answers.filter((each) => each !== null);
    return jsonResponse(200, {
      at: new Date(nowMs).toISOString(),
      version,
      node: process.version,
      startedAt: new Date(startedAtMs).toISOString(),
      uptimeSeconds: Math.max(0, Math.round((nowMs - startedAtMs) / 1000)),
      readiness: readinessDetail(report, true),
      sources: { policies: config.policies, state: config.state === '' ? null : config.state },
      listeners: { ...addresses(), transport: config.transport, tls: tlsOf(config) },
      processes: { ...workers(), asked: kept.asked, answered: kept.answers.length },
      admin: {
        actions: config.admin.actions,
        token: access.wantsToken,
        recent: {
          maxEntries: config.admin.recent.maxEntries,
          entries: own.reduce((sum, { entries }) => sum + entries, 0),
          bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
        },
        refused: { ...access.refused },
      },
    });
  };
}

function tlsOf({ tls }: ApiSources['config']): 'none' | 'server' | 'mutual' {
  if (tls === null) return 'none';
  return tls.clientCaFile === null ? 'server' : 'mutual';
}

export function configuration({ config }: ApiSources): RouteHandler {
  return ({ query }) => {
    checkNames(query, []);
    return jsonResponse(200, { config: configDump(config) });
  };
}

export function stats({ counts, startedAtMs, workers }: ApiSources): RouteHandler {
  return async ({ query }) => {
    checkNames(query, []);
    const reading = await counts();
    // What a process that does not answer has counted is known from before.
    const { serving } = workers();
    return jsonResponse(200, statsOf(reading, startedAtMs, { asked: serving, answered: serving }, Date.now()));
  };
}

export function history(sources: ApiSources): RouteHandler {
  return ({ query }) => {
    checkNames(query, []);
    return jsonResponse(200, sources.history.read());
  };
}
