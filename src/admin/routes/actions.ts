/** What changes something: only where the configuration says so. */
import * as z from 'zod';
import type { ApiSources } from '../api.ts';
import { parseJson } from '../body.ts';
import { checkNames } from '../query.ts';
import { HttpError, jsonResponse } from '../route.ts';
import type { AdminRequest, RouteHandler } from '../route.ts';

const NOTHING = z.strictObject({});
const LOG_LEVEL = z.strictObject({
  level: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
});

/** One after the other: reading policies takes a while, and who asks again gets the newest anyway. */
export function reload(sources: ApiSources): RouteHandler {
  let running = false;
  return async (request) => {
    checkAllowed(sources);
    bodyOf(request, NOTHING, 'the body has to be `{}`');
    if (running) throw new HttpError(503, 'busy', 'policies are being read already', { 'retry-after': '1' });
    running = true;
    try {
      return jsonResponse(200, await sources.reload());
    } finally {
      running = false;
    }
  };
}

export function logLevel(sources: ApiSources): RouteHandler {
  return async (request) => {
    checkAllowed(sources);
    const { level } = bodyOf(request, LOG_LEVEL, 'the body has to be `{"level": …}` with a level of the log');
    sources.setLogLevel(level);
    await sources.ask({ kind: 'logLevel', level });
    return jsonResponse(200, { level });
  };
}

function checkAllowed({ config }: ApiSources): void {
  if (!config.admin.actions)
    throw new HttpError(403, 'actions-disabled', 'this port only tells: `admin.actions: true` lets it act, too');
}

function bodyOf<Value>({ body, query }: AdminRequest, schema: z.ZodType<Value>, message: string): Value {
  checkNames(query, []);
  const read = schema.safeParse(parseJson(body));
  if (!read.success) throw new HttpError(400, 'bad-body', message);
  return read.data;
}
