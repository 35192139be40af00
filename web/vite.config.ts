import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

// Where `npm run dev` finds a running server.
const server = process.env.OSTLER_URL ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [react(), tailwindcss()],
  server: {
    port: 5173,
    proxy: { '/api': { target: server, ws: true }, '/health': { target: server } },
  },
  build: {
    target: 'es2022',
    // The policy of the server allows no data: fonts.
    assetsInlineLimit: 0,
    // For scripts/size.mjs.
    manifest: true,
    chunkSizeWarningLimit: 400,
  },
  test: { include: ['src/**/*.test.{ts,tsx}'] },
})
