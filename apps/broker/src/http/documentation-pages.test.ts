import { errorTable } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createErrorsPage, createRoutesPage } from './documentation-pages.ts';

test('the page of errors shows a text with characters of HTML as it is, inside and outside code', () => {
  const remediation = 'Send `Bearer <token>`, not <script>alert("&")</script>.';
  const page = createErrorsPage({ 'a"b': { status: 400, title: 'A < B', retryable: false, remediation } });
  expect(page).toContain('<td id="a&quot;b"><code>a&quot;b</code></td>');
  expect(page).toContain('<td>A &lt; B</td>');
  expect(page).toContain(
    '<td>Send <code>Bearer &lt;token&gt;</code>, not &lt;script&gt;alert(&quot;&amp;&quot;)&lt;/script&gt;.</td>',
  );
});

test('the page of errors shows the placeholder `<token>` of the error table, and has an anchor for each code', () => {
  const page = createErrorsPage(errorTable);
  expect(page).toContain('<code>Authorization: Bearer &lt;token&gt;</code>');
  for (const name of Object.keys(errorTable)) expect(page).toContain(`<td id="${name}">`);
});

test('the page of errors leads to the page of troubleshooting', () => {
  expect(createErrorsPage(errorTable)).toContain('<code>docs/troubleshooting.md</code>');
});

test('the page of routes shows a path and a summary with characters of HTML as they are', () => {
  const page = createRoutesPage({ '/v1/<name>': { get: { summary: 'Returns `a<b>` & more' }, head: { summary: '' } } });
  expect(page).toContain('<td><code>/v1/&lt;name&gt;</code></td><td>GET HEAD</td>');
  expect(page).toContain('<td>Returns <code>a&lt;b&gt;</code> &amp; more</td>');
});
