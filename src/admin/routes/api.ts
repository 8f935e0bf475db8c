/** The paths of the API: openapi.yaml describes them. */
import type { ApiSources } from '../api.ts';
import { openapiJson } from '../openapi.ts';
import type { Route, RouteTable } from '../route.ts';
import { logLevel, reload } from './actions.ts';
import { callers, index, policies, rules, traffic } from './policies.ts';
import { decision, decisions } from './decisions.ts';
import { explain, MAX_EXPLAIN_BYTES } from './explain.ts';
import { configuration, history, stats, status } from './state.ts';

/** `{"level": "debug"}` */
const MAX_ACTION_BYTES = 4 * 1024;

export function apiRoutes(sources: ApiSources): RouteTable {
  const get = (handler: NonNullable<Route['get']>): Route => ({ get: handler, api: true });
  const post = (handler: NonNullable<Route['get']>, maxBodyBytes: number): Route => ({
    post: { handler, maxBodyBytes },
    api: true,
  });
  return new Map([
    [
      '/api/v1/openapi.json',
      { ...get(() => ({ status: 200, contentType: 'application/json', body: openapiJson() })), open: true },
    ],
    ['/api/v1/status', get(status(sources))],
    ['/api/v1/config', get(configuration(sources))],
    ['/api/v1/stats', get(stats(sources))],
    ['/api/v1/stats/history', get(history(sources))],
    ['/api/v1/policies', get(policies(sources))],
    ['/api/v1/rules', get(rules(sources))],
    ['/api/v1/callers', get(callers(sources))],
    ['/api/v1/index', get(index(sources))],
    ['/api/v1/traffic', get(traffic(sources))],
    ['/api/v1/decisions', get(decisions(sources))],
    ['/api/v1/decisions/{id}', get(decision(sources))],
    ['/api/v1/explain', post(explain(sources), MAX_EXPLAIN_BYTES)],
    ['/api/v1/actions/reload', post(reload(sources), MAX_ACTION_BYTES)],
    ['/api/v1/actions/log-level', post(logLevel(sources), MAX_ACTION_BYTES)],
  ]);
}
