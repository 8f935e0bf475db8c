/** Attacks in tables: what is asked, and what the answer on the wire has to be. */
import { describe } from '@jest/globals';
import { checkRequest, snapshotOf, testService } from '../extauthz/support/engine.ts';
import type { Ask, TestService } from '../extauthz/support/engine.ts';
import { decodeCheckResponse } from '../extauthz/support/messages.ts';
import type { ReadResponse } from '../extauthz/support/messages.ts';
import { policiesYaml } from '../extauthz/support/yaml.ts';
import type { PolicyText } from '../extauthz/support/yaml.ts';
import { ROWS, nameOf } from './rows.ts';
import type { Section } from './rows.ts';

/** Tests of one class of attack; the title has to be in {@link ROWS}. */
export function row(section: Section, title: string, tests: () => void): void {
  const known = ROWS.find((each) => each.section === section && each.title === title);
  if (known === undefined) throw new Error(`${section} ${title} is not in rows.ts`);
  describe(nameOf(known), () => {
    tests();
  });
}

export type Settings = Parameters<typeof snapshotOf>[1];

export function worldOf(
  policies: readonly PolicyText[],
  settings: Settings = {},
  others: readonly unknown[] = [],
): TestService {
  return testService(snapshotOf(policiesYaml(policies, others), settings));
}

export const EVALUATE: Settings = { ambiguousPaths: 'evaluate' };

export interface Verdict {
  readonly status: number;
  readonly reason: string;
  readonly response: ReadResponse;
}

/** From the bytes of the answer, with the reason of the record. Throws when the two contradict each other. */
export function verdictOf(world: TestService, ask: Ask | Buffer): Verdict {
  const bytes = world.check(ask);
  if (bytes === null) throw new Error('no answer');
  const response = decodeCheckResponse(bytes);
  const record = world.records.at(-1)!;
  const code = response.status?.code;
  const status = response.deniedResponse?.status?.code ?? 200;
  const allowed = record.decision.allowed;
  const consistent = allowed
    ? (code ?? 0) === 0 && response.status !== undefined && response.okResponse !== undefined && status === 200
    : code !== undefined && code > 0 && response.okResponse === undefined && status >= 400;
  if (!consistent || status !== record.httpStatus)
    throw new Error(`answer and record differ: ${status}, ${String(code)}`);
  return { status, reason: record.decision.reason, response };
}

/** `status reason`, in words that a table can hold. */
export function answerTo(world: TestService, ask: Ask | Buffer): string {
  const { status, reason } = verdictOf(world, ask);
  return `${status} ${reason}`;
}

export const ALLOWED = '200 allow_rule';
export const NOT_MATCHED = '403 no_rule_matched';
export const DENIED = '403 deny_rule';
export const BAD_PATH = '400 malformed_path';
export const BAD_HOST = '400 malformed_host';
export const BAD_METHOD = '400 malformed_method';
export const BAD_HEADER = '400 malformed_header';

/** The request of `ask` with `marker` replaced by bytes that no JavaScript text stands for. */
export function withBytes(ask: Ask, marker: string, bytes: readonly number[]): Buffer {
  if (marker.length !== bytes.length) throw new Error('lengths are part of the message');
  const message = checkRequest(ask);
  const at = message.indexOf(marker);
  if (at < 0) throw new Error(`${marker} is not in the message`);
  Buffer.from(bytes).copy(message, at);
  return message;
}
