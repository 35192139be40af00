// What a key may do, on what, how long, from where and how often: the fields of a new key, and of one that changes.

import { useState } from 'react'
import { asError } from '../api/error'
import type { Capability, Key, KeyCreate } from '../api/types'
import { ErrorBox } from '../kit/error'
import { Field, Input } from '../kit/field'
import { Select } from '../kit/select'
import { Grid } from '../role/grid'
import { Things } from '../role/things'
import { inWords } from '../role/words'
import { useMe, useWorkspace } from '../session/me'
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

/** What was filled in, and what it comes to. */
export interface Filled {
  /** Nothing is missing or wrong, as far as this can be seen without asking. */
  isReady: boolean
  label: string
  capabilities: Capability[]
  scope: NonNullable<KeyCreate['scope']>
  networks: string[]
  rate: number | null
  /** Undefined leaves it as it is. */
  expires: string | null | undefined
}

/** The fields' state. With a key they begin as it is. */
export function useFields(of?: Key) {
  const me = useMe()
  const here = useWorkspace()
  const scope = of?.scope ?? { workspace: here.workspace }
  const [label, setLabel] = useState(of?.label ?? '')
  const [choice, setChoice] = useState(of === undefined ? 'read' : 'own')
  const [own, setOwn] = useState<Capability[]>(of?.capabilities ?? [])
  const [life, setLife] = useState(of === undefined ? '90' : 'same')
  // A workspace's id, or one of the words for what is no single workspace.
  const [reach, setReach] = useState(scope === 'all' ? 'all' : 'workspace' in scope ? scope.workspace : 'only')
  const [only, setOnly] = useState<string[]>(scope !== 'all' && 'only' in scope ? scope.only : [])
  const [from, setFrom] = useState((of?.networks ?? []).join(', '))
  const [rate, setRate] = useState(of?.requests_per_minute == null ? '' : String(of.requests_per_minute))
  const places = me.memberships.filter((m) => m.workspace === here.workspace || m.workspace === reach || (scope !== 'all' && 'workspace' in scope && m.workspace === scope.workspace))
  const mine = me.memberships.find((m) => m.workspace === reach)?.capabilities ?? here.capabilities
  // What it holds already may be kept, also where it is more than what is held here.
  const most = [...new Set([...mine, ...(of?.capabilities ?? [])])]
  const held = reach === 'only' ? ofThings(most) : most
  const capabilities = choice === 'own' ? own.filter((each) => held.includes(each)) : preset(choice, reach === 'only' ? ofThings(mine) : mine)
  const networks = networksIn(from)
  const wrong = notANetwork(networks)
  const isRate = rate === '' || (/^\d+$/.test(rate) && Number(rate) >= 1 && Number(rate) <= RATE_MOST)
  const filled: Filled = {
    isReady: label.trim() !== '' && capabilities.length > 0 && wrong === undefined && isRate && (reach !== 'only' || only.length > 0),
    label: label.trim(),
    capabilities,
    scope: reach === 'all' ? 'all' : reach === 'only' ? { only } : { workspace: reach },
    networks,
    rate: rate === '' ? null : Number(rate),
    expires: life === 'same' ? undefined : life === 'never' ? null : new Date(Date.now() + Number(life) * DAY_MS).toISOString(),
  }
  return { of, filled, label, setLabel, choice, setChoice, own, setOwn, life, setLife, reach, setReach, only, setOnly, from, setFrom, rate, setRate, places, held, wrong, isRate }
}

export function Fields({ fields, error, doing }: { fields: ReturnType<typeof useFields>; error: Error | null; doing: string }) {
  const { of, filled, reach, choice, wrong, isRate } = fields
  const said = error === null ? {} : asError(error).fields
  // A part of a list is refused by its place: `networks[2]`.
  const refused = (name: string) => Object.entries(said).find(([field]) => field === name || field.startsWith(`${name}[`) || field.startsWith(`${name}.`))?.[1]
  const isElsewhere = error !== null && KNOWN.every((name) => refused(name) === undefined)
  const lives = of === undefined ? LIVES : [{ value: 'same', label: of.expires_at === null ? 'Never, as now' : `${day(of.expires_at)}, as now` }, ...LIVES.filter(({ value }) => value !== 'never' || of.expires_at !== null).map((life) => (life.value === 'never' ? life : { ...life, label: `${life.label} from now` }))]
  return (
    <>
      <div className="grid gap-5 sm:grid-cols-2">
        <Field label="Name" error={refused('label')}>
          {(wiring) => <Input {...wiring} autoFocus maxLength={80} placeholder="Backup script" value={fields.label} onChange={(change) => fields.setLabel(change.target.value)} />}
        </Field>
        <Field label="Expires" error={refused('expires_at')}>
          {(wiring) => <Select {...wiring} value={fields.life} onValue={fields.setLife} options={lives} />}
        </Field>
        <Field label="Reaches" error={reach === 'only' ? undefined : refused('scope')}>
          {(wiring) => (
            <Select
              {...wiring}
              value={reach}
              onValue={fields.setReach}
              options={[...fields.places.map((m) => ({ value: m.workspace, label: `Only ${m.name}` })), { value: 'only', label: 'Chosen servers and nodes' }, { value: 'all', label: 'All that I reach' }]}
            />
          )}
        </Field>
        <Field label="May" error={refused('capabilities')}>
          {(wiring) => <Select {...wiring} value={choice} onValue={fields.setChoice} options={PRESETS} />}
        </Field>
      </div>
      {reach === 'only' && <Things withUnseen only={fields.only} onOnly={fields.setOnly} error={refused('scope')} />}
      {choice === 'own' ? <Grid about={aboutOf(fields.held)} chosen={fields.own} held={fields.held} onChange={fields.setOwn} /> : <May capabilities={filled.capabilities} />}
      <fieldset className="grid gap-5 border-t border-line pt-4 sm:grid-cols-2">
        <legend className="sr-only">Limits</legend>
        <Field label="Only from" help="Networks, such as 192.0.2.0/24." error={wrong === undefined ? refused('networks') : `“${wrong}” is not a network.`}>
          {(wiring) => <Input {...wiring} spellCheck={false} autoComplete="off" placeholder="everywhere" className="font-mono" value={fields.from} onChange={(change) => fields.setFrom(change.target.value)} />}
        </Field>
        <Field label="Requests a minute" help="Counted by each server." error={isRate ? refused('requests_per_minute') : `Use a whole number from 1 to ${RATE_MOST.toLocaleString('en-US')}.`}>
          {(wiring) => <Input {...wiring} inputMode="numeric" autoComplete="off" placeholder="as many as you" value={fields.rate} onChange={(change) => fields.setRate(change.target.value.trim())} />}
        </Field>
      </fieldset>
      {isElsewhere && <ErrorBox error={error} doing={doing} />}
    </>
  )
}

const day = (at: string) => new Date(at).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })

/** What a preset comes to, in words. */
const May = ({ capabilities }: { capabilities: readonly Capability[] }) => (
  <p title={capabilities.join(', ')} className="rounded border border-line bg-bg px-3 py-2 text-12 text-ink-2">
    {capabilities.length === 0 ? 'It may do nothing: you hold no such right.' : `It may ${inWords(capabilities)}.`}
  </p>
)
