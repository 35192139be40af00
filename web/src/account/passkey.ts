// Passkeys, by the browser's own functions: the server speaks the JSON forms that they read and write.

import type { PasskeyAnswer, PasskeyCreation, PasskeyMade, PasskeyRequest } from '../api/types'

/** Whether this browser has passkeys here: it needs https, or this very machine. */
export function hasPasskeys(): boolean {
  return window.isSecureContext && 'PublicKeyCredential' in window && typeof PublicKeyCredential.parseRequestOptionsFromJSON === 'function'
}

/** Asks the person for a passkey. Throws when they would rather not. */
export async function showPasskey(options: PasskeyRequest): Promise<PasskeyAnswer> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options as unknown as PublicKeyCredentialRequestOptionsJSON)
  const shown = await asked(navigator.credentials.get({ publicKey }))
  return shown.toJSON() as PasskeyAnswer
}

/** Makes a passkey. */
export async function makePasskey(options: PasskeyCreation['options']): Promise<PasskeyMade> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options as unknown as PublicKeyCredentialCreationOptionsJSON)
  const made = await asked(navigator.credentials.create({ publicKey }))
  return made.toJSON() as PasskeyMade
}

async function asked(answer: Promise<Credential | null>): Promise<PublicKeyCredential> {
  try {
    const given = await answer
    if (given instanceof PublicKeyCredential) return given
  } catch (cause) {
    const name = cause instanceof DOMException ? cause.name : ''
    if (name === 'InvalidStateError') throw new Error('This device has a passkey for this account already.', { cause })
    if (name === 'SecurityError') throw new Error('Passkeys do not work at this address. Open the panel at its public one.', { cause })
  }
  throw new Error('No passkey was shown. Try again, or use another way.')
}
