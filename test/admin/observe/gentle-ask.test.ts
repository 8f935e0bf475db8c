import { describe, expect, it } from '@jest/globals';
import { gentleAsk } from '../../../src/admin/observe/gentle-ask.ts';
import type { Ask, Question } from '../../../src/admin/observe/questions.ts';
import { HttpError } from '../../../src/admin/route.ts';

function asking() {
  let nowMs = 0;
  const asked: string[] = [];
  const ask = ((question: Question) => {
    asked.push(question.kind);
    return Promise.resolve({ asked: 1, answers: [null] });
  }) as Ask;
  return {
    ask: gentleAsk(ask, () => nowMs),
    asked,
    pass: (ms: number): void => {
      nowMs += ms;
    },
  };
}

const DECISIONS = {
  kind: 'decisions',
  since: new Map(),
  filter: { decision: null, reason: null, policy: null },
  limit: 1,
} as const;

describe('questions to processes that answer checks', () => {
  it('about traffic are asked once in a while, whoever wants to know', async () => {
    const { ask, asked, pass } = asking();
    for (let i = 0; i < 100; i++) await ask({ kind: 'traffic' });
    expect(asked).toEqual(['traffic']);
    pass(250);
    await ask({ kind: 'traffic' });
    expect(asked).toEqual(['traffic', 'traffic']);
  });

  it('about decisions are refused when they come too often', async () => {
    const { ask, asked, pass } = asking();
    for (let i = 0; i < 20; i++) await ask(DECISIONS);
    expect(() => ask(DECISIONS)).toThrow(HttpError);
    pass(100);
    await ask(DECISIONS);
    expect(asked).toHaveLength(21);
  });

  it('about one decision are all asked', async () => {
    const { ask, asked } = asking();
    for (let i = 0; i < 30; i++) await ask({ kind: 'decision', id: `d-${i}` });
    expect(asked).toHaveLength(30);
  });
});
