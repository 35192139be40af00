import hooks from 'eslint-plugin-react-hooks'
import tseslint from 'typescript-eslint'

// Few rules: those that find mistakes. Looks are nobody's argument.
export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'src/api/generated'] },
  ...tseslint.configs.recommended,
  {
    files: ['src/**/*.{ts,tsx}'],
    plugins: { 'react-hooks': hooks },
    rules: {
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'no-restricted-globals': ['error', { name: 'event', message: 'Take the event as an argument.' }],
      'no-restricted-properties': ['error', { object: 'crypto', property: 'randomUUID', message: 'Secure contexts only: use randomId of kit/random.' }],
      eqeqeq: ['error', 'smart'],
    },
  },
)
