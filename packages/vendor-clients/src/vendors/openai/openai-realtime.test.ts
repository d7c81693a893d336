import { expect, test } from 'vitest';
import { defineRecipe, sampleOf } from '../../recipe/index.ts';
import { openaiRealtimeRecipe } from './openai-realtime.recipe.ts';

test('the simulated OpenAI issues client secrets that OpenAI’s client SDK accepts in a browser', () => {
  const { requests } = sampleOf(defineRecipe(openaiRealtimeRecipe).recipe);
  expect(JSON.stringify(requests)).toMatch(/"value":"ek_/);
});
