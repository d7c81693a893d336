// What both ways to reach an agent of ElevenLabs share.
import type { RecipeInput } from '../../recipe/recipe-schema.ts';

export const elevenlabsAgents = {
  secrets: { apiKey: { description: 'An API key of ElevenLabs that may use ElevenAgents.' } },
  baseUrl: 'https://api.elevenlabs.io',
  binding: 'account',
  keep: 'never',
  errors: [
    {
      status: 401,
      when: { 'detail.status': 'missing_permissions' },
      code: 'vendor_auth_failed',
      detail: 'The ElevenLabs key lacks a permission.',
      advice: 'Give the key access to ElevenAgents in its settings at ElevenLabs.',
    },
    {
      status: 404,
      code: 'vendor_rejected',
      detail: 'ElevenLabs has no such agent.',
      advice: 'Correct `set.agent_id`, and check that the agent belongs to the workspace of the key.',
    },
  ],
  verify: {
    method: 'GET',
    path: '/v1/convai/agents',
    query: { page_size: 1 },
    headers: { 'xi-api-key': '{secrets.apiKey}' },
    repeatable: true,
  },
} as const satisfies Partial<RecipeInput>;

export const agentParameters = {
  agent_id: { description: 'The id of the agent.', characters: 'A-Za-z0-9_-', from: 'policy' },
  branch_id: {
    description: 'The id of a branch of the agent.',
    characters: 'A-Za-z0-9_-',
    from: 'policy',
    optional: true,
  },
  environment: {
    description: 'The name of the environment whose variables the agent uses.',
    characters: 'A-Za-z0-9_-',
    from: 'policy',
    optional: true,
  },
} as const satisfies RecipeInput['parameters'];

export const agentQuery = {
  branch_id: '{parameters.branch_id}',
  environment: '{parameters.environment}',
} as const;
