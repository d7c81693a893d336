import { expect, test } from 'vitest';
import { writeXml } from './write-xml.ts';

test('writeXml writes fields as elements, a list as several, and escapes the signs of XML in texts', () => {
  const body = { result: { token: 'a<&b>', list: [1, { x: true }], none: null } };
  expect(writeXml(body)).toBe(
    '<result><token>a&lt;&amp;b&gt;</token><list>1</list><list><x>true</x></list><none></none></result>',
  );
});

test.each([[{}], ['text'], [[1]], [null]])('writeXml writes an empty element for %j', (body) => {
  expect(writeXml(body)).toBe('<empty/>');
});
