import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

export interface PageHeadProps {
  readonly title: string;
  readonly children: ComponentChildren;
  /** At the right. */
  readonly end?: ComponentChildren;
}

/** The first page is where a reader already is: the others take the focus to their heading when they come up. */
let isFirst = true;

export function PageHead({ title, children, end }: PageHeadProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Portcullis`;
    if (!isFirst) heading.current?.focus({ preventScroll: true });
    isFirst = false;
  }, [title]);
  return (
    <div class="page-head">
      <div>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        <p>{children}</p>
      </div>
      {end}
    </div>
  );
}
