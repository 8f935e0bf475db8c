import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ConnectionError } from '../../../src/transport/native/connection-error.ts';
import { ErrorCode, MAX_FRAME_BYTES } from '../../../src/transport/native/frame.ts';
import { FrameReader } from '../../../src/transport/native/frame-reader.ts';
import type { FrameSink } from '../../../src/transport/native/frame-reader.ts';
import { named, PARAMETERS } from '../../property/runs.ts';
import { frame, PREFACE } from './support/frames.ts';
import type { Frame } from './support/frames.ts';
import { endlessMemory } from './support/memory.ts';

/** Everything that the reader hands on, with the memory as it was given. */
function read(chunks: readonly Buffer[]): Frame[] {
  const frames: Frame[] = [];
  const memory = endlessMemory();
  const sink: FrameSink = {
    frame: (type, flags, streamId, bytes, start, end) =>
      frames.push({ type, flags, streamId, payload: bytes.subarray(start, end) }),
  };
  const reader = new FrameReader(sink, memory);
  for (const chunk of chunks) {
    reader.push(chunk);
    // A frame that has begun is counted, and nothing else.
    expect(memory.heldBytes > 0).toBe(!reader.betweenFrames);
  }
  return frames;
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const cuts = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  // Memory of its own for each chunk, as a socket gives it.
  return cuts.slice(1).map((end, i) => Buffer.from(bytes.subarray(cuts[i], end)));
}

const someFrame = fc.record({
  type: fc.integer({ min: 0, max: 255 }),
  flags: fc.integer({ min: 0, max: 255 }),
  streamId: fc.integer({ min: 0, max: 0x7fffffff }),
  payload: fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.integer({ min: 0, max: MAX_FRAME_BYTES }).map((length) => Buffer.alloc(length, length)),
  ),
});

const codeOf = (act: () => unknown): number | null => {
  try {
    act();
  } catch (error) {
    if (error instanceof ConnectionError) return error.code;
    throw error;
  }
  return null;
};

describe(named('the frame reader'), () => {
  it('finds the same frames wherever the network cuts them', () => {
    fc.assert(
      fc.property(fc.array(someFrame, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 30 }), (frames, places) => {
        const bytes = frames.map(({ type, flags, streamId, payload }) => frame(type, flags, streamId, payload));
        expect(read(cut(Buffer.concat([PREFACE, ...bytes]), places))).toEqual(frames);
      }),
      PARAMETERS,
    );
  });

  it('finds them in single bytes', () => {
    const bytes = Buffer.concat([PREFACE, frame(4, 0, 0), frame(0, 1, 5, Buffer.from('abc'))]);
    expect(read([...bytes].map((byte) => Buffer.of(byte)))).toEqual([
      { type: 4, flags: 0, streamId: 0, payload: Buffer.alloc(0) },
      { type: 0, flags: 1, streamId: 5, payload: Buffer.from('abc') },
    ]);
  });

  it('reads anything at all as frames or as an error of the connection', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.array(fc.nat(), { maxLength: 10 }), (bytes, places) => {
        const code = codeOf(() => read(cut(Buffer.concat([PREFACE, bytes]), places)));
        expect([null, ErrorCode.frameSizeError]).toContain(code);
      }),
      PARAMETERS,
    );
  });

  it('does not wait for the rest of a preface that is none, nor of a frame that is too large', () => {
    expect(codeOf(() => read([Buffer.from('G')]))).toBe(ErrorCode.protocolError);
    expect(codeOf(() => read([PREFACE, Buffer.from('004001', 'hex')]))).toBeNull();
    expect(codeOf(() => read([PREFACE, Buffer.from('004001000000000001', 'hex')]))).toBe(ErrorCode.frameSizeError);
    expect(read([PREFACE, frame(0, 0, 1, Buffer.alloc(MAX_FRAME_BYTES))])).toHaveLength(1);
  });

  it('ignores the reserved bit of the stream identifier', () => {
    const bytes = frame(0, 0, 1);
    bytes[5] = 0x80;
    expect(read([PREFACE, bytes])[0]!.streamId).toBe(1);
  });

  it('hands nothing on after it was stopped', () => {
    let seen = 0;
    const sink = {
      frame: () => {
        seen++;
        reader.stop();
      },
    };
    const reader: FrameReader = new FrameReader(sink, endlessMemory());
    reader.push(Buffer.concat([PREFACE, frame(4, 0, 0), frame(4, 0, 0), Buffer.of(0)]));
    expect(seen).toBe(1);
    expect(reader.betweenFrames).toBe(true);
  });
});
