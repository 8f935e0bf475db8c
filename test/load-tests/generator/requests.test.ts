import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { PreparedRequest } from '../../../load-tests/generator/prepared-request.ts';
import { readRecorded, SHAPES } from '../../../load-tests/generator/recorded/read.ts';
import { readRequests, writeRequests } from '../../../load-tests/generator/request-file.ts';
import { DEFAULT_TRAFFIC, makeTraffic } from '../../../load-tests/generator/requests.ts';
import { answerCode, UNREADABLE } from '../../../load-tests/generator/check-answer.ts';
import { CheckRequestView } from '../../../src/extauthz/check-request.ts';
import { decisionOf, snapshotOf } from '../../extauthz/support/engine.ts';
import { temporaryDirectory } from '../../e2e/support/temporary-directory.ts';

const OPTIONS = { ...DEFAULT_TRAFFIC, rules: 60, requests: 400, questions: 200, denied: 0.2 };

const copy = (prepared: PreparedRequest, n: number, nowMs: number): Buffer => {
  const target = Buffer.alloc(prepared.bytes.length);
  prepared.copyTo(target, 0, n, nowMs);
  return target;
};

const idOf = (view: CheckRequestView): string => {
  const lines = view.header('x-request-id');
  return lines.form === 'exact' ? lines.lines[0]! : lines.value;
};

describe.each(SHAPES)('requests in the shape `%s`', (shape) => {
  const traffic = makeTraffic({ ...OPTIONS, shape });

  it('are decided by Portcullis as they were meant to be', () => {
    const snapshot = snapshotOf(traffic.policies);
    const denied = traffic.requests.filter(({ allowed }) => allowed === false).length;
    expect(denied).toBeGreaterThan(20);
    expect(denied).toBeLessThan(200);
    for (const { bytes, allowed } of traffic.requests) expect(decisionOf(snapshot, bytes).allowed).toBe(allowed);
  });

  it('have the headers and the parts of the recorded one', () => {
    const recorded = new CheckRequestView(Buffer.from(readRecorded().shapes[shape].message, 'base64'));
    for (const { bytes } of traffic.requests.slice(0, 50)) {
      const view = new CheckRequestView(bytes);
      expect(view.headerNames()).toEqual(recorded.headerNames());
      expect(view.sourceCertificate === '').toBe(recorded.sourceCertificate === '');
      expect(view.sni).toBe(recorded.sni);
      expect([...view.contextExtensions.keys()].sort()).toEqual([...recorded.contextExtensions.keys()].sort());
      expect(Math.abs(bytes.length - Buffer.from(readRecorded().shapes[shape].message, 'base64').length)).toBeLessThan(
        250,
      );
    }
  });

  it('are about the same with the same seed', () => {
    const questions = (of: typeof traffic): string[] =>
      of.requests.map(({ bytes }) => {
        const { sourcePrincipal, target, method, authority } = new CheckRequestView(bytes);
        return `${sourcePrincipal} ${method} ${authority} ${target}`;
      });
    expect(questions(makeTraffic({ ...OPTIONS, shape }))).toEqual(questions(traffic));
    expect(questions(makeTraffic({ ...OPTIONS, shape, seed: 2 }))).not.toEqual(questions(traffic));
  });

  it('get an id, a port and a time of their own each time, and stay the same otherwise', () => {
    const request = traffic.requests[0]!;
    const prepared = new PreparedRequest(request);
    const nowMs = Date.parse('2026-06-01T12:00:00.250Z');
    const views = Array.from({ length: 50 }, (_, n) => new CheckRequestView(copy(prepared, n, nowMs)));
    expect(new Set(views.map(idOf)).size).toBe(50);
    expect(new Set(views.map(({ sourcePort }) => sourcePort)).size).toBe(50);
    const original = new CheckRequestView(request.bytes);
    for (const view of views) {
      expect(idOf(view)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
      expect(Math.floor(view.timeMs! / 1000)).toBe(Math.floor(nowMs / 1000));
      expect(view.target).toBe(original.target);
      expect(view.sourcePrincipal).toBe(original.sourcePrincipal);
      expect(view.headerNames()).toEqual(original.headerNames());
    }
  });
});

describe('ids in paths', () => {
  it('are new in each request, in the path and in its header alike', () => {
    const { requests } = makeTraffic({ ...OPTIONS, freshIds: 1 });
    const withId = requests.find(({ bytes }) => bytes.includes('fresh-id'))!;
    const prepared = new PreparedRequest(withId);
    const views = [1, 2, 3].map((n) => new CheckRequestView(copy(prepared, n, 0)));
    expect(new Set(views.map(({ target }) => target)).size).toBe(3);
    for (const view of views) {
      expect(view.target).not.toContain('fresh-id');
      expect(view.hasContradictingHeaders()).toBe(false);
    }
  });
});

describe('a file of requests', () => {
  it('has them as they were, with what must be answered', async () => {
    const directory = await temporaryDirectory();
    try {
      const file = join(directory.path, 'requests.bin');
      const requests = [true, false, null].map((allowed, i) => ({ bytes: Buffer.alloc(i * 1000, i), allowed }));
      writeRequests(file, requests);
      expect(readRequests(file)).toEqual(requests);
    } finally {
      await directory.remove();
    }
  });
});

describe('the code of an answer', () => {
  it.each([
    ['an empty status', [0x0a, 0x00], 0],
    ['no status at all', [], 0],
    ['a code', [0x0a, 0x02, 0x08, 0x07], 7],
    ['a code behind a message', [0x0a, 0x05, 0x12, 0x01, 0x41, 0x08, 0x10], 16],
    ['a status behind something else', [0x12, 0x00, 0x0a, 0x02, 0x08, 0x07], 7],
    ['a field that is cut off', [0x0a, 0x09, 0x08], UNREADABLE],
  ])('is read of %s', (_what, octets, code) => {
    const bytes = Buffer.from([0xff, ...octets, 0xff]);
    expect(answerCode(bytes, 1, bytes.length - 1)).toBe(code);
  });
});
