/** The service as it serves the sample policies, without its transport: the one file here that knows how it is built. */
import { fileURLToPath } from 'node:url';
import { answerSettings, snapshotOptions } from '../../src/cli/settings.ts';
import { loadConfig } from '../../src/config/load.ts';
import { CheckService } from '../../src/extauthz/service.ts';
import type { CacheUse } from '../../src/extauthz/check-record.ts';
import { loadSnapshot } from '../../src/pap/load-snapshot.ts';
import { readPolicyFiles } from '../../src/pap/sources/read-files.ts';
import { NO_IDENTITY, atOnce } from '../../test/extauthz/support/engine.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Checked {
  readonly cache: CacheUse;
  readonly allowed: boolean;
  readonly reason: string;
}

export interface SampleService {
  readonly ruleCount: number;
  readonly maxEntries: number;
  readonly ttlSeconds: number;
  /** `nowMs`: when the request comes. */
  check(bytes: Uint8Array, nowMs: number): Checked;
  readonly statistics: {
    readonly hits: number;
    readonly misses: number;
    readonly evictions: number;
    readonly size: number;
  };
}

/** With `portcullis.yaml` and `policies/`, what `npm start` serves; and an empty cache. */
export async function openSampleService(): Promise<SampleService> {
  const { config, diagnostics } = loadConfig({ file: `${ROOT}portcullis.yaml` });
  if (config === null) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  const { files } = await readPolicyFiles([`${ROOT}policies`]);
  const { snapshot } = loadSnapshot(files, snapshotOptions(config));
  if (snapshot === null) throw new Error('the sample policies do not load');
  let now = 0;
  const recorded: Checked[] = [];
  const service = new CheckService({
    snapshot: () => snapshot,
    identity: NO_IDENTITY,
    ...answerSettings(config),
    // All in one turn of the event loop.
    overload: { ...config.overload, maxTurnMs: Number.POSITIVE_INFINITY },
    cache: config.cache,
    record: ({ cache, decision }) => {
      recorded.push({ cache, allowed: decision.allowed, reason: decision.reason });
    },
    onError(error) {
      throw error;
    },
    now: () => now,
  });
  const context = { deadlineMs: Number.POSITIVE_INFINITY, peerAllowed: true };
  return {
    ruleCount: snapshot.ruleCount,
    ...config.cache,
    check(bytes, nowMs) {
      now = nowMs;
      atOnce(service.check(bytes, context));
      const checked = recorded.pop();
      if (checked === undefined) throw new Error('a check that was not recorded');
      return checked;
    },
    get statistics() {
      return service.cache.statistics;
    },
  };
}
