import { render } from 'preact';
import { App } from './app/app.tsx';
import { showTheme } from './app/theme.ts';

showTheme();
const place = document.getElementById('console');
if (place !== null) render(<App />, place);
