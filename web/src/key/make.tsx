// A new key: what it may do, on what, how long, from where and how often. And its secret, shown once.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, ok } from '../api/client'
import { asError } from '../api/error'
import type { Capability, KeyCreate, KeyCreated } from '../api/types'
import { Button } from '../kit/button'
import { Code } from '../kit/code'
import { Dialog } from '../kit/dialog'
import { ErrorBox } from '../kit/error'
import { Field, Input } from '../kit/field'
import { Select } from '../kit/select'
import { Grid } from '../role/grid'
import { Things } from '../role/things'
import { inWords } from '../role/words'
import { useWorkspace } from '../session/me'
import { aboutOf, networksIn, notANetwork, ofThings, preset } from './rights'

const PRESETS = [
  { value: 'read', label: 'Read only', help: 'Sees what you see, changes nothing.' },
  { value: 'operate', label: 'Operate servers', help: 'Also starts, stops and types into consoles.' },
  { value: 'all', label: 'Everything you may', help: 'All your rights where it reaches.' },
  { value: 'own', label: 'Chosen one by one' },
]

const LIVES = [
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '365', label: 'One year' },
  { value: 'never', label: 'Never' },
]

const DAY_MS = 86_400_000
const RATE_MOST = 1_000_000
const KNOWN = ['label', 'expires_at', 'networks', 'requests_per_minute', 'capabilities', 'scope']

export function Make({ onClose }: { onClose: () => void }) {
  const client = useQueryClient()
  const { workspace, capabilities: mine, name: workspaceName } = useWorkspace()
  const [label, setLabel] = useState('')
  const [choice, setChoice] = useState('read')
  const [own, setOwn] = useState<Capability[]>([])
  const [life, setLife] = useState('90')
  const [reach, setReach] = useState('workspace')
  const [only, setOnly] = useState<string[]>([])
  const [from, setFrom] = useState('')
  const [rate, setRate] = useState('')
  const make = useMutation({
    mutationFn: (body: KeyCreate) => ok(api.POST('/api/v1/keys', { body })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['keys'] }),
  })
  if (make.data !== undefined) return <Made made={make.data} onClose={onClose} />
  const held = reach === 'only' ? ofThings(mine) : mine
  const capabilities = choice === 'own' ? own.filter((each) => held.includes(each)) : preset(choice, held)
  const networks = networksIn(from)
  const wrong = notANetwork(networks)
  const isRate = rate === '' || (/^\d+$/.test(rate) && Number(rate) >= 1 && Number(rate) <= RATE_MOST)
  const fields = make.error === null ? {} : asError(make.error).fields
  // A part of a list is refused by its place: `networks[2]`.
  const refused = (name: string) => Object.entries(fields).find(([field]) => field === name || field.startsWith(`${name}[`) || field.startsWith(`${name}.`))?.[1]
  const isElsewhere = make.error !== null && KNOWN.every((name) => refused(name) === undefined)
  const isReady = label.trim() !== '' && capabilities.length > 0 && wrong === undefined && isRate && (reach !== 'only' || only.length > 0)
  const submit = () =>
    make.mutate({
      label: label.trim(),
      capabilities,
      scope: reach === 'all' ? 'all' : reach === 'only' ? { only } : { workspace },
      networks,
      ...(rate === '' ? {} : { requests_per_minute: Number(rate) }),
      ...(life === 'never' ? {} : { expires_at: new Date(Date.now() + Number(life) * DAY_MS).toISOString() }),
    })
  return (
    <Dialog
      wide
      isOpen
      onClose={onClose}
      title="New API key"
      about="It acts as you, with some of your rights and never more."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" form="key" disabled={!isReady} isPending={make.isPending}>
            Create key
          </Button>
        </>
      }
    >
      <form
        id="key"
        className="flex flex-col gap-5"
        onSubmit={(event) => {
          event.preventDefault()
          if (isReady) submit()
        }}
      >
        <div className="grid gap-5 sm:grid-cols-2">
          <Field label="Name" error={refused('label')}>
            {(wiring) => <Input {...wiring} autoFocus maxLength={80} placeholder="Backup script" value={label} onChange={(change) => setLabel(change.target.value)} />}
          </Field>
          <Field label="Expires" error={refused('expires_at')}>
            {(wiring) => <Select {...wiring} value={life} onValue={setLife} options={LIVES} />}
          </Field>
          <Field label="Reaches" error={reach === 'only' ? undefined : refused('scope')}>
            {(wiring) => (
              <Select
                {...wiring}
                value={reach}
                onValue={setReach}
                options={[
                  { value: 'workspace', label: `Only ${workspaceName}` },
                  { value: 'only', label: 'Chosen servers and nodes' },
                  { value: 'all', label: 'All that I reach' },
                ]}
              />
            )}
          </Field>
          <Field label="May" error={refused('capabilities')}>
            {(wiring) => <Select {...wiring} value={choice} onValue={setChoice} options={PRESETS} />}
          </Field>
        </div>
        {reach === 'only' && <Things only={only} onOnly={setOnly} error={refused('scope')} />}
        {choice === 'own' ? <Grid about={aboutOf(held)} chosen={own} held={held} onChange={setOwn} /> : <May capabilities={capabilities} />}
        <fieldset className="grid gap-5 border-t border-line pt-4 sm:grid-cols-2">
          <legend className="sr-only">Limits</legend>
          <Field label="Only from" help="Networks, such as 192.0.2.0/24." error={wrong === undefined ? refused('networks') : `“${wrong}” is not a network.`}>
            {(wiring) => <Input {...wiring} spellCheck={false} autoComplete="off" placeholder="everywhere" className="font-mono" value={from} onChange={(change) => setFrom(change.target.value)} />}
          </Field>
          <Field label="Requests a minute" help="Counted by each server." error={isRate ? refused('requests_per_minute') : `Use a whole number from 1 to ${RATE_MOST.toLocaleString('en-US')}.`}>
            {(wiring) => <Input {...wiring} inputMode="numeric" autoComplete="off" placeholder="as many as you" value={rate} onChange={(change) => setRate(change.target.value.trim())} />}
          </Field>
        </fieldset>
        {isElsewhere && <ErrorBox error={make.error} doing="create the key" />}
      </form>
    </Dialog>
  )
}

/** What a preset comes to, in words. */
const May = ({ capabilities }: { capabilities: readonly Capability[] }) => (
  <p title={capabilities.join(', ')} className="rounded border border-line bg-bg px-3 py-2 text-12 text-ink-2">
    {capabilities.length === 0 ? 'It may do nothing: you hold no such right.' : `It may ${inWords(capabilities)}.`}
  </p>
)

/** The secret of a key, which nobody sees again. */
export function Made({ made, onClose }: { made: KeyCreated; onClose: () => void }) {
  return (
    <Dialog
      wide
      isOpen
      onClose={onClose}
      title={`${made.key.label} is ready`}
      about="Copy it now. It is stored as a hash and cannot be shown again."
      footer={
        <Button look="main" onClick={onClose}>
          I have copied it
        </Button>
      }
    >
      <div className="flex flex-col gap-4">
        <Code label="API key" text={made.secret} />
        <div className="flex flex-col gap-1.5">
          <h3 className="text-13 font-medium">Use it</h3>
          <Code label="command" text={`curl -H 'Authorization: Bearer ${made.secret}' \\\n  ${window.location.origin}/api/v1/users/me`} />
        </div>
      </div>
    </Dialog>
  )
}
