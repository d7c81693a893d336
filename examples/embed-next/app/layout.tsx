import type { ReactNode } from 'react';

export const metadata = { title: 'Valet Key within Next.js', icons: 'data:,' };

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
