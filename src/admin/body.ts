/** The body of a POST: JSON, bounded in size, depth and (by the server) time. */
import type { IncomingMessage } from 'node:http';
import { HttpError } from './route.ts';

/** RFC 8259 has no parameters; UTF-8 is what it is anyway. */
const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

/** A body that is made to be deep costs a stack, and what is posted here has a few levels. */
export const MAX_JSON_DEPTH = 64;

/**
 * Not read at all where it is announced as too large or as something else.
 *
 * @throws {@link HttpError} 400, 413 or 415
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const { headers } = request;
  // A form of another site can send any body, and no type that a script would have to ask for first.
  if (!JSON_TYPE.test(headers['content-type'] ?? ''))
    throw new HttpError(415, 'not-json', 'the body has to be `application/json`');
  if (headers['content-encoding'] !== undefined)
    throw new HttpError(415, 'content-encoding', 'the body has to be as it is, not compressed');
  const tooLarge = new HttpError(413, 'too-large', `the body is larger than ${maxBytes} bytes`);
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // What is refused is answered, which a stream that is destroyed could not be.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooLarge;
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof HttpError) throw cause;
    throw new HttpError(400, 'incomplete', 'the body did not come whole');
  }
  return Buffer.concat(chunks);
}

/** @throws {@link HttpError} 400 */
export function parseJson(body: Uint8Array): unknown {
  const text = decodeBody(body);
  if (jsonDepth(text) > MAX_JSON_DEPTH)
    throw new HttpError(400, 'too-deep', `the body has more than ${MAX_JSON_DEPTH} levels`);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new HttpError(400, 'not-json', 'the body is no JSON');
  }
}

/** @throws {@link HttpError} 400 */
export function decodeBody(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new HttpError(400, 'not-json', 'the body is no UTF-8');
  }
}

/** Levels of lists and objects; strings are passed over. */
export function jsonDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (inString) {
      if (char === '\\') i++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{' || char === '[') deepest = Math.max(deepest, ++depth);
    else if (char === '}' || char === ']') depth--;
  }
  return deepest;
}
