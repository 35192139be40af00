// What guards one's account: password, second factors, recovery codes, and where one is signed in.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Fingerprint, KeyRound, ShieldAlert, ShieldCheck, Smartphone, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { api, ok } from '../api/client'
import type { Factor, Factors, FactorCreated, TotpSecret } from '../api/types'
import { Button, IconButton } from '../kit/button'
import { Confirm, Dialog } from '../kit/dialog'
import { ErrorBox } from '../kit/error'
import { Field, Input } from '../kit/field'
import { many } from '../kit/format'
import { notifyError } from '../kit/notice'
import { Skeleton } from '../kit/skeleton'
import { Ago } from '../kit/time'
import { useMe } from '../session/me'
import { SettingsTabs } from '../settings/tabs'
import { Card, Content, Header, Section } from '../shell/header'
import { factorsQuery } from './api'
import { Devices } from './devices'
import { ChangePassword } from './password'
import { hasPasskeys, makePasskey } from './passkey'
import { Providers } from './providers'
import { Codes } from './recovery'
import { Row } from './row'
import { AddApp } from './totp'

/** What lies over the page. */
type Over = { kind: 'app'; secret: TotpSecret } | { kind: 'codes'; codes: string[]; title: string } | { kind: 'name' } | { kind: 'remove'; factor: Factor } | { kind: 'password' }

export function Page() {
  const client = useQueryClient()
  const factors = useQuery(factorsQuery)
  const [over, setOver] = useState<Over>()
  const close = () => setOver(undefined)
  const made = (created: FactorCreated) => setOver({ kind: 'codes', codes: created.recovery_codes, title: `${created.factor.label} is on` })
  const fresh = () => {
    void client.invalidateQueries({ queryKey: ['factors'] })
    void client.invalidateQueries({ queryKey: ['me'] })
  }
  const app = useMutation({
    mutationFn: () => ok(api.POST('/api/v1/auth/mfa/setup/initiate', { body: { label: null } })),
    onSuccess: (secret) => setOver({ kind: 'app', secret }),
    onError: (error) => notifyError('add an authenticator app', error),
  })
  const codes = useMutation({
    mutationFn: () => ok(api.POST('/api/v1/auth/mfa/recovery/regenerate')),
    onSuccess: ({ recovery_codes }) => {
      fresh()
      setOver({ kind: 'codes', codes: recovery_codes, title: 'New recovery codes' })
    },
    onError: (error) => notifyError('make recovery codes', error),
  })
  const remove = useMutation({
    mutationFn: (factor: Factor) => ok(api.DELETE('/api/v1/auth/mfa/factors/{factor}', { params: { path: { factor: factor.id } } })),
    onSuccess: () => {
      fresh()
      close()
    },
  })
  const data = factors.data
  const hasApp = data?.factors.some((factor) => factor.kind === 'totp') ?? false
  return (
    <>
      <Header title="Security" above={{ label: 'Settings', link: { to: '/settings' } }} />
      <SettingsTabs />
      <Content>
        <div className="mx-auto flex max-w-3xl flex-col gap-8">
          {data !== undefined && <Standing factors={data} />}
          <Section title="Second factors" about="Something that you have, beside the password that you know.">
            {factors.error !== null && data === undefined && <ErrorBox error={factors.error} doing="read your second factors" onRetry={() => void factors.refetch()} />}
            <Card className="divide-y divide-line">
              {data === undefined && factors.error === null && <Row icon={ShieldCheck} title={<Skeleton className="h-3 w-40" />} about={<Skeleton className="mt-2 h-3 w-24" />} />}
              {data?.factors.map((factor) => (
                <Row
                  key={factor.id}
                  icon={factor.kind === 'totp' ? Smartphone : Fingerprint}
                  title={factor.label}
                  about={
                    <>
                      Added <Ago at={factor.created_at} />, {factor.last_used_at === null ? 'not used yet' : <>used <Ago at={factor.last_used_at} /></>}
                    </>
                  }
                  action={<IconButton icon={Trash2} label={`Remove ${factor.label}`} onClick={() => setOver({ kind: 'remove', factor })} />}
                />
              ))}
              {data?.factors.length === 0 && <Row icon={ShieldAlert} title="None yet" about="Whoever learns your password can sign in as you." />}
            </Card>
            <div className="flex flex-wrap gap-2">
              <Button icon={Smartphone} isPending={app.isPending} disabled={data === undefined} onClick={() => app.mutate()}>
                {hasApp ? 'Replace the authenticator app' : 'Add an authenticator app'}
              </Button>
              <Button icon={Fingerprint} disabled={data === undefined || !hasPasskeys()} title={hasPasskeys() ? undefined : 'Passkeys need https and a browser that has them'} onClick={() => setOver({ kind: 'name' })}>
                Add a passkey
              </Button>
            </div>
          </Section>
          {data !== undefined && data.factors.length > 0 && (
            <Section title="Recovery codes">
              <Card>
                <Row
                  icon={KeyRound}
                  title={data.recovery_codes === 0 ? 'All are used up' : `${many(data.recovery_codes, 'code')} left`}
                  about={data.recovery_codes < 3 ? 'Make new ones before you need them.' : 'Each signs you in once when you have lost your factors.'}
                  action={
                    <Button small isPending={codes.isPending} onClick={() => codes.mutate()}>
                      Make new codes
                    </Button>
                  }
                />
              </Card>
            </Section>
          )}
          <Section title="Password">
            <div>
              <Button onClick={() => setOver({ kind: 'password' })}>Change password</Button>
            </div>
          </Section>
          <Providers />
          <Devices />
        </div>
      </Content>
      {over?.kind === 'app' && <AddApp secret={over.secret} onClose={close} onDone={made} />}
      {over?.kind === 'codes' && <Codes codes={over.codes} title={over.title} onClose={close} />}
      {over?.kind === 'name' && <AddPasskey onClose={close} onDone={(created) => { fresh(); made(created) }} />}
      {over?.kind === 'password' && <ChangePassword onClose={close} />}
      {over?.kind === 'remove' && (
        <Confirm
          isOpen
          onClose={close}
          title={`Remove ${over.factor.label}?`}
          losses={[
            'It cannot be used to sign in any more.',
            data?.factors.length === 1 ? 'It is the last one: your password alone signs you in then, and your recovery codes end.' : 'Your other factors stay.',
            'Your other sessions end.',
          ]}
          verb="Remove factor"
          isPending={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate(over.factor)}
        />
      )}
    </>
  )
}

/** Says who demands a second factor, and until when. */
function Standing({ factors }: { factors: Factors }) {
  const { memberships } = useMe()
  const demand = factors.demands[0]
  if (demand === undefined || factors.factors.length > 0) return null
  const who = demand.workspace === null ? 'This installation' : (memberships.find((m) => m.workspace === demand.workspace)?.name ?? 'A workspace')
  return (
    <div role="status" className="flex gap-3 rounded border border-degraded/40 bg-degraded-soft px-4 py-3 text-13">
      <ShieldAlert size={16} aria-hidden className="mt-0.5 shrink-0 text-degraded" />
      <p>
        <span className="font-medium">{who} asks everybody for a second factor.</span>{' '}
        {demand.is_overdue ? 'Until you add one, nothing else works there.' : <>Add one before it is due, <Ago at={demand.due} />.</>}
      </p>
    </div>
  )
}

function AddPasskey({ onClose, onDone }: { onClose: () => void; onDone: (made: FactorCreated) => void }) {
  const [label, setLabel] = useState('')
  const add = useMutation({
    mutationFn: async () => {
      const { ticket, options } = await ok(api.GET('/api/v1/auth/passkey/register/options'))
      const credential = await makePasskey(options)
      return ok(api.POST('/api/v1/auth/passkey/register', { body: { ticket, label: label.trim(), credential } }))
    },
    onSuccess: onDone,
  })
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Add a passkey"
      about="Your device or its keychain keeps it. It signs you in without a password, and cannot be phished."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" form="passkey" icon={Fingerprint} disabled={label.trim() === ''} isPending={add.isPending}>
            Continue
          </Button>
        </>
      }
    >
      <form
        id="passkey"
        className="flex flex-col gap-4"
        onSubmit={(submit) => {
          submit.preventDefault()
          add.mutate()
        }}
      >
        <Field label="Name" help="To know it by when you have several.">
          {(wiring) => <Input {...wiring} autoFocus maxLength={80} placeholder="Laptop" value={label} onChange={(change) => setLabel(change.target.value)} />}
        </Field>
        {add.error !== null && <ErrorBox error={add.error} doing="add the passkey" />}
      </form>
    </Dialog>
  )
}
