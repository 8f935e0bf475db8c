import { describe, expect, it } from '@jest/globals';
import { CallHeaders, envoyFields } from '../../../load-tests/generator/call-headers.ts';
import { HpackDecoder } from '../../../src/transport/native/hpack/decoder.ts';

/** Reads blocks as a server does, one after the other. */
function reader(): (block: Buffer) => (readonly [string, string])[] {
  const decoder = new HpackDecoder();
  return (block) => {
    const fields: (readonly [string, string])[] = [];
    decoder.decode(block, 0, block.length, { field: ({ name, value }) => fields.push([name, value]) });
    return fields;
  };
}

describe('the header block of a call', () => {
  it('says the same by indexes as by literals, in a byte for each field', () => {
    const headers = new CallHeaders(envoyFields());
    const read = reader();
    const [first, second, third] = [headers.next(), headers.next(), headers.next()];
    for (const block of [first, second, third]) expect(read(block)).toEqual(envoyFields());
    expect(second).toHaveLength(envoyFields().length);
    expect(third).toEqual(second);
    expect(first.length).toBeGreaterThan(second.length);
  });

  it('has what Envoy sends', () => {
    expect(Object.fromEntries(envoyFields())).toMatchObject({
      ':path': '/envoy.service.auth.v3.Authorization/Check',
      te: 'trailers',
      'content-type': 'application/grpc',
      'grpc-timeout': '200m',
    });
  });

  it.each([0, 100])('does without a table when the server keeps %i bytes of one', (bytes) => {
    const headers = new CallHeaders(envoyFields());
    const read = reader();
    read(headers.next());
    headers.resize(bytes);
    for (const block of [headers.next(), headers.next()]) expect(read(block)).toEqual(envoyFields());
  });

  it('begins anew when the server keeps another table', () => {
    const headers = new CallHeaders(envoyFields());
    const read = reader();
    read(headers.next());
    for (const bytes of [0, 4096, 1000, 65_536]) {
      headers.resize(bytes);
      for (const block of [headers.next(), headers.next()]) expect(read(block)).toEqual(envoyFields());
    }
    expect(headers.next()).toHaveLength(envoyFields().length);
  });
});
