// Settings of the installation: what holds, who said so, and what waits for a new start.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { RotateCw, SearchX } from 'lucide-react'
import { useState } from 'react'
import { api, ok } from '../api/client'
import { asError } from '../api/error'
import type { Setting, Settings } from '../api/types'
import { Button } from '../kit/button'
import { Confirm } from '../kit/dialog'
import { Empty } from '../kit/empty'
import { ErrorBox } from '../kit/error'
import { Input, SearchInput, SecretInput, Switch } from '../kit/field'
import { notify } from '../kit/notice'
import { Skeleton } from '../kit/skeleton'
import { asSentence, wordOf } from '../kit/state'
import { Card, Content, Header, Section } from '../shell/header'
import { Requirement } from '../workspace/requirement'
import { MailCheck } from './mail'
import { Providers } from './providers'
import { SettingsTabs } from './tabs'
import { groups, parse, shown } from './value'

const KEY = ['platform-settings']

export function Page() {
  const list = useQuery({ queryKey: KEY, queryFn: ({ signal }) => ok(api.GET('/api/v1/platform-settings', { signal })) })
  const [search, setSearch] = useState('')
  const word = search.toLowerCase()
  const found = list.data?.items.filter((each) => `${each.name} ${each.says} ${each.variable}`.toLowerCase().includes(word))
  return (
    <>
      <Header title="Platform" above={{ label: 'Settings', link: { to: '/settings' } }} actions={list.data?.restart_required === true && <Restart />} />
      <SettingsTabs />
      <Content>
        <div className="mx-auto flex max-w-3xl flex-col gap-8">
          {list.data?.restart_required === true && (
            <p role="status" className="rounded border border-degraded/40 bg-degraded-soft px-4 py-3 text-13">
              Some changes wait for the server to start anew. Games go on meanwhile.
            </p>
          )}
          <Requirement who="everybody on this installation" isAllowed />
          <Providers />
          <SearchInput label="Search settings" value={search} onValue={setSearch} className="w-full sm:w-72" />
          {list.error !== null && list.data === undefined && <ErrorBox error={list.error} doing="read the settings" onRetry={() => void list.refetch()} />}
          {list.data === undefined && list.error === null && <Skeleton className="h-80 w-full" />}
          {found?.length === 0 && (
            <Empty icon={SearchX} title="No setting matches" action={<Button onClick={() => setSearch('')}>Clear the search</Button>}>
              Neither a name nor an explanation has these words in it.
            </Empty>
          )}
          {groups(found ?? []).map(([group, settings]) => (
            <Section key={group} title={wordOf(group)} action={group === 'mail' && <MailCheck />}>
              <Card className="divide-y divide-line">
                {settings.map((setting) => (
                  <Line key={`${setting.name} ${JSON.stringify(setting.value)} ${setting.is_set}`} setting={setting} />
                ))}
              </Card>
            </Section>
          ))}
        </div>
      </Content>
    </>
  )
}

const SOURCES: Record<Setting['source'], string> = { default: 'default', file: 'from the file', database: 'set here', environment: 'from the environment', flag: 'from the command line' }

function Line({ setting }: { setting: Setting }) {
  const client = useQueryClient()
  const [text, setText] = useState(setting.is_secret ? '' : shown(setting.value))
  const save = useMutation({
    mutationFn: (value: unknown) => ok(api.PATCH('/api/v1/platform-settings', { body: { values: { [setting.name]: value } } })),
    onSuccess: (fresh: Settings) => client.setQueryData(KEY, fresh),
  })
  const isChanged = setting.is_secret ? text !== '' : text !== shown(setting.value)
  const label = `Value of ${setting.name}`
  const control = {
    'aria-label': label,
    value: text,
    placeholder: setting.is_secret && setting.is_set ? 'set, not shown' : 'not set',
    onChange: (change: { target: { value: string } }) => setText(change.target.value),
  }
  const error = save.error === null ? undefined : asError(save.error)
  return (
    <form
      className="flex flex-col gap-2 px-4 py-3"
      onSubmit={(submit) => {
        submit.preventDefault()
        save.mutate(parse(text, setting.value))
      }}
    >
      <div className="flex flex-wrap items-start gap-x-6 gap-y-2">
        <div className="min-w-60 flex-1">
          <div className="flex flex-wrap items-baseline gap-x-2">
            <code className="font-mono text-13 font-medium">{setting.name}</code>
            <span className="text-12 text-ink-3" title={setting.variable}>
              {SOURCES[setting.source]}
            </span>
            {setting.is_pending && <span className="text-12 text-degraded">from the next start on</span>}
          </div>
          <p className="mt-0.5 text-12 text-ink-3">{setting.says}</p>
        </div>
        <div className="flex w-full items-center gap-2 sm:w-72">
          {!setting.is_editable ? (
            <code className="min-w-0 flex-1 truncate py-1.5 font-mono text-12 text-ink-2" title={shown(setting.value)}>
              {setting.is_secret ? (setting.is_set ? 'set, not shown' : 'not set') : shown(setting.value) || 'not set'}
            </code>
          ) : typeof setting.value === 'boolean' ? (
            <Switch label={label} isOn={save.isPending ? save.variables === true : setting.value} onChange={(isOn) => save.mutate(isOn)} />
          ) : setting.is_secret ? (
            <div className="flex-1">
              <SecretInput {...control} autoComplete="off" />
            </div>
          ) : (
            <Input {...control} className="font-mono text-12" autoComplete="off" spellCheck={false} />
          )}
          {isChanged && (
            <Button small look="main" type="submit" isPending={save.isPending}>
              Save
            </Button>
          )}
          {!isChanged && setting.source === 'database' && (
            <Button small look="ghost" isPending={save.isPending} onClick={() => save.mutate(null)}>
              Reset
            </Button>
          )}
        </div>
      </div>
      {error !== undefined && (
        <p role="alert" className="text-12 text-failed">
          {asSentence(Object.values(error.fields)[0] ?? error.message)}
        </p>
      )}
    </form>
  )
}

function Restart() {
  const [isOpen, setOpen] = useState(false)
  const restart = useMutation({
    mutationFn: () => ok(api.POST('/api/v1/platform-settings/restart')),
    onSuccess: () => {
      setOpen(false)
      notify('The server starts anew. This page goes on by itself.')
    },
  })
  return (
    <>
      <Button icon={RotateCw} onClick={() => setOpen(true)}>
        Start the server anew
      </Button>
      <Confirm
        isOpen={isOpen}
        onClose={() => setOpen(false)}
        title="Start the server anew?"
        losses={['For some seconds nobody can sign in or change anything.', 'Games go on: their nodes look after them.']}
        verb="Start anew"
        isPending={restart.isPending}
        error={restart.error}
        onConfirm={() => restart.mutate()}
      />
    </>
  )
}
