import type { NextConfig } from 'next';

const config: NextConfig = {
  // Node loads the broker as it is, because it loads some of its parts only when the configuration names them.
  serverExternalPackages: ['@valetkey/broker'],
};

export default config;
