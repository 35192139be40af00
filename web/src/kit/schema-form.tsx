// One field of a generated form.

import { useState } from 'react'
import { Field, Input, SecretInput, Switch, Textarea, type Wiring } from './field'
import { type ObjectSchema, type Schema, type Values, stopsBetween, widgetOf } from './schema'
import { Select } from './select'
import { Slider } from './slider'
import { read, shown, words } from './typed'

export interface SchemaFormProps {
  schema: ObjectSchema
  values: Values
  onChange: (name: string, value: unknown) => void
  /** By name; only shown for fields that were touched or that the server refused. */
  problems: Record<string, string | undefined>
  onTouch: (name: string) => void
  /** Two columns where there is room. */
  isWide?: boolean
  /** Secrets that are already set are never shown; empty keeps them. */
  keepsSecrets?: boolean
}

/** All fields of a schema, in its order. */
export function SchemaForm({ schema, values, isWide, ...rest }: SchemaFormProps) {
  const fields = Object.entries(schema.properties)
  const isHigh = (field: Schema) => ['list', 'pairs'].includes(widgetOf(field))
  // Boxes of several lines begin a row of their own.
  const groups = isWide === true ? [fields.filter(([, field]) => !isHigh(field)), fields.filter(([, field]) => isHigh(field))] : [fields]
  return (
    <div className="flex flex-col gap-5">
      {groups.filter((group) => group.length > 0).map((group, at) => (
        <div key={at} className={isWide === true ? 'grid gap-x-8 gap-y-5 sm:grid-cols-2' : 'flex flex-col gap-5'}>
          {group.map(([name, field]) => (
            <SchemaField key={name} {...rest} name={name} schema={field} value={values[name]} isRequired={schema.required.includes(name)} />
          ))}
        </div>
      ))}
    </div>
  )
}

type FieldProps = Omit<SchemaFormProps, 'schema' | 'values' | 'isWide'> & { name: string; schema: Schema; value: unknown; isRequired: boolean }

function SchemaField({ name, schema, value, isRequired, onChange, onTouch, problems, keepsSecrets }: FieldProps) {
  const widget = widgetOf(schema)
  const label = schema.title ?? name
  const set = (next: unknown) => onChange(name, next)
  const common = { label, help: schema.description, error: problems[name], isRequired }
  if (widget === 'switch') return <SwitchField {...common} isOn={value === true} onChange={set} />
  const text = typeof value === 'string' ? value : ''
  const hint = widget === 'number' ? schema['x-unit'] : widget === 'list' ? 'one a line' : widget === 'pairs' ? 'name = value, one a line' : undefined
  return (
    <Field {...common} hint={hint ?? undefined}>
      {(wiring) => {
        if (widget === 'choice') {
          return <Select {...wiring} value={String(value ?? '')} onValue={set} options={(schema.enum ?? []).map((option) => ({ value: String(option), label: String(option) }))} />
        }
        if (widget === 'secret') {
          return <SecretInput {...wiring} value={text} autoComplete="new-password" placeholder={keepsSecrets === true ? 'Leave empty to keep it as it is' : undefined} onChange={(change) => set(change.target.value)} onBlur={() => onTouch(name)} />
        }
        if (widget === 'text') return <Textarea {...wiring} value={text} onChange={(change) => set(change.target.value)} onBlur={() => onTouch(name)} />
        if (widget === 'slider') {
          return (
            <Slider
              {...wiring}
              label={label}
              value={typeof value === 'number' ? value : (schema.minimum ?? 0)}
              onValue={(next) => {
                set(next)
                onTouch(name)
              }}
              stops={stopsBetween(schema.minimum ?? 0, schema.maximum ?? 100)}
              show={(n) => String(n)}
              read={(typed) => (/^-?\d+$/.test(typed.trim()) ? Number(typed) : undefined)}
              unit={schema['x-unit'] ?? ''}
            />
          )
        }
        if (widget === 'number') {
          return <Input {...wiring} inputMode="numeric" placeholder={isRequired ? undefined : 'Not set'} value={value === undefined ? '' : String(value)} onBlur={() => onTouch(name)} onChange={(change) => set(number(change.target.value))} />
        }
        if (widget === 'list' || widget === 'pairs' || widget === 'either') return <Typed wiring={wiring} schema={schema} value={value} onValue={set} onBlur={() => onTouch(name)} />
        return <Input {...wiring} value={text} spellCheck={false} onChange={(change) => set(change.target.value)} onBlur={() => onTouch(name)} />
      }}
    </Field>
  )
}

/** Text that stands for something else. What is typed stays as it was typed while it means what is held. */
function Typed({ wiring, schema, value, onValue, onBlur }: { wiring: Wiring; schema: Schema; value: unknown; onValue: (next: unknown) => void; onBlur: () => void }) {
  const [typed, setTyped] = useState(() => shown(schema, value))
  const text = JSON.stringify(read(schema, typed)) === JSON.stringify(value) ? typed : shown(schema, value)
  const change = (next: string) => {
    setTyped(next)
    onValue(read(schema, next))
  }
  if (widgetOf(schema) !== 'either') return <Textarea {...wiring} rows={3} value={text} spellCheck={false} onChange={(event) => change(event.target.value)} onBlur={onBlur} />
  return (
    <>
      <Input {...wiring} value={text} list={`${wiring.id}-words`} spellCheck={false} onChange={(event) => change(event.target.value)} onBlur={onBlur} />
      <datalist id={`${wiring.id}-words`}>
        {words(schema).map((word) => (
          <option key={word} value={word} />
        ))}
      </datalist>
    </>
  )
}

/** The typed text as a number; kept as text while it is none, so that nothing typed is lost. */
function number(text: string): unknown {
  if (text.trim() === '') return undefined
  return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text
}

export function SwitchField({ label, help, error, isOn, onChange }: { label: string; help?: string | undefined; error?: string | undefined; isOn: boolean; onChange: (isOn: boolean) => void }) {
  return (
    <div className="flex items-start justify-between gap-4">
      <div>
        <div className="text-13 font-medium">{label}</div>
        {(error ?? help) !== undefined && <p className={error === undefined ? 'text-12 text-ink-3' : 'text-12 text-failed'}>{error ?? help}</p>}
      </div>
      <Switch label={label} isOn={isOn} onChange={onChange} />
    </div>
  )
}
