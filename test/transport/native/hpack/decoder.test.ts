import { once } from 'node:events';
import { connect } from 'node:http2';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HpackDecoder } from '../../../../src/transport/native/hpack/decoder.ts';
import { encodeFields } from '../../../../src/transport/native/hpack/encoder.ts';
import { HpackError } from '../../../../src/transport/native/hpack/hpack-error.ts';
import { FrameReader } from '../../../../src/transport/native/frame-reader.ts';
import type { FrameSink } from '../../../../src/transport/native/frame-reader.ts';
import { waitUntil } from '../../../e2e/support/wait.ts';
import { named, PARAMETERS, TIMEOUT_MS } from '../../../property/runs.ts';
import { FieldList } from '../support/field-list.ts';
import { END_HEADERS, frame, HEADERS, SETTINGS } from '../support/frames.ts';
import { endlessMemory } from '../support/memory.ts';
import { blockOf, ReferenceTable, someBlock } from '../support/hpack-reference.ts';

type Fields = [name: string, value: string][];

function decode(decoder: HpackDecoder, block: Uint8Array): Fields {
  const list = new FieldList();
  decoder.decode(Buffer.from(block), 0, block.length, list);
  return list.fields;
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('header blocks', () => {
  it.each([
    [
      'C.3, without Huffman',
      [
        '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
        '8286 84be 5808 6e6f 2d63 6163 6865',
        '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
      ],
    ],
    [
      'C.4, with Huffman',
      [
        '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
        '8286 84be 5886 a8eb 1064 9cbf',
        '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
      ],
    ],
  ])('of RFC 7541 Appendix %s', (_name, blocks) => {
    const decoder = new HpackDecoder();
    const start = [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/'],
      [':authority', 'www.example.com'],
    ];
    expect(blocks.map((block) => decode(decoder, hex(block)))).toEqual([
      start,
      [...start, ['cache-control', 'no-cache']],
      [
        [':method', 'GET'],
        [':scheme', 'https'],
        [':path', '/index.html'],
        [':authority', 'www.example.com'],
        ['custom-key', 'custom-value'],
      ],
    ]);
  });

  it.each([
    ['index 0', '80'],
    ['an index behind the tables', 'be'],
    ['a name behind the tables', '7f 00 01 61'],
    ['an integer that never ends', 'ff ff ff ff ff ff ff 7f'],
    ['an integer that is cut off', 'ff 80'],
    ['a string that is cut off', '00 05 61'],
    ['a field without a value', '00 01 61'],
    ['a table above the setting', '3f e2 1f'],
    ['a new table size behind a field', '82 20'],
    ['padding that is a byte long', '00 01 61 82 1f ff'],
    ['padding of zeros', '00 01 61 81 18'],
    ['EOS', '00 01 61 84 ff ff ff ff'],
  ])('with %s is an error', (_what, block) => {
    expect(() => decode(new HpackDecoder(), hex(block))).toThrow(HpackError);
  });

  it('may announce several table sizes first, and the table is emptied by the smallest', () => {
    const decoder = new HpackDecoder();
    expect(decode(decoder, hex('40 01 61 01 62'))).toEqual([['a', 'b']]);
    expect(decode(decoder, hex('be'))).toEqual([['a', 'b']]);
    expect(decode(decoder, hex('20 3f e1 1f 82'))).toEqual([[':method', 'GET']]);
    expect(() => decode(decoder, hex('be'))).toThrow(HpackError);
  });

  it('with a field larger than the table empties it', () => {
    const decoder = new HpackDecoder();
    decode(decoder, hex('40 01 61 01 62'));
    const value = Buffer.alloc(5_000, 0x61);
    decode(decoder, Buffer.concat([hex('40 01 63 7f 89 26'), value]));
    expect(() => decode(decoder, hex('be'))).toThrow(HpackError);
  });
});

describe(named('header blocks'), () => {
  it('in every form of every field, with tables that grow and shrink, mean what a plain model of the tables says', () => {
    fc.assert(
      fc.property(fc.array(someBlock, { maxLength: 30 }), (blocks) => {
        const decoder = new HpackDecoder();
        const table = new ReferenceTable();
        for (const block of blocks) {
          const { bytes, fields } = blockOf(block, table);
          expect(decode(decoder, bytes)).toEqual(fields);
        }
      }),
      PARAMETERS,
    );
  });

  it('of any bytes are fields or an error, and nothing else', () => {
    let good = 0;
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 5 }), (blocks) => {
        const decoder = new HpackDecoder();
        try {
          for (const block of blocks) decode(decoder, block);
          good++;
        } catch (error) {
          expect(error).toBeInstanceOf(HpackError);
        }
      }),
      { ...PARAMETERS, numRuns: 20 * PARAMETERS.numRuns },
    );
    expect(good).toBeGreaterThan(0);
  });

  it('that we write ourselves mean what was written', () => {
    const text = fc.string({
      unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
      maxLength: 300,
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.oneof(text, fc.constantFrom(':status', 'content-type')), text)), (fields) => {
        expect(decode(new HpackDecoder(), encodeFields(fields))).toEqual(fields);
      }),
      PARAMETERS,
    );
  });
});

describe(named("nghttp2's header blocks"), () => {
  let server: ReturnType<typeof createServer>;
  let socket: Socket;
  const blocks: Buffer[] = [];

  beforeAll(async () => {
    // Takes whatever node:http2 sends, and never answers: what counts is how it writes its blocks.
    server = createServer((incoming) => {
      socket = incoming;
      let open: Buffer[] = [];
      const sink: FrameSink = {
        frame: (type, flags, _streamId, bytes, start, end) => {
          if (type !== HEADERS && type !== 9) return;
          open.push(Buffer.from(bytes.subarray(start, end)));
          if ((flags & END_HEADERS) === 0) return;
          blocks.push(Buffer.concat(open));
          open = [];
        },
      };
      const reader = new FrameReader(sink, endlessMemory());
      incoming.on('data', (chunk: Buffer) => reader.push(chunk));
      incoming.on('error', () => undefined);
      incoming.write(frame(SETTINGS, 0, 0));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => {
    socket.destroy();
    server.close();
  });

  const name = fc.string({
    unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789-_'),
    minLength: 1,
    maxLength: 20,
  });
  const value = fc.string({
    unit: fc
      .integer({ min: 0x21, max: 0xff })
      .filter((code) => code !== 0x7f)
      .map((code) => String.fromCharCode(code)),
    maxLength: 120,
  });
  const requests = fc.array(
    fc.tuple(
      fc.array(
        fc.tuple(
          fc.oneof(name, fc.constantFrom('tracestate', 'accept', 'x-a')),
          fc.oneof(value, fc.constantFrom('1', 'same')),
        ),
      ),
      fc.nat(3),
    ),
    { minLength: 1, maxLength: 20 },
  );

  it(
    'mean what node:http2 was given',
    async () => {
      const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      session.on('error', () => undefined);
      await once(session, 'connect');
      const decoder = new HpackDecoder();
      const sample = fc.sample(requests, PARAMETERS).flat();
      for (const [extra, path] of sample) {
        const sent: Record<string, string> = {
          ':method': 'POST',
          ':path': `/${path}`,
          ':scheme': 'http',
          ':authority': 'a',
        };
        for (const [key, text] of extra) {
          if (
            !/^(?:te|connection|upgrade|host|http2-settings|keep-alive|proxy-connection|transfer-encoding|cookie|__proto__)$/.test(
              key,
            )
          )
            sent[key] = text;
        }
        const before = blocks.length;
        session.request(sent, { endStream: true }).on('error', () => undefined);
        await waitUntil('the block', () => blocks.length > before, { everyMs: 0 });
        const fields = decode(decoder, blocks[before]!);
        expect(new Map(fields)).toEqual(new Map(Object.entries(sent)));
      }
      expect(sample.length).toBeGreaterThan(0);
      session.destroy();
    },
    TIMEOUT_MS,
  );
});
