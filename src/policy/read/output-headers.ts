/** Headers that tell the upstream of a verified proof: `outputPayloadToHeader` and `outputClaimToHeaders`. */
import type { Position } from '../../lib/diagnostic.ts';
import { asMap } from '../parse/expect.ts';
import { positionOf } from '../parse/node.ts';
import type { MapNode } from '../parse/node.ts';
import { checkHeaderName } from '../validate/respond-name.ts';
import type { Context } from '../validate/value-check.ts';
import { listField, stringField } from './fields.ts';

export interface OutputHeaders {
  readonly outputPayloadToHeader: string | null;
  readonly outputClaimToHeaders: readonly { readonly header: string; readonly claim: string }[];
}

/** The headers obey the rules of `respond` (validate/respond-name.ts), and none is written twice. */
export function readOutputHeaders(map: MapNode, context: Context): OutputHeaders {
  const { report } = context;
  const names = new HeaderNames(context);
  const payload = stringField(map, 'outputPayloadToHeader', report);
  const outputPayloadToHeader =
    payload === null || payload.value === '' ? null : names.take(payload.value, positionOf(payload));
  const outputClaimToHeaders: { header: string; claim: string }[] = [];
  for (const item of listField(map, 'outputClaimToHeaders', report)?.items ?? []) {
    const pair = asMap(item, report);
    if (pair === null) continue;
    const header = neededText(pair, 'header', context);
    const claim = neededText(pair, 'claim', context);
    const name = header === null ? null : names.take(header.value, positionOf(header));
    if (name !== null && claim !== null) outputClaimToHeaders.push({ header: name, claim: claim.value });
  }
  return { outputPayloadToHeader, outputClaimToHeaders };
}

/** null: absent or empty (reported). */
export function neededText(map: MapNode, key: string, { report }: Context): ReturnType<typeof stringField> {
  const text = stringField(map, key, report);
  if (text !== null && text.value !== '') return text;
  report.error('missing-field', positionOf(map), `the field \`${key}\` is missing`);
  return null;
}

/** Istio's ValidateStrictHTTPHeaderName. */
const STRICT_NAME = /^[-_A-Za-z0-9]+$/;

class HeaderNames {
  readonly #context: Context;
  readonly #taken = new Set<string>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** In lower case; null when it cannot be written (reported). */
  take(name: string, position: Position): string | null {
    const lower = checkHeaderName(name, position, this.#context);
    if (lower === null) return null;
    if (!STRICT_NAME.test(name)) {
      this.#context.report.error(
        'bad-header-name',
        position,
        `\`${name}\` is not a name that a header with claims can have`,
        'a name is letters, digits, `-` and `_`',
      );
      return null;
    }
    if (this.#taken.has(lower)) {
      this.#context.report.error('duplicate-header', position, `the header \`${lower}\` is written twice`);
      return null;
    }
    this.#taken.add(lower);
    return lower;
  }
}
