import { expect, test } from 'vitest';
import { compileValue, parseTemplate } from './template.ts';

const values = {
  a: { text: 'a/b ü', number: 7, flag: false, none: null, list: ['y', 'x'], object: { b: [2], a: 'é' } },
  seconds: 1_795_800_000,
};

test.each([
  ['', ''],
  ['plain {{braces}}', 'plain {braces}'],
  ['{a.number}', 7],
  ['{a.flag}', false],
  ['{a.list}', ['y', 'x']],
  ['{a.none}', undefined],
  ['{a.absent.deeper}', undefined],
  ['{a.text.length}', undefined],
  ['{a.constructor}', undefined],
  ['{a.__proto__}', undefined],
  ['{ a.number | text }', '7'],
  ['n={a.number}, f={a.flag}', 'n=7, f=false'],
  ['n={a.absent}', undefined],
  ['{a.text | uri}', 'a%2Fb%20%C3%BC'],
  ['{a.text | base64}', 'YS9iIMO8'],
  ['{a.text | base64url}', 'YS9iIMO8'],
  ['{a.text | prefix(3)}', 'a/b'],
  ['{a.number | sha256}', '7902699be42c8a8e46fbbb4501726517e86b22c56a189f7625a6da49081b2451'],
  ['{a.number | list}', [7]],
  ['{a.object | json}', '{"b":[2],"a":"é"}'],
  ['{a.object | canonical-json}', '{"a":"é","b":[2]}'],
  ['{a.list | canonical-json}', '["x","y"]'],
  ['{a.object | query}', 'a=%C3%A9&b=2'],
  ['{a.list | join( )}', 'y x'],
  ['{a.text | join(,)}', 'a/b ü'],
  ['{seconds | milliseconds}', 1_795_800_000_000],
  ['{seconds | iso-date}', '2026-11-27T17:20:00.000Z'],
  ['{a.number | minutes}', 1],
  ['{a.absent | json | base64}', undefined],
])('the template %s gives %j', (template, expected) => {
  expect(compileValue(template)(values)).toEqual(expected);
});

test('a structure keeps its order, and leaves out what is absent', () => {
  const template = { z: '{a.number}', gone: '{a.absent}', list: ['{a.absent}', 1, null, { deep: '{a.flag}' }] };
  expect(JSON.stringify(compileValue(template)(values))).toBe('{"z":7,"list":[1,null,{"deep":false}]}');
});

test.each(['{', 'a}', '{}', '{a b}', '{a | }', '{a | nothing}', '{a | join(x)}', '{a | prefix(0)}', '{.a}', '{a..b}'])(
  'the text %s is no template',
  (text) => {
    expect(() => parseTemplate(text)).toThrow(TypeError);
  },
);

test('an object within another one is left out if all of its members are absent, and a literal one stays', () => {
  const template = { outgoing: { sid: '{sid}', more: { note: '{note}' } }, kept: {}, list: [{ sid: '{sid}' }] };
  expect(compileValue(template)({})).toEqual({ kept: {}, list: [{}] });
  expect(compileValue(template)({ note: 'n' })).toEqual({ outgoing: { more: { note: 'n' } }, kept: {}, list: [{}] });
  expect(compileValue({ sid: '{sid}' })({})).toEqual({});
});
