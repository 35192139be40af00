// `/_kit`: every component in every state, on one page, for whoever changes one.

import { Gamepad2, Play, Plus, Trash2 } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { ApiError } from '../api/error'
import { Card, Content, Header, Section } from '../shell/header'
import { Button, IconButton } from './button'
import { Chart } from './chart'
import { Chips } from './chips'
import { Code } from './code'
import { Confirm, Dialog, Sheet } from './dialog'
import { Empty } from './empty'
import { ErrorBox } from './error'
import { Checkbox, Field, Input, SearchInput, SecretInput, Textarea } from './field'
import { bytes } from './format'
import { Keys } from './keys'
import { Menu, MenuItem, MenuLine } from './menu'
import { Meter, Progress } from './meter'
import { notify, notifyError } from './notice'
import { type Values, objectSchema } from './schema'
import { SchemaForm } from './schema-form'
import { Select } from './select'
import { Series } from './series'
import { Skeleton } from './skeleton'
import { Slider } from './slider'
import { State, type Tone, wordOf } from './state'
import { Table } from './table'
import { Segments, Tabs } from './tabs'
import { Ago } from './time'

const ERROR = new ApiError(409, 'conflict', 'Harbour is stopping already.', {}, 'req_01j9zq3c8vdt4x0f5k2m7n6p1r', undefined)
const TONES: Tone[] = ['running', 'changing', 'degraded', 'failed', 'stopped', 'unknown']

export function Page() {
  return (
    <>
      <Header title="Kit" state={<span className="text-ink-3">every component</span>} />
      <Content>
        <div data-sample className="grid gap-x-8 gap-y-8 lg:grid-cols-2">
          <Buttons />
          <States />
          <Fields />
          <Form />
          <Lists />
          <Overlays />
          <Charts />
          <Said />
        </div>
      </Content>
    </>
  )
}

const Row = ({ children }: { children: ReactNode }) => <div className="flex flex-wrap items-center gap-2">{children}</div>

function Buttons() {
  return (
    <Section title="Buttons">
      <Row>
        <Button look="main" icon={Plus}>
          New game server
        </Button>
        <Button icon={Play}>Start server</Button>
        <Button look="ghost">Cancel</Button>
        <Button look="danger" icon={Trash2}>
          Delete server
        </Button>
      </Row>
      <Row>
        <Button look="main" isPending>
          Starting
        </Button>
        <Button disabled>Disabled</Button>
        <Button small>Small</Button>
        <IconButton icon={Trash2} label="Delete" />
        <Keys of="mod+k" />
        <Keys of="g n" />
      </Row>
    </Section>
  )
}

function States() {
  return (
    <Section title="States">
      <div className="grid grid-cols-2 gap-2 text-13 sm:grid-cols-3">
        {TONES.map((tone) => (
          <State key={tone} tone={tone} word={wordOf(tone)} since={new Date(Date.now() - 200_000).toISOString()} />
        ))}
      </div>
      <Meter label="Memory" part={3} whole={8} text={`${bytes(3 * 2 ** 30)} of ${bytes(8 * 2 ** 30)}`} />
      <Meter label="Disk" part={90} whole={100} text="90 of 100 GiB" />
      <Meter label="Ports" part={98} whole={100} text="98 of 100" />
      <Progress value={40} label="Progress" />
    </Section>
  )
}

function Fields() {
  const [text, setText] = useState('')
  const [isOn, setOn] = useState(true)
  const [choice, setChoice] = useState('a')
  const [memory, setMemory] = useState(512)
  return (
    <Section title="Fields">
      <Field label="Name" help="Shown to players.">
        {(wiring) => <Input {...wiring} value={text} onChange={(change) => setText(change.target.value)} placeholder="My server" />}
      </Field>
      <Field label="Port" error="Use 65535 or less.">
        {(wiring) => <Input {...wiring} defaultValue="70000" />}
      </Field>
      <Field label="Password">{(wiring) => <SecretInput {...wiring} defaultValue="secret" />}</Field>
      <Field label="Message">{(wiring) => <Textarea {...wiring} defaultValue="Welcome" rows={2} />}</Field>
      <Field label="Node">
        {(wiring) => <Select {...wiring} value={choice} onValue={setChoice} options={[{ value: 'a', label: 'Chosen by placement' }, { value: 'b', label: 'rack-1', help: '3 GiB free' }]} />}
      </Field>
      <Field label="Memory">
        {(wiring) => <Slider {...wiring} label="Memory" unit="MiB" value={memory} onValue={setMemory} stops={[64, 128, 256, 512, 1024, 2048]} show={String} read={Number} />}
      </Field>
      <Row>
        <Checkbox label="One" isChecked={isOn} onChange={setOn} />
        <Checkbox label="Some" isChecked="some" onChange={() => {}} />
        <SearchInput label="Search" value={text} onValue={setText} className="w-48" />
      </Row>
    </Section>
  )
}

const SCHEMA = objectSchema({
  properties: {
    motd: { type: 'string', title: 'Message of the day', description: 'Shown to each player who joins.', maxLength: 60 },
    players: { type: 'integer', title: 'Players at most', minimum: 1, maximum: 100, 'x-unit': 'players' },
    mode: { type: 'string', title: 'Mode', enum: ['survival', 'creative'] },
    pvp: { type: 'boolean', title: 'Players may fight each other' },
    password: { type: 'string', title: 'Password', writeOnly: true },
  },
  required: ['motd'],
})

function Form() {
  const [values, setValues] = useState<Values>({ motd: 'Welcome', players: 15, mode: 'survival', pvp: false })
  return (
    <Section title="A form from a schema">
      <Card className="p-4">
        <SchemaForm schema={SCHEMA} values={values} problems={{}} onTouch={() => {}} onChange={(name, value) => setValues({ ...values, [name]: value })} />
      </Card>
    </Section>
  )
}

function Lists() {
  const [ids, setIds] = useState<Set<string>>(new Set(['1']))
  const [chips, setChips] = useState(['running'])
  const [segment, setSegment] = useState('all')
  return (
    <Section title="Lists">
      <Row>
        <Chips label="State" value={chips} onValue={setChips} chips={[{ value: 'running', label: 'Running', tone: 'running', count: 12 }, { value: 'failed', label: 'Failed', tone: 'failed', count: 1 }]} />
        <Segments label="Lines" value={segment} onValue={setSegment} options={[{ value: 'all', label: 'All' }, { value: 'err', label: 'Errors' }]} />
      </Row>
      <Card className="overflow-hidden">
        <Table
          label="Example"
          columns={[
            { id: 'name', label: 'Name', cell: (row) => row.name, sort: (row) => row.name },
            { id: 'state', label: 'State', cell: (row) => <State tone={row.tone} word={wordOf(row.tone)} /> },
          ]}
          rows={[
            { id: '1', name: 'Harbour', tone: 'running' as Tone },
            { id: '2', name: 'Castle', tone: 'failed' as Tone },
          ]}
          rowId={(row) => row.id}
          rowLabel={(row) => row.name}
          selection={{ ids, onChange: setIds }}
          empty={null}
        />
      </Card>
      <Card className="overflow-hidden">
        <Table label="Loading" columns={[{ id: 'name', label: 'Name', cell: () => null }, { id: 'b', label: 'State', cell: () => null }]} rows={undefined} rowId={() => ''} rowLabel={() => ''} expected={2} empty={null} />
      </Card>
      <Skeleton className="h-4 w-40" />
    </Section>
  )
}

function Overlays() {
  const [open, setOpen] = useState<'dialog' | 'sheet' | 'confirm'>()
  const close = () => setOpen(undefined)
  return (
    <Section title="Overlays">
      <Row>
        <Button onClick={() => setOpen('dialog')}>Open dialog</Button>
        <Button onClick={() => setOpen('sheet')}>Open sheet</Button>
        <Button onClick={() => setOpen('confirm')}>Delete something</Button>
        <Button onClick={() => notify('Saved', { verb: 'Undo', run: () => {} })}>Show notice</Button>
        <Button onClick={() => notifyError('stop Harbour', ERROR)}>Show failure</Button>
        <Menu trigger={<Button>Open menu</Button>}>
          <MenuItem icon={Play} onSelect={() => {}} shortcut="s">
            Start server
          </MenuItem>
          <MenuLine />
          <MenuItem icon={Trash2} isDanger onSelect={() => {}}>
            Delete server
          </MenuItem>
        </Menu>
      </Row>
      <Tabs label="Tabs" tabs={[{ value: 'yaml', label: 'YAML', content: <Code label="YAML" text={'name: Harbour\ntemplate: luanti'} /> }, { value: 'cli', label: 'Command', content: <Code label="command" text="ostler game create Harbour --template luanti" /> }]} />
      <Dialog isOpen={open === 'dialog'} onClose={close} title="A dialog" about="One sentence about it." footer={<Button onClick={close}>Close</Button>}>
        <p className="text-13">Its content.</p>
      </Dialog>
      <Sheet isOpen={open === 'sheet'} onClose={close} title="A sheet">
        <p className="text-13">Its content.</p>
      </Sheet>
      <Confirm isOpen={open === 'confirm'} onClose={close} title="Delete Harbour?" losses={['1 volume with every world, file and setting in it. There is no backup.', '1 port (30000), free for others at once.']} verb="Delete server" name="Harbour" isPending={false} error={null} onConfirm={close} />
    </Section>
  )
}

function sample(): Series {
  const series = new Series(2, 600, 15)
  const now = Math.floor(Date.now() / 1000)
  for (let i = 0; i < 120; i++) {
    if (i > 60 && i < 70) continue
    series.push(now - 600 + i * 5, [600 + 300 * Math.sin(i / 9), 200 + 100 * Math.cos(i / 5)])
  }
  return series
}

function Charts() {
  const [series] = useState(sample)
  return (
    <Section title="Charts">
      <Chart title="Processor, with a gap" series={series} version={0} window={600} lines={[{ index: 0, label: 'used' }]} format={(v) => `${Math.round(v)} m`} max={1000} maxLabel="" />
      <Chart title="Network" series={series} version={0} window={600} lines={[{ index: 0, label: 'in' }, { index: 1, label: 'out' }]} format={(v) => `${bytes(v)}/s`} />
    </Section>
  )
}

function Said() {
  return (
    <Section title="Words">
      <ErrorBox error={ERROR} doing="stop Harbour" onRetry={() => {}} />
      <p className="text-13">
        <Ago at={Date.now() - 3_600_000} /> · <Ago at={Date.now() + 7_200_000} /> · {bytes(1536)} · {bytes(2 ** 31)}
      </p>
      <Card>
        <Empty icon={Gamepad2} title="No game servers yet" action={<Button look="main">New game server</Button>}>
          Choose a template, give it a name and memory.
        </Empty>
      </Card>
    </Section>
  )
}
