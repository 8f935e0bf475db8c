import { describe, expect, it } from '@jest/globals';
import { KeptDecisions, MAX_AGE_MS, MAX_REQUEST_BYTES } from '../../../src/admin/observe/kept-decisions.ts';
import type { Cursor, DecisionFilter } from '../../../src/admin/observe/questions.ts';
import type { DecisionEntry } from '../../../src/audit/entry.ts';
import { runSteps } from '../../../src/lib/steps.ts';

const ANY: DecisionFilter = { decision: null, reason: null, policy: null };
const START: Cursor = new Map();

let nextId = 0;
function entry(fields: Partial<DecisionEntry> = {}): DecisionEntry {
  return {
    timeMs: 1000,
    id: `d-${nextId++}`,
    decision: 'deny',
    reason: 'no_rule_matched',
    httpStatus: 403,
    policy: null,
    rule: null,
    revision: 'r1',
    principal: null,
    requestPrincipal: null,
    workload: null,
    method: 'GET',
    host: 'h',
    path: '/',
    envoyRequestId: '',
    traceId: null,
    spanId: null,
    headers: new Map(),
    claims: new Map(),
    durationMicros: 1,
    cached: false,
    shadow: null,
    ...fields,
  };
}

function kept(settings: { maxEntries?: number; maxBytes?: number } = {}, now = (): number => 1000) {
  const decisions = new KeptDecisions({ maxEntries: 8, maxBytes: 1_000_000, ...settings }, now);
  const keep = (fields: Partial<DecisionEntry>, bytes = 10): string => {
    const made = entry(fields);
    if (made.decision === 'deny') decisions.countDenial();
    decisions.keep({ entry: made, request: Buffer.alloc(bytes, 7), proven: null });
    return made.id;
  };
  const page = (since = START, filter = ANY, limit = 100) => runSteps(decisions.page(since, filter, limit));
  return { decisions, keep, page };
}

describe('kept decisions', () => {
  it('are as many as may be, and a quarter as many of those that were allowed', () => {
    const { decisions, keep } = kept();
    for (let i = 0; i < 20; i++) keep({});
    for (let i = 0; i < 20; i++) keep({ decision: 'allow' });
    expect(decisions.size.entries).toBe(8 + 2);
  });

  it('are not put out by what was allowed', () => {
    const { decisions, keep } = kept();
    const id = keep({});
    for (let i = 0; i < 100; i++) keep({ decision: 'allow' });
    expect(decisions.one(id)).toMatchObject({ id, explainable: true });
  });

  it('have requests of so many bytes together, the newest ones', () => {
    const { decisions, keep } = kept({ maxBytes: 250 });
    const ids = [100, 100, 100].map((bytes) => keep({}, bytes));
    expect(decisions.size.bytes).toBe(200);
    expect(ids.map((id) => decisions.one(id)!['explainable'])).toEqual([false, true, true]);
    expect(decisions.recall(ids[0]!)).toMatchObject({ request: null, why: 'the request is not kept any more' });
  });

  it('have no request that is large', () => {
    const { decisions, keep } = kept();
    const id = keep({}, MAX_REQUEST_BYTES + 1);
    expect(decisions.recall(id)).toMatchObject({ request: null, why: 'the request was too large to be kept' });
    expect(decisions.size.bytes).toBe(0);
  });

  it('lose their request with age, and it is overwritten', () => {
    let nowMs = 1000;
    const { decisions, keep } = kept({}, () => nowMs);
    const id = keep({});
    const { request } = decisions.recall(id)!;
    expect(request).toEqual(Buffer.alloc(10, 7));
    nowMs += MAX_AGE_MS;
    decisions.sweep();
    expect(decisions.recall(id)!.request).toBeNull();
    expect(decisions.one(id)).toMatchObject({ id, explainable: false });
    expect(decisions.size).toEqual({ entries: 1, bytes: 0 });
    // Whoever was handed it before has a copy.
    expect(request).toEqual(Buffer.alloc(10, 7));
  });

  it('are copies: what they were made of may be changed', () => {
    const { decisions } = kept();
    const made = entry();
    const request = Buffer.from('abc');
    decisions.keep({ entry: made, request, proven: null });
    request.fill(0);
    expect(Buffer.from(decisions.recall(made.id)!.request!).toString()).toBe('abc');
  });

  it('tell of a request what the decision log would', () => {
    const { decisions, keep } = kept();
    const id = keep({ path: '/a?token=secret', host: 'user:secret@h', requestPrincipal: 'iss/sub\n' });
    const shown = decisions.one(id)!;
    expect(shown).toMatchObject({ path: '/a?token=*', host: '*@h', requestPrincipal: 'iss/sub\\x0a' });
    expect(Object.keys(shown)).not.toEqual(expect.arrayContaining(['msg']));
    expect(JSON.stringify(shown)).not.toContain('secret');
  });

  it('come in pages by what is new since the last one', () => {
    const { keep, page } = kept();
    keep({ path: '/1' });
    keep({ path: '/2', decision: 'allow' });
    const first = page();
    expect(first.decisions.map((each) => each['path'])).toEqual(['/2', '/1']);
    const since = new Map([[first.origin, first.place]]);
    expect(page(since).decisions).toEqual([]);
    keep({ path: '/3' });
    expect(page(since).decisions.map((each) => each['path'])).toEqual(['/3']);
  });

  it('count denials that are missing: not kept, forgotten, or beyond the limit', () => {
    const { decisions, keep, page } = kept({ maxEntries: 4 });
    for (let i = 0; i < 6; i++) keep({});
    decisions.countDenial();
    expect(page()).toMatchObject({ missed: 3 });
    const { origin, place } = page();
    const since = new Map([[origin, place]]);
    keep({});
    keep({});
    decisions.countDenial();
    expect(page(since, ANY, 1)).toMatchObject({ missed: 2 });
    expect(page(since, { ...ANY, decision: 'allow' })).toMatchObject({ missed: 0 });
  });
});
