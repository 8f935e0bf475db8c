/**
 * x-forwarded-client-cert (Envoy: HTTP connection manager, "x-forwarded-client-cert"): elements joined by
 * `,`, each of `key=value` pairs joined by `;`, values with `,` `;` or `=` in double quotes, in which `\"`
 * is a quote. Keys are not case-sensitive. Certificates in it are ignored: what counts is what the hop said.
 */
export interface XfccElement {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly subject: string;
}

/** More hops than this are no real chain. */
const MAX_ELEMENTS = 32;

/** null: not well-formed, and then nothing of it is believed. */
export function parseXfcc(value: string): readonly XfccElement[] | null {
  const elements: XfccElement[] = [];
  let uris: string[] = [];
  let dnsNames: string[] = [];
  let subject = '';
  let at = 0;
  for (;;) {
    const equals = value.indexOf('=', at);
    if (equals < 0) return null;
    const key = value.slice(at, equals).trim().toLowerCase();
    if (!/^[a-z]+$/.test(key)) return null;
    let text = '';
    at = equals + 1;
    if (value[at] === '"') {
      at++;
      for (;;) {
        const char = value[at];
        if (char === undefined) return null;
        at++;
        if (char === '"') break;
        if (char === '\\') {
          const escaped = value[at++];
          if (escaped !== '"' && escaped !== '\\') return null;
          text += escaped;
        } else text += char;
      }
    } else {
      while (at < value.length && value[at] !== ',' && value[at] !== ';') {
        if (value[at] === '"') return null;
        text += value[at++]!;
      }
    }
    if (text.includes('\0')) return null;
    if (key === 'uri') {
      if (text !== '') uris.push(text);
    } else if (key === 'dns') {
      if (text !== '') dnsNames.push(text);
    } else if (key === 'subject') {
      subject = text;
    }
    const separator = value[at];
    if (separator === undefined || separator === ',') {
      if (elements.length === MAX_ELEMENTS) return null;
      elements.push({ uris, dnsNames, subject });
      if (separator === undefined) return elements;
      uris = [];
      dnsNames = [];
      subject = '';
    } else if (separator !== ';') return null;
    at++;
  }
}
