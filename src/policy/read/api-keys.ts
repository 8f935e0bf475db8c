/**
 * Keys of an IdentityProvider. No message here repeats a value: it may be a key. Whatever is wrong with a hash has the
 * code `bad-key-hash`, so that reporters know which lines of a file not to show.
 */
import type { ApiKey } from '../identity-model.ts';
import { asMap } from '../parse/expect.ts';
import { entryOf, keyPlace, positionOf } from '../parse/node.ts';
import type { MapNode, Node } from '../parse/node.ts';
import { MAX_LABELS } from '../schema/limits.ts';
import type { Context } from '../validate/value-check.ts';
import { listField, stringField, textMapField } from './fields.ts';
import { readValidWindow } from './valid-window.ts';

/** Overlap takes two; more are keys of their own. */
const MAX_HASHES = 8;

/** SHA-256 of nothing, and of the line break of an `echo`. */
const HASHES_OF_NOTHING: readonly string[] = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b',
];

const HOW = 'make it with `printf %s "$KEY" | sha256sum`';

/** Claims that say of a proof what no key can (RFC 7519 §4.1, RFC 7800, OpenID Connect Core 1.0 §2). */
const RESERVED = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'azp', 'cnf', 'acr', 'amr', 'auth_time'];

export function readApiKeys(spec: MapNode, context: Context): readonly ApiKey[] {
  const { report } = context;
  const keys: ApiKey[] = [];
  const ids = new Set<string>();
  const hashes = new Set<string>();
  for (const item of listField(spec, 'keys', report)?.items ?? []) {
    const map = asMap(item, report);
    if (map === null) continue;
    const id = stringField(map, 'id', report)?.value ?? '';
    if (ids.has(id)) {
      report.error(
        'duplicate-api-key',
        keyPlace(map, 'id'),
        `the id \`${id}\` is taken by another key of this provider`,
      );
    }
    ids.add(id);
    const sha256 = readHashes(map, context);
    for (const hash of sha256) {
      if (hashes.has(hash)) {
        report.error(
          'duplicate-api-key',
          keyPlace(map, 'sha256'),
          'the same hash is written twice in this provider',
          'one key is one caller: give each a key of its own',
        );
      }
      hashes.add(hash);
    }
    const valid = readValidWindow(map, context);
    keys.push({
      id,
      owner: stringField(map, 'owner', report)?.value ?? '',
      sha256,
      labels: readLabels(map, context),
      fromMs: valid?.fromMs ?? null,
      untilMs: valid?.untilMs ?? null,
      position: positionOf(map),
    });
  }
  return keys;
}

/** In lower case. */
function readHashes(map: MapNode, { report }: Context): readonly string[] {
  const entry = entryOf(map, 'sha256');
  const place = keyPlace(map, 'sha256');
  if (entry === undefined) {
    report.error('missing-field', place, 'the field `sha256` is missing', HOW);
    return [];
  }
  if (entry.value.kind !== 'list') {
    report.error(
      'bad-key-hash',
      place,
      'a list of hashes is needed here',
      'write it as a list: [64 hexadecimal digits]',
    );
    return [];
  }
  const { items } = entry.value;
  if (items.length === 0) report.error('empty-list', place, 'the list is empty', HOW);
  if (items.length > MAX_HASHES) {
    report.error(
      'too-many',
      place,
      `the list has more than ${MAX_HASHES} elements`,
      'give each caller a key of its own',
    );
  }
  return items.flatMap((item) => readHash(item, report));
}

function readHash(node: Node, report: Context['report']): string[] {
  if (node.kind !== 'scalar' || typeof node.value !== 'string') {
    report.error('bad-key-hash', positionOf(node), 'a hash in quotes is needed here', HOW);
    return [];
  }
  const hash = node.value.toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(hash)) {
    report.error(
      'bad-key-hash',
      positionOf(node),
      'this is not the SHA-256 of a key, and may be the key itself, which must not be in a file',
      `write its 64 hexadecimal digits: ${HOW}; a key that stood in a file has to be replaced`,
    );
    return [];
  }
  if (HASHES_OF_NOTHING.includes(hash)) {
    report.error('bad-key-hash', positionOf(node), 'this is the hash of an empty key', HOW);
    return [];
  }
  return [hash];
}

function readLabels(map: MapNode, { report }: Context): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  const written = textMapField(map, 'labels', report);
  if (written.size > MAX_LABELS) {
    report.error('too-many', keyPlace(map, 'labels'), `a key has more than ${MAX_LABELS} labels`);
  }
  for (const [name, text] of written) {
    if (name === '' || RESERVED.includes(name)) {
      report.error(
        'bad-claim',
        positionOf(text),
        `a label cannot be called \`${name}\``,
        name === '' ? 'give it a name' : 'the claim of that name says something else: choose another one',
      );
    } else labels.set(name, text.value);
  }
  return labels;
}
