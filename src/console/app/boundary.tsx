import { Component } from 'preact';
import type { ComponentChildren } from 'preact';
import { Notice } from '../parts/notice.tsx';

interface BoundaryProps {
  readonly children: ComponentChildren;
}

/** A page that fails takes neither the others nor the way to them along. */
export class Boundary extends Component<BoundaryProps, { readonly failed: string | null }> {
  override state: { readonly failed: string | null } = { failed: null };

  static override getDerivedStateFromError(error: unknown): { readonly failed: string } {
    return { failed: error instanceof Error ? error.message : String(error) };
  }

  override render() {
    const { failed } = this.state;
    if (failed === null) return this.props.children;
    return (
      <Notice
        kind="deny"
        action={
          <button type="button" class="button small" onClick={() => this.setState({ failed: null })}>
            Show it again
          </button>
        }
      >
        <p>
          <strong>This page failed.</strong> The service may be of another version than the page: load it anew. (
          {failed})
        </p>
      </Notice>
    );
  }
}
