// Parties that people may sign in with: Google, Microsoft, or whoever else speaks OpenID Connect.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { LogIn, Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { Row } from '../account/row'
import { all, api, ok } from '../api/client'
import { asError } from '../api/error'
import type { Provider } from '../api/types'
import { Button, IconButton } from '../kit/button'
import { Code } from '../kit/code'
import { Confirm, Dialog } from '../kit/dialog'
import { ErrorBox } from '../kit/error'
import { Field, Input, SecretInput, Switch } from '../kit/field'
import { notifyError } from '../kit/notice'
import { Select } from '../kit/select'
import { Skeleton } from '../kit/skeleton'
import { Card, Section } from '../shell/header'

const KEY = ['providers-admin']

type Preset = Provider['preset']
const PRESETS: { value: Preset; label: string; issuer: string }[] = [
  { value: 'google', label: 'Google', issuer: 'https://accounts.google.com' },
  { value: 'microsoft', label: 'Microsoft', issuer: 'https://login.microsoftonline.com/<tenant id>/v2.0' },
  { value: 'generic', label: 'Another provider', issuer: 'https://login.example.org' },
]

export function Providers() {
  const client = useQueryClient()
  const list = useQuery({ queryKey: KEY, queryFn: ({ signal }) => all((query) => ok(api.GET('/api/v1/auth/providers/admin', { params: { query }, signal }))) })
  const [isAdding, setAdding] = useState(false)
  const [removed, setRemoved] = useState<Provider>()
  const fresh = () => client.invalidateQueries({ queryKey: KEY })
  const turn = useMutation({
    mutationFn: ({ provider, is_enabled }: { provider: Provider; is_enabled: boolean }) => ok(api.PATCH('/api/v1/auth/providers/{provider}', { params: { path: { provider: provider.id } }, body: { name: null, client_id: null, scopes: null, trusts_email: null, domains: null, is_enabled } })),
    onSuccess: fresh,
    onError: (error) => notifyError('turn it on or off', error),
  })
  const remove = useMutation({
    mutationFn: (provider: Provider) => ok(api.DELETE('/api/v1/auth/providers/{provider}', { params: { path: { provider: provider.id } } })),
    onSuccess: async () => {
      await fresh()
      setRemoved(undefined)
    },
  })
  const items = list.data?.items
  return (
    <Section
      title="Sign-in by others"
      about="People may sign in with an account that they have elsewhere. Second factors are asked for all the same."
      action={
        <Button small icon={Plus} onClick={() => setAdding(true)}>
          Add provider
        </Button>
      }
    >
      {list.error !== null && items === undefined && <ErrorBox error={list.error} doing="read the providers" onRetry={() => void list.refetch()} />}
      <Card className="divide-y divide-line">
        {items === undefined && list.error === null && <Row icon={LogIn} title={<Skeleton className="h-3 w-32" />} about={<Skeleton className="mt-2 h-3 w-48" />} />}
        {items?.length === 0 && <Row icon={LogIn} title="None yet" about="Google, Microsoft, or any party that speaks OpenID Connect." />}
        {items?.map((provider) => (
          <Row
            key={provider.id}
            icon={LogIn}
            title={provider.name}
            about={<span className="break-all">{provider.issuer}{provider.domains.length > 0 && ` · makes accounts for ${provider.domains.join(', ')}`}</span>}
            action={
              <div className="flex items-center gap-2">
                <Switch label={`${provider.name} may be used`} isOn={provider.is_enabled} onChange={(is_enabled) => turn.mutate({ provider, is_enabled })} />
                <IconButton icon={Trash2} label={`Remove ${provider.name}`} onClick={() => setRemoved(provider)} />
              </div>
            }
          />
        ))}
      </Card>
      {isAdding && <Add onClose={() => setAdding(false)} onDone={fresh} />}
      {removed !== undefined && (
        <Confirm isOpen onClose={() => setRemoved(undefined)} title={`Remove ${removed.name}?`} losses={['Nobody can sign in with it any more.', 'People who have no password need a link to set one.']} verb="Remove provider" isPending={remove.isPending} error={remove.error} onConfirm={() => remove.mutate(removed)} />
      )}
    </Section>
  )
}

function Add({ onClose, onDone }: { onClose: () => void; onDone: () => Promise<void> }) {
  const [preset, setPreset] = useState<Preset>('google')
  const [name, setName] = useState('Google')
  const [issuer, setIssuer] = useState('')
  const [client_id, setClient] = useState('')
  const [secret, setSecret] = useState('')
  const [domains, setDomains] = useState('')
  const given = preset === 'google' ? null : issuer.trim()
  const test = useMutation({ mutationFn: () => ok(api.POST('/api/v1/auth/providers/test', { body: { preset, issuer: given } })) })
  const add = useMutation({
    mutationFn: () =>
      ok(
        api.POST('/api/v1/auth/providers', {
          body: {
            slug: name.trim().toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, ''),
            name: name.trim(),
            preset,
            issuer: given,
            client_id: client_id.trim(),
            client_secret: secret === '' ? null : secret,
            scopes: null,
            is_enabled: true,
            trusts_email: false,
            domains: domains.split(/[\s,]+/).filter((domain) => domain !== ''),
          },
        }),
      ),
    onSuccess: onDone,
  })
  if (add.data !== undefined) {
    return (
      <Dialog isOpen onClose={onClose} title={`${add.data.name} is added`} about="Tell the provider to send browsers back to this address." footer={<Button look="main" onClick={onClose}>Done</Button>}>
        {add.data.redirect_uri === null ? <p className="text-13 text-ink-2">Set public_url first: the provider has to be told this server’s address.</p> : <Code label="address" text={add.data.redirect_uri} />}
      </Dialog>
    )
  }
  const fields = add.error === null ? {} : asError(add.error).fields
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Add a provider"
      about="It is asked who it is before anything is saved."
      footer={
        <>
          <Button isPending={test.isPending} onClick={() => test.mutate()} className="mr-auto">
            Test
          </Button>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" form="provider" disabled={name.trim() === '' || client_id.trim() === '' || given === ''} isPending={add.isPending}>
            Add provider
          </Button>
        </>
      }
    >
      <form
        id="provider"
        className="flex flex-col gap-4"
        onSubmit={(submit) => {
          submit.preventDefault()
          add.mutate()
        }}
      >
        <Field label="Provider">
          {(wiring) => (
            <Select
              {...wiring}
              value={preset}
              onValue={(value) => {
                setPreset(value as Preset)
                setName(value === 'generic' ? '' : (PRESETS.find((each) => each.value === value)?.label ?? ''))
              }}
              options={PRESETS}
            />
          )}
        </Field>
        <Field label="Name" help="On the button of the sign-in page." error={fields.name ?? fields.slug}>
          {(wiring) => <Input {...wiring} required maxLength={80} value={name} onChange={(change) => setName(change.target.value)} />}
        </Field>
        {preset !== 'google' && (
          <Field label="Issuer" error={fields.issuer}>
            {(wiring) => <Input {...wiring} required className="font-mono" placeholder={PRESETS.find((each) => each.value === preset)?.issuer} value={issuer} onChange={(change) => setIssuer(change.target.value)} />}
          </Field>
        )}
        <Field label="Client id" error={fields.client_id}>
          {(wiring) => <Input {...wiring} required autoComplete="off" className="font-mono" value={client_id} onChange={(change) => setClient(change.target.value)} />}
        </Field>
        <Field label="Client secret" error={fields.client_secret} help="Kept encrypted, never shown again.">
          {(wiring) => <SecretInput {...wiring} autoComplete="off" value={secret} onChange={(change) => setSecret(change.target.value)} />}
        </Field>
        <Field label="Make accounts for these domains" error={fields.domains} help="Empty: only people who have an account already may sign in with it.">
          {(wiring) => <Input {...wiring} placeholder="example.org" value={domains} onChange={(change) => setDomains(change.target.value)} />}
        </Field>
        {test.data !== undefined && <p role="status" className="text-13 text-running">It answers as {test.data.issuer}.</p>}
        {test.error !== null && <ErrorBox error={test.error} doing="reach the provider" />}
        {add.error !== null && Object.keys(fields).length === 0 && <ErrorBox error={add.error} doing="add the provider" />}
      </form>
    </Dialog>
  )
}
