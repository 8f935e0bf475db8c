import type { PollerWorld } from './poller.ts';

export const PAGE_WORLD: PollerWorld = {
  isVisible: () => document.visibilityState === 'visible',
  onVisible(callback) {
    const listen = (): void => {
      if (document.visibilityState === 'visible') callback();
    };
    document.addEventListener('visibilitychange', listen);
    return () => document.removeEventListener('visibilitychange', listen);
  },
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
