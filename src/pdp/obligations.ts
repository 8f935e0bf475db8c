/**
 * What goes with a decision: headers and query parameters to set and remove, and what a denial says.
 * Values are encoded for the place they go to, and bounded.
 */
import { asciiLowerCase, isUtf8, toByteString, toText } from '../attributes/bytes.ts';
import { decodeLeniently } from '../attributes/path.ts';
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import { ruleLabel } from './decision.ts';
import type { CompiledTemplate } from '../policy/compile/respond.ts';
import { attributeValues } from './attribute-text.ts';
import type { DecidedRule, Decision } from './decision.ts';

export type Field = readonly [name: string, value: string];

export interface Obligations {
  readonly setHeaders: readonly Field[];
  /** By the rule; owned headers come on top (see extauthz). */
  readonly removeHeaders: readonly string[];
  readonly setQuery: readonly Field[];
  readonly removeQuery: readonly string[];
  readonly responseHeaders: readonly Field[];
  readonly deny: {
    readonly status: number | null;
    readonly body: string | null;
    readonly headers: readonly Field[];
  } | null;
}

export const NO_OBLIGATIONS: Obligations = {
  setHeaders: [],
  removeHeaders: [],
  setQuery: [],
  removeQuery: [],
  responseHeaders: [],
  deny: null,
};

export interface DecisionFacts {
  readonly id: string;
  readonly revision: string;
}

/** Longest value that a rule may inject, encoded: what common servers take in one header line (8 KiB for all). */
export const MAX_INJECTED_LENGTH = 4096;

export class InjectedValueTooLong extends Error {
  override readonly name = 'InjectedValueTooLong';
}

/** Throws {@link InjectedValueTooLong}. */
export function renderObligations(decision: Decision, request: RequestAttributes, facts: DecisionFacts): Obligations {
  const respond = decision.rule?.respond;
  if (decision.rule === null || respond == null) return NO_OBLIGATIONS;
  const rule = decision.rule;
  const render = (template: CompiledTemplate, encode: Encode, absent: string | null = null): string | null =>
    renderTemplate(template, encode, absent, decision, rule, request, facts);
  const fields = (entries: readonly (readonly [string, CompiledTemplate])[], encode: Encode): Field[] =>
    entries.flatMap(([name, template]): Field[] => {
      const value = render(template, encode);
      // An empty value is as good as none: newer Envoys drop such a header, older ones would keep the client's.
      return value === null || value === '' ? [] : [[name, value]];
    });
  const removed = (entries: readonly (readonly [string, CompiledTemplate])[], kept: readonly Field[]): string[] =>
    entries.map(([name]) => name).filter((name) => !kept.some(([keptName]) => keptName === name));
  const setHeaders = fields(respond.setHeaders, encodeForHeader);
  const setQuery = fields(respond.setQuery, encodeForQuery);
  const denyHeaders = fields(respond.deny?.headers ?? [], encodeForHeader);
  return {
    setHeaders,
    removeHeaders: [...respond.removeHeaders, ...removed(respond.setHeaders, setHeaders)],
    setQuery,
    removeQuery: [
      ...respond.removeQuery,
      ...removed(respond.setQuery, setQuery),
      ...otherSpellings([...respond.removeQuery, ...respond.setQuery.map(([name]) => name)], request.query),
    ],
    responseHeaders: fields(respond.responseHeaders, encodeForHeader),
    deny:
      respond.deny === null
        ? null
        : {
            status: respond.deny.status,
            body: respond.deny.body === null ? null : render(respond.deny.body, bodyEncoding(denyHeaders), ''),
            headers: denyHeaders,
          },
  };
}

type Encode = (value: string) => string;

/**
 * Names in the query that an application decodes to one of `names` although they are written otherwise
 * (`%73ecret` for `secret`): Envoy compares names as they are written.
 */
export function otherSpellings(names: readonly string[], query: string | null): string[] {
  if (names.length === 0 || query === null) return [];
  const spellings = new Set<string>();
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    const written = equals < 0 ? pair : pair.slice(0, equals);
    if (names.includes(written) || !names.includes(decodeLeniently(written.replaceAll('+', ' ')))) continue;
    // A name in protobuf is UTF-8: this one cannot be told to Envoy, so the request cannot be let in.
    if (!isUtf8(written)) throw new Error('a query parameter to remove is spelt in bytes that are no UTF-8');
    spellings.add(written);
  }
  return [...spellings];
}

/** `absent`: what stands for an attribute that is not there; null: then there is no value at all. */
function renderTemplate(
  template: CompiledTemplate,
  encode: Encode,
  absent: string | null,
  decision: Decision,
  rule: DecidedRule,
  request: RequestAttributes,
  facts: DecisionFacts,
): string | null {
  let out = '';
  let injected = 0;
  for (const part of template.parts) {
    const before = out.length;
    // A policy's own text stands as it is, but for a query: a literal `&` there would end the parameter.
    if (part.kind === 'literal') out += encode === encodeForQuery ? encode(part.bytes) : part.bytes;
    else if (part.kind === 'attribute') {
      const values = attributeValues(part.key, request);
      const text = values.length === 0 ? absent : values.map(encode).join(',');
      if (text === null) return null;
      out += text;
    } else out += encode(decisionText(part.field, decision, rule, facts));
    // What the policy says itself was bounded when it was read.
    if (part.kind !== 'literal') injected += out.length - before;
    if (injected > MAX_INJECTED_LENGTH) throw new InjectedValueTooLong();
  }
  return out;
}

function decisionText(
  field: 'id' | 'policy' | 'rule' | 'reason' | 'revision',
  decision: Decision,
  rule: DecidedRule,
  facts: DecisionFacts,
): string {
  switch (field) {
    case 'id':
      return facts.id;
    case 'revision':
      return facts.revision;
    case 'reason':
      return decision.reason;
    case 'policy':
      return rule.policy.name;
    case 'rule':
      return ruleLabel(rule);
  }
}

/**
 * Header values hold printable ASCII. Everything else is percent-encoded, and so are the percent sign
 * (or decoding would be ambiguous) and the comma (or one value could pass for two of a list).
 */
export function encodeForHeader(value: string): string {
  let out = '';
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    const edgeBlank = code === 0x20 && (i === 0 || i === value.length - 1);
    out += code < 0x20 || code > 0x7e || code === 0x25 || code === 0x2c || edgeBlank ? percent(code) : value[i]!;
  }
  return out;
}

/** RFC 3986 §2.3: all but unreserved characters are encoded. */
export function encodeForQuery(value: string): string {
  let out = '';
  for (let i = 0; i < value.length; i++)
    out += /[A-Za-z0-9._~-]/.test(value[i]!) ? value[i]! : percent(value.charCodeAt(i));
  return out;
}

function percent(code: number): string {
  return `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
}

function bodyEncoding(headers: readonly Field[]): Encode {
  const type = asciiLowerCase(headers.find(([name]) => name === 'content-type')?.[1] ?? '');
  if (type.includes('json')) return encodeForJson;
  if (type.includes('html') || type.includes('xml')) return encodeForHtml;
  return encodeForText;
}

/** Inside a JSON string. */
function encodeForJson(value: string): string {
  return JSON.stringify(wellFormed(value)).slice(1, -1).replaceAll('<', '\\u003c');
}

function encodeForHtml(value: string): string {
  return encodeForText(value).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

function encodeForText(value: string): string {
  return wellFormed(value).replace(/[\u0000-\u001f\u007f]/g, ' ');
}

/**
 * The body is a protobuf `string`: with one byte that is no UTF-8 in it Envoy could not read the whole
 * answer, and a denial would become an error, which `failure_mode_allow` lets pass.
 */
function wellFormed(value: string): string {
  return isUtf8(value) ? value : toByteString(toText(value));
}
