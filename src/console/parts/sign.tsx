/** Small pictures beside words, which say the same. */

const PATHS = {
  allow: 'M3.5 8.5l3 3 6-7',
  deny: 'M4 4l8 8M12 4l-8 8',
  warn: 'M8 2.500L14.500 13.500H1.500ZM8 6.500v3.200M8 11.600v.1',
  pause: 'M5.500 3.500v9M10.500 3.500v9',
  play: 'M4.500 3l8 5-8 5z',
  sun: 'M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6M8 1v1.500M8 13.500V15M1 8h1.500M13.500 8H15M3 3l1.100 1.100M11.900 11.900L13 13M13 3l-1.100 1.100M4.100 11.900L3 13',
  moon: 'M13.500 9.500A6 6 0 0 1 6.500 2.500a6 6 0 1 0 7 7z',
  auto: 'M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12',
  right: 'M6 3.500L10.500 8 6 12.500',
  clock: 'M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2M8 4.500V8l2.500 1.500',
} as const;

export type SignName = keyof typeof PATHS;

export function Sign({ name, turned = false }: { readonly name: SignName; readonly turned?: boolean }) {
  return (
    <svg class={turned ? 'sign turned' : 'sign'} viewBox="0 0 16 16" aria-hidden="true">
      <path
        d={PATHS[name]}
        fill={name === 'play' ? 'currentColor' : 'none'}
        stroke="currentColor"
        stroke-width="1.8"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}
