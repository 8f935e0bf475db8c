import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Health } from '../../src/transport/health.ts';
import type { CallContext } from '../../src/transport/transport.ts';

const CONTEXT: CallContext = { deadlineMs: Infinity, peerCertificate: null, peerAllowed: true, trace: null };
const SERVING = Uint8Array.of(8, 1);
const NOT_SERVING = Uint8Array.of(8, 2);
const SERVICE_UNKNOWN = Uint8Array.of(8, 3);
const UNKNOWN = { code: 5, message: 'unknown service' };

const named = (service: string): Uint8Array => Buffer.concat([Buffer.of(0x0a, service.length), Buffer.from(service)]);
const check = (health: Health, message: Uint8Array) =>
  health.methods.unary.get('/grpc.health.v1.Health/Check')!(message, CONTEXT);

function watch(health: Health, message: Uint8Array) {
  const seen: Uint8Array[] = [];
  const controller = new AbortController();
  const handler = health.methods.serverStream.get('/grpc.health.v1.Health/Watch')!;
  const status = handler(message, CONTEXT, (status_) => seen.push(status_), controller.signal);
  return { seen, status, leave: () => controller.abort() };
}

describe('Health', () => {
  it('starts as not serving', () => {
    const health = new Health([]);
    expect(health.serving).toBe(false);
    expect(check(health, new Uint8Array())).toEqual(NOT_SERVING);
  });

  it('has one state for the server and for each of its services', () => {
    const health = new Health(['a.B']);
    health.setServing();
    expect(check(health, named(''))).toEqual(SERVING);
    expect(check(health, named('a.B'))).toEqual(SERVING);
    expect(check(health, named('a.C'))).toEqual(UNKNOWN);
    health.setNotServing();
    expect(check(health, named('a.B'))).toEqual(NOT_SERVING);
  });

  it('tells a watcher the status at once, then each change once, until it leaves', () => {
    const health = new Health(['a.B']);
    const { seen, status, leave } = watch(health, named('a.B'));
    expect(status).toBeUndefined();
    health.setNotServing();
    health.setServing();
    health.setServing();
    leave();
    health.setNotServing();
    expect(seen).toEqual([NOT_SERVING, SERVING]);
  });

  it('keeps the stream of a watcher of an unknown service open', () => {
    const health = new Health([]);
    const { seen, status } = watch(health, named('a.C'));
    health.setServing();
    expect(seen).toEqual([SERVICE_UNKNOWN]);
    expect(status).toBeUndefined();
  });

  it('passes over fields that it does not know, and takes the last of several names', () => {
    const health = new Health(['a.B']);
    const unknown = Buffer.from('10ff01' + '19' + '00'.repeat(8) + '25' + '00'.repeat(4) + '2a0178', 'hex');
    expect(check(health, Buffer.concat([unknown, named('a.C'), unknown, named('a.B'), unknown]))).toEqual(NOT_SERVING);
  });

  it.each([
    ['a cut tag', '80'],
    ['field number 0', '0200'],
    ['a cut length', '0a80'],
    ['a cut name', '0a0261'],
    ['a cut varint', '10ff'],
    ['a varint of eleven bytes', '10' + 'ff'.repeat(10) + '01'],
    ['a cut fixed64', '1900'],
    ['a cut fixed32', '2500'],
    ['a group', '0b0c'],
    ['a wire type that is none', '0f'],
    ['a name that is no UTF-8', '0a01ff'],
  ])('takes bytes with %s for no message', (_what, hex) => {
    const health = new Health([]);
    const message = Buffer.from(hex, 'hex');
    expect(check(health, message)).toBeNull();
    expect(watch(health, message)).toMatchObject({ status: null, seen: [] });
  });

  it('answers any bytes with a status or not at all, and never throws', () => {
    const health = new Health([]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect([NOT_SERVING, UNKNOWN, null]).toContainEqual(check(health, bytes));
      }),
    );
  });

  it('finds a name wherever random fields stand around it', () => {
    const field = fc.oneof(
      fc.integer({ min: 0, max: 127 }).map((n) => Buffer.of(0x10, n)),
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.concat([Buffer.of(0x1a, bytes.length), bytes])),
    );
    const health = new Health(['a.B']);
    fc.assert(
      fc.property(fc.array(field), fc.array(field), (before, after) => {
        expect(check(health, Buffer.concat([...before, named('a.B'), ...after]))).toEqual(NOT_SERVING);
      }),
    );
  });
});
