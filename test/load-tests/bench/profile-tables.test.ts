import { describe, expect, it } from '@jest/globals';
import type { HeapProfiler } from 'node:inspector';
import { allocatedBytes, selfTimes } from '../../../load-tests/profile/tables.ts';

const frame = (functionName: string, url = '', lineNumber = 0) => ({
  functionName,
  url,
  lineNumber,
  columnNumber: 0,
  scriptId: '1',
});
type Node = HeapProfiler.SamplingHeapProfileNode;
const OWN_FILE = new URL('../../../src/main.ts', import.meta.url).href;

describe('the tables of a profile', () => {
  it('tell the time in each function itself, without what was spent waiting', () => {
    const nodes = ['(root)', '(idle)', 'work', '(garbage collector)'].map((name, id) => ({
      id,
      callFrame: frame(name, name === 'work' ? OWN_FILE : '', 9),
    }));
    const profile = { nodes, startTime: 0, endTime: 100, samples: [2, 1, 2, 3, 2], timeDeltas: [10, 50, 20, 10, 30] };
    expect(selfTimes(profile)).toEqual([
      { where: 'work src/main.ts:10', amount: 60, share: 60 / 70 },
      { where: '(garbage collector)', amount: 10, share: 10 / 70 },
    ]);
  });

  it('tell what each function itself has allocated, wherever it was called', () => {
    const node = (name: string, selfSize: number, children: Node[] = []): Node => ({
      callFrame: frame(name),
      selfSize,
      children,
    });
    const head = node('(root)', 0, [node('a', 100, [node('b', 50)]), node('c', 0, [node('b', 250)])]);
    expect(allocatedBytes({ head })).toEqual([
      { where: 'b', amount: 300, share: 0.75 },
      { where: 'a', amount: 100, share: 0.25 },
    ]);
  });
});
