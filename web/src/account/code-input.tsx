// Six digits of an authenticator app. Goes on by itself when all are there.

import { Input } from '../kit/field'
import type { Wiring } from '../kit/field'

export function CodeInput({ value, onValue, onFull, ...wiring }: Wiring & { value: string; onValue: (value: string) => void; onFull?: (value: string) => void }) {
  return (
    <Input
      {...wiring}
      autoFocus
      required
      inputMode="numeric"
      autoComplete="one-time-code"
      placeholder="000000"
      value={value}
      onChange={(change) => {
        // People paste "123 456".
        const digits = change.target.value.replace(/\D/g, '').slice(0, 6)
        onValue(digits)
        if (digits.length === 6 && digits !== value) onFull?.(digits)
      }}
      className="font-mono text-16 tracking-[0.3em]"
    />
  )
}
