import type { ApiSources } from '../api.ts';
import type { AskedWorkload, PageOf } from '../inspect/messages.ts';
import { afterOf, bad, booleanOf, checkNames, limitOf, nameOf, textOf } from '../query.ts';
import { jsonResponse } from '../route.ts';
import type { RouteHandler } from '../route.ts';
import { lastSeenOf, sumTraffic, workloadText } from '../traffic-sum.ts';

export function policies(sources: ApiSources): RouteHandler {
  return async ({ query }) => {
    checkNames(query, ['after', 'limit', 'namespace', 'unused']);
    const page = pageOf(query);
    const unused = booleanOf(query, 'unused') === true;
    return sources.inspector.run({ kind: 'policies', page, unused, ...(await countedOf(sources)) });
  };
}

export function rules(sources: ApiSources): RouteHandler {
  return async ({ query }) => {
    checkNames(query, ['after', 'limit', 'namespace', 'policy', 'unused']);
    const page = pageOf(query);
    const policy = textOf(query, 'policy');
    const unused = booleanOf(query, 'unused');
    return sources.inspector.run({ kind: 'rules', page, policy, unused, ...(await countedOf(sources)) });
  };
}

export function callers(sources: ApiSources): RouteHandler {
  return async ({ query }) => {
    checkNames(query, ['after', 'limit', 'namespace']);
    const page = pageOf(query);
    return sources.inspector.run({ kind: 'callers', page, ...(await countedOf(sources)) });
  };
}

export function index({ inspector }: ApiSources): RouteHandler {
  return ({ query }) => {
    checkNames(query, ['namespace', 'serviceAccount', 'label'], ['label']);
    return inspector.run({ kind: 'index', workload: workloadOf(query) });
  };
}

export function traffic({ ask }: ApiSources): RouteHandler {
  return async ({ query }) => {
    checkNames(query, ['limit']);
    const limit = limitOf(query);
    const { answers, asked } = await ask({ kind: 'traffic' });
    const nowMs = Date.now();
    const sum = sumTraffic(
      answers.filter((each) => each !== null),
      nowMs,
    );
    const shown = sum.edges.slice(0, limit);
    const other = { ...sum.other };
    for (const { allowed, denied } of sum.edges.slice(limit)) {
      other.allowed += allowed;
      other.denied += denied;
    }
    return jsonResponse(200, {
      at: new Date(nowMs).toISOString(),
      since: new Date(sum.sinceMs).toISOString(),
      processes: { asked, answered: answers.length },
      exact: sum.exact,
      edges: shown.map(({ lastSeenMs, workload, ...edge }) => ({
        ...edge,
        workload: workload === null ? null : { text: workloadText(workload), ...workload },
        lastSeenAt: new Date(lastSeenMs).toISOString(),
      })),
      other,
      truncated: sum.edges.length > limit,
    });
  };
}

function pageOf(query: URLSearchParams): PageOf {
  return { after: afterOf(query), limit: limitOf(query), namespace: nameOf(query, 'namespace') };
}

async function countedOf({ ask, startedAtMs }: ApiSources) {
  const { answers, asked } = await ask({ kind: 'traffic' });
  return {
    lastSeen: lastSeenOf(answers.flatMap((each) => each?.edges ?? [])),
    countedSince: new Date(startedAtMs).toISOString(),
    processes: { asked, answered: answers.length },
  };
}

const MAX_LABELS = 64;
const MAX_LABEL_CHARACTERS = 512;

/** null: nothing is said of it. */
function workloadOf(query: URLSearchParams): AskedWorkload | null {
  const namespace = nameOf(query, 'namespace');
  const serviceAccount = nameOf(query, 'serviceAccount');
  const labels = new Map<string, string>();
  for (const text of query.getAll('label')) {
    const equals = text.indexOf('=');
    if (equals < 1 || text.length > MAX_LABEL_CHARACTERS) throw bad('`label` is `name=value`');
    labels.set(text.slice(0, equals), text.slice(equals + 1));
    if (labels.size > MAX_LABELS) throw bad(`at most ${MAX_LABELS} labels`);
  }
  if (namespace === null && serviceAccount === null && labels.size === 0) return null;
  return { namespace, serviceAccount, labels: namespace === null && labels.size === 0 ? null : labels };
}
