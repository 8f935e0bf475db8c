/** Light or dark: as the system has it, unless somebody says otherwise here. */
import { Store } from './store.ts';

export type Theme = 'auto' | 'light' | 'dark';

const KEY = 'portcullis.theme';

export const theme = new Store<Theme>(kept());

function kept(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : 'auto';
  } catch {
    // Storage may be forbidden here: then it lasts as long as the page.
    return 'auto';
  }
}

export function showTheme(): void {
  if (theme.value === 'auto') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme.value;
}

export function chooseTheme(value: Theme): void {
  theme.set(value);
  showTheme();
  try {
    localStorage.setItem(KEY, value);
  } catch {
    // As above.
  }
}
