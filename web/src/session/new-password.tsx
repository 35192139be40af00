// A new password, as invitations, resets and changes ask for it.

import { Field, SecretInput } from '../kit/field'

export const PASSWORD_LEAST = 12

/** Why a password is too short, once somebody has typed one. */
export function tooShort(password: string): string | undefined {
  return password !== '' && password.length < PASSWORD_LEAST ? `Use at least ${PASSWORD_LEAST} characters; ${password.length} so far.` : undefined
}

export function NewPassword({ value, onValue, error, label = 'Password', autoFocus }: { value: string; onValue: (value: string) => void; error?: string | undefined; label?: string; autoFocus?: boolean }) {
  return (
    <Field label={label} help={`At least ${PASSWORD_LEAST} characters. A few words are better than a few signs.`} error={error}>
      {(wiring) => <SecretInput {...wiring} autoComplete="new-password" required maxLength={256} autoFocus={autoFocus} value={value} onChange={(change) => onValue(change.target.value)} />}
    </Field>
  )
}
