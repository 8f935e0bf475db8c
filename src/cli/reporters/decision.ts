/** How a decision is shown. The names and the order of the JSON fields are an interface: programs read them. */
import { visibleText } from '../../lib/visible-text.ts';
import type { OfflineDecision } from '../../extauthz/offline.ts';
import type { Painter } from '../terminal.ts';

type Fields = OfflineDecision['headersSet'];

export function decisionFields(decision: OfflineDecision): Record<string, unknown> {
  return {
    decision: decision.decision,
    httpStatus: decision.httpStatus,
    reason: decision.reason,
    policy: decision.policy,
    rule: decision.rule,
    revision: decision.revision,
    headersSet: record(decision.headersSet),
    headersRemoved: decision.headersRemoved,
    querySet: record(decision.querySet),
    queryRemoved: decision.queryRemoved,
    responseHeaders: record(decision.responseHeaders),
    body: decision.body,
    shadow: decision.shadow,
  };
}

export function decisionJson(decision: OfflineDecision): string {
  return JSON.stringify(decisionFields(decision));
}

/** Names are unique: an answer replaces, it never appends. */
function record(fields: Fields): Record<string, string> {
  return Object.fromEntries(fields);
}

/** `12: deny  403 no_rule_matched`, then what is done and said, indented. */
export function decisionText(decision: OfflineDecision, line: number, paint: Painter): string {
  return `${line}: ${headline(decision, paint)}\n${obligationsText(decision)}`;
}

export function headline(decision: OfflineDecision, paint: Painter): string {
  const allowed = decision.decision === 'allow';
  const word = paint(allowed ? 'green' : 'red', allowed ? 'allow' : 'deny ');
  const by = decision.policy === null ? '' : ` by ${decision.policy} rule ${visibleText(String(decision.rule))}`;
  return `${word} ${decision.httpStatus} ${decision.reason}${by}`;
}

/** What is done to the request and said to the client, one thing a line. */
export function obligationsText(decision: OfflineDecision): string {
  const set = (what: string, fields: Fields): string[] =>
    fields.map(([name, value]) => `${what} ${visibleText(name)}: ${visibleText(value)}`);
  const lines = [
    ...set('set', decision.headersSet),
    ...decision.headersRemoved.map((name) => `remove ${visibleText(name)}`),
    ...set('set query', decision.querySet),
    ...decision.queryRemoved.map((name) => `remove query ${visibleText(name)}`),
    ...set('response', decision.responseHeaders),
  ];
  const { shadow } = decision;
  if (shadow !== null) {
    const by = shadow.policy === null ? '' : ` by ${shadow.policy} rule ${visibleText(String(shadow.rule))}`;
    lines.push(`with shadow policies: ${shadow.decision}${by}`);
  }
  return lines.map((line) => `    ${line}\n`).join('');
}
