import { describe, expect, it } from '@jest/globals';
import { usableWorkers } from '../../src/serving/cores.ts';

function cores(files: Readonly<Record<string, string>>, affinity = 16): number {
  const texts = new Map(Object.entries(files));
  return usableWorkers({ read: (path) => texts.get(path) ?? null, affinity: () => affinity, memory: () => 2 ** 40 });
}

const V2 = { '/proc/self/cgroup': '0::/kubepods/pod1/c1\n' };
const V1 = { '/proc/self/cgroup': '12:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n1:name=systemd:/docker/x\n' };

describe('processors that may be used', () => {
  it.each([
    ['no cgroup at all', {}, 16, 16],
    ['no limit', { ...V2, '/sys/fs/cgroup/cpu.max': 'max 100000\n' }, 8, 8],
    ['whole processors', { ...V2, '/sys/fs/cgroup/cpu.max': '300000 100000\n' }, 16, 3],
    ['a fraction is rounded down', { ...V2, '/sys/fs/cgroup/cpu.max': '270000 100000\n' }, 16, 2],
    ['less than one is one', { ...V2, '/sys/fs/cgroup/cpu.max': '20000 100000\n' }, 16, 1],
    ['more than there are', { ...V2, '/sys/fs/cgroup/cpu.max': '900000 100000\n' }, 4, 4],
    ['other periods', { ...V2, '/sys/fs/cgroup/cpu.max': '20000 10000\n' }, 16, 2],
    ['the path of the group itself', { ...V2, '/sys/fs/cgroup/kubepods/pod1/c1/cpu.max': '200000 100000\n' }, 16, 2],
    [
      'the tightest limit above it',
      {
        ...V2,
        '/sys/fs/cgroup/kubepods/pod1/c1/cpu.max': 'max 100000\n',
        '/sys/fs/cgroup/kubepods/pod1/cpu.max': '400000 100000\n',
        '/sys/fs/cgroup/kubepods/cpu.max': '500000 100000\n',
      },
      16,
      4,
    ],
    [
      'version 1',
      { ...V1, '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '250000\n', '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n' },
      16,
      2,
    ],
    [
      'version 1 under its long name, by path',
      {
        ...V1,
        '/sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us': '300000\n',
        '/sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us': '100000\n',
      },
      16,
      3,
    ],
    [
      'version 1 without a limit',
      { ...V1, '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n', '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n' },
      5,
      5,
    ],
    ['what is not understood is no limit', { ...V2, '/sys/fs/cgroup/cpu.max': 'lots\n' }, 6, 6],
    ['a quota of nothing is no limit', { ...V2, '/sys/fs/cgroup/cpu.max': '0 100000\n' }, 6, 6],
    ['very many', {}, 512, 64],
  ])('%s', (_what, files, affinity, expected) => {
    expect(cores(files, affinity)).toBe(expected);
  });

  it.each([
    [2 ** 30, 4],
    [900 * 2 ** 20, 3],
    [64 * 2 ** 20, 1],
  ])('are no more than have room in %d bytes', (bytes, expected) => {
    expect(usableWorkers({ read: () => null, affinity: () => 16, memory: () => bytes })).toBe(expected);
  });

  it('are at least one here', () => {
    expect(usableWorkers()).toBeGreaterThanOrEqual(1);
  });
});
